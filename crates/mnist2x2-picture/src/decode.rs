//! From the bytes of an image file to gray values, upright and no larger than is looked at.

use std::io::Cursor;

use image::error::{LimitError, LimitErrorKind};
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader,
    ImageResult, Limits, Luma, Pixel,
};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::Error;
use crate::resample::resample;

/// The most pixels along one side of an image that is read.
const MAX_SIDE: u32 = 20_000;
/// The most pixels of an image: a large telephone's camera, or a page scanned with 600 dots an inch.
const MAX_PIXELS: u64 = 64_000_000;
/// The most memory that unpacking it may take.
const MAX_DECODED_BYTES: u64 = 200 << 20;
/// The most pixels along a side that are kept; digits on a page of larger pictures have more than enough.
const MAX_KEPT: u32 = 2_400;

/// An upright image in gray values, reduced by a whole factor if it is large.
pub(crate) struct Gray {
    pub(crate) image: GrayImage,
    /// Width and height before it was reduced.
    pub(crate) size: [u32; 2],
}

/// Unpacks an image of any kind that is read.
///
/// # Errors
/// [`Error::Image`] if the bytes are none or are damaged, [`Error::TooLarge`] if it is beyond the limits.
pub(crate) fn decode(bytes: &[u8]) -> Result<Gray, Error> {
    let (image, orientation) = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => decode_jpeg(bytes)?,
        Ok(format) if format.reading_enabled() => decode_other(bytes, format).map_err(refused)?,
        _ => return Err(Error::Image(what_it_is(bytes).into())),
    };
    Ok(Gray::new(image, orientation))
}

/// What is said of an image that is not unpacked.
fn refused(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooLarge(format!(
            "{MAX_SIDE} pixels along a side, {} million in all and {} MiB unpacked",
            MAX_PIXELS / 1_000_000,
            MAX_DECODED_BYTES >> 20
        )),
        other => Error::Image(other.to_string().trim().replace('\n', " ")),
    }
}

/// Refuses an image of too many pixels, before it is unpacked.
fn check_size(width: u32, height: u32) -> ImageResult<()> {
    let is_large = width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS;
    let too_large = || ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError));
    if is_large { Err(too_large()) } else { Ok(()) }
}

/// What bytes that are not read seem to be, and what to do.
fn what_it_is(bytes: &[u8]) -> &'static str {
    match (bytes.get(..4), bytes.get(4..12)) {
        (_, Some(b"ftypavif" | b"ftypavis")) => "it is an AVIF",
        (_, Some([b'f', b't', b'y', b'p', b'h' | b'm', ..])) => {
            "it is a HEIC, as telephones write; let the camera write JPEG (\"most compatible\")"
        }
        (Some(b"%PDF"), _) => "it is a PDF; save its page as a picture",
        (Some(b"<svg" | b"<?xm"), _) => "it is a drawing in SVG",
        (None, _) => "it is empty or cut off",
        _ => "its first bytes are those of no image",
    }
}

/// The brightness of a JPEG, without its colors, and how it was held.
fn decode_jpeg(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Error> {
    if !has_end(bytes) {
        return Err(Error::Image("the file ends before the picture does; copy or save it again".into()));
    }
    let damaged = |error: &dyn std::fmt::Debug| Error::Image(format!("the JPEG is damaged: {error:?}"));
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    // A vector, as the decoder of TIFF has it: code for slices beside it would be 25 kB more of the page without a server.
    #[cfg(target_family = "wasm")]
    let bytes = bytes.to_vec();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged(&"no size"))?;
    let [width, height] = [width, height].map(|side| side as u32);
    check_size(width, height).map_err(refused)?;
    let pixels = decoder.decode().map_err(|error| damaged(&error))?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let image = GrayImage::from_raw(width, height, pixels).ok_or_else(|| damaged(&"too few pixels"))?;
    Ok((image.into(), orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Whether a JPEG goes on to its end marker (ITU-T T.81, section B.1.1): decoders fill up what is missing with gray.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2; // Behind the marker that begins the image.
    loop {
        // Data of a scan, in which a zero follows 0xff, and restart markers; then fill bytes.
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
        let Some(next) = bytes.get(at..).and_then(|rest| rest.windows(2).position(is_marker)) else {
            return false;
        };
        at += next + 2;
        match (bytes[at - 1], bytes.get(at..at + 2)) {
            (0xd9, _) => return true,
            (_, Some(&[high, low])) => at += usize::from(u16::from_be_bytes([high, low])),
            (_, _) => return false,
        }
    }
}

/// The first picture of a file of any other kind, and how it was held.
fn decode_other(bytes: &[u8], format: ImageFormat) -> ImageResult<(DynamicImage, Orientation)> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation()?;
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// Whether width and height change places.
fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

impl Gray {
    /// The gray values of an image that was held so.
    pub(crate) fn new(image: DynamicImage, orientation: Orientation) -> Self {
        let gray = flatten(stretch(image));
        let (full, reduced) = (gray.dimensions(), reduce(gray));
        let mut upright = DynamicImage::from(reduced);
        upright.apply_orientation(orientation);
        let size = if swaps_sides(orientation) { [full.1, full.0] } else { [full.0, full.1] };
        Self { image: upright.into_luma8(), size }
    }
}

/// Cameras of 10, 12 and 14 bits leave the upper ones of 16 empty: then all values are raised.
fn stretch(image: DynamicImage) -> DynamicImage {
    let most = |values: &[u16]| values.iter().copied().max().unwrap_or(0);
    let (most, is_wide) = match &image {
        DynamicImage::ImageLuma16(gray) => (most(gray), true),
        DynamicImage::ImageRgb16(colors) => (most(colors), true),
        _ => (0, false),
    };
    let shift = most.leading_zeros().min(6) / 2 * 2;
    if !is_wide || most == 0 || shift == 0 {
        return image;
    }
    let raise = |values: &mut [u16]| values.iter_mut().for_each(|value| *value <<= shift);
    let mut image = image;
    match &mut image {
        DynamicImage::ImageLuma16(gray) => raise(gray),
        DynamicImage::ImageRgb16(colors) => raise(colors),
        _ => {}
    }
    image
}

/// The image in gray over a ground of the other end: transparent drawings are black ink or white ink, and only a ground
/// unlike the ink shows them.
fn flatten(image: DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.into_luma8();
    }
    let (mut ink, mut opacity) = (0, 0);
    for (_, _, pixel) in image.pixels() {
        let [gray, alpha] = pixel.to_luma_alpha().0.map(u64::from);
        (ink, opacity) = (ink + gray * alpha, opacity + alpha);
    }
    let ground = if 2 * ink < 255 * opacity { 255_u32 } else { 0 };
    let blend = |x, y| {
        let [gray, alpha] = image.get_pixel(x, y).to_luma_alpha().0.map(u32::from);
        Luma([((gray * alpha + ground * (255 - alpha) + 127) / 255) as u8])
    };
    GrayImage::from_fn(image.width(), image.height(), blend)
}

/// The image no larger than is kept, each pixel the mean of what it stands for.
fn reduce(image: GrayImage) -> GrayImage {
    let factor = image.width().max(image.height()).div_ceil(MAX_KEPT);
    if factor <= 1 {
        return image;
    }
    let [width, height] = [image.width(), image.height()].map(|side| (side / factor).max(1));
    let grays = resample(&image, width as usize, height as usize);
    GrayImage::from_raw(width, height, grays).unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Rgb};

    use super::*;

    /// 20 x 12, dark with a light upper left quarter.
    fn corner() -> GrayImage {
        GrayImage::from_fn(20, 12, |x, y| Luma([if x < 10 && y < 6 { 230 } else { 20 }]))
    }

    fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_jpeg_without_its_end_is_refused() {
        let whole = bytes(&corner().into(), ImageFormat::Jpeg);
        assert!(has_end(&whole) && decode(&whole).is_ok());
        for kept in [2, 3, 20, whole.len() / 2, whole.len() - 1] {
            assert!(!has_end(&whole[..kept]), "{kept} of {}", whole.len());
        }
        let Err(Error::Image(message)) = decode(&whole[..whole.len() - 2]) else { panic!("it is read") };
        assert!(message.contains("ends before the picture does"), "{message}");
    }

    #[test]
    fn pictures_are_turned_upright() {
        // Where the light quarter comes to lie: TIFF 6.0, tag 274.
        for (tag, [right, lower], swapped) in [
            (1, [false, false], false),
            (2, [true, false], false),
            (3, [true, true], false),
            (4, [false, true], false),
            (5, [false, false], true),
            (6, [true, false], true),
            (7, [true, true], true),
            (8, [false, true], true),
        ] {
            let gray = Gray::new(corner().into(), Orientation::from_exif(tag).unwrap());
            let size = if swapped { [12, 20] } else { [20, 12] };
            assert_eq!((gray.size, gray.image.dimensions()), (size, (size[0], size[1])), "{tag}");
            let place = |is_far: bool, side: u32| if is_far { side - 2 } else { 1 };
            let corner = gray.image.get_pixel(place(right, size[0]), place(lower, size[1]));
            assert_eq!(corner[0], 230, "{tag}");
        }
    }

    #[test]
    fn values_of_12_bits_in_16_are_raised() {
        let gray = |most: u16| ImageBuffer::from_fn(4, 3, |x, _| Luma([if x < 2 { most } else { most / 4 }]));
        let levels = |image: DynamicImage| {
            let gray = Gray::new(image, Orientation::NoTransforms).image;
            [gray.get_pixel(0, 0)[0], gray.get_pixel(3, 0)[0]]
        };
        let whole = levels(DynamicImage::ImageLuma16(gray(u16::MAX)));
        for most in [0x0fff, 0x3fff, 0x03ff] {
            let raised = levels(DynamicImage::ImageLuma16(gray(most)));
            assert!((0..2).all(|k| raised[k].abs_diff(whole[k]) <= 1), "{most:x}: {raised:?}");
        }
        let colors = ImageBuffer::from_fn(4, 3, |x, _| Rgb([if x < 2 { 0x0fff } else { 0x03ff }; 3]));
        let raised = levels(DynamicImage::ImageRgb16(colors));
        assert!((0..2).all(|k| raised[k].abs_diff(whole[k]) <= 1), "{raised:?}");
    }
}
