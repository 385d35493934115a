//! From an image file, or an unpacked image, to gray values: light ink on dark paper.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::error::{LimitError, LimitErrorKind};
use image::{DynamicImage, GrayImage, ImageError, ImageReader, ImageResult, Limits, Luma, imageops};

use crate::{Error, polarity};

/// The most pixels along one side of an image that is read.
const MAX_SIDE: u32 = 10_000;
/// The most pixels of an image: a large camera's, and what is looked through in less than a second.
const MAX_PIXELS: u64 = 25_000_000;
/// The most bytes of a file.
const MAX_FILE_BYTES: u64 = 32 << 20;
/// The most memory that unpacking it may take; with the file and the gray picture it stays below 256 MiB.
const MAX_DECODED_BYTES: u64 = 100 << 20;

/// A gray picture with light ink on a dark ground, of the size it came in.
#[derive(Clone, Debug)]
pub struct Picture(GrayImage);

impl Picture {
    /// Reads the image file at `path`.
    ///
    /// # Errors
    /// As [`Picture::from_stream`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.into(), source };
        Self::from_stream(File::open(path).map_err(failed)?, path)
    }

    /// Reads an image from `stream`, which messages call `name`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::TooLong`] if it does not end, and as [`Picture::from_bytes`].
    pub fn from_stream(stream: impl Read, name: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let read = stream.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|source| Error::Io { path: name.into(), source })?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::TooLong { path: name.into(), limit: MAX_FILE_BYTES });
        }
        Self::from_bytes(&bytes)
    }

    /// Unpacks a PNG or JPEG.
    ///
    /// # Errors
    /// [`Error::Image`] if the bytes are neither or are damaged, [`Error::TooLarge`] if the image has more than 10,000
    /// pixels along a side, more than 25 million in all, or takes more than 100 MiB of memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let image = decode(bytes).map_err(|error| match error {
            ImageError::Limits(_) => Error::TooLarge(format!(
                "{MAX_SIDE} pixels along a side, {} million in all and {} MiB unpacked",
                MAX_PIXELS / 1_000_000,
                MAX_DECODED_BYTES >> 20
            )),
            other => Error::Image(other.to_string().trim().replace('\n', " ")),
        })?;
        Ok(Self::new(&image))
    }

    /// A picture of an unpacked image, dark on light or light on dark, with or without transparency.
    pub fn new(image: &DynamicImage) -> Self {
        let mut gray = flatten(image);
        if polarity::has_dark_ink(&gray) {
            imageops::invert(&mut gray);
        }
        Self(gray)
    }

    /// Its gray values.
    pub(crate) fn gray(&self) -> &GrayImage {
        &self.0
    }
}

/// Unpacks a PNG or JPEG within the limits.
fn decode(bytes: &[u8]) -> ImageResult<DynamicImage> {
    let open = || ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    // What cannot be told here, decoding tells.
    let (width, height) = open()?.into_dimensions().unwrap_or_default();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError)));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = open()?;
    reader.limits(limits);
    reader.decode()
}

/// The image in gray over a ground of the other end: transparent drawings are black ink or white ink, and only a ground
/// unlike the ink shows them.
fn flatten(image: &DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.to_luma8();
    }
    let pixels = image.to_luma_alpha8();
    let (ink, opacity) = pixels.pixels().fold((0_u64, 0_u64), |(ink, opacity), pixel| {
        let [gray, alpha] = pixel.0.map(u64::from);
        (ink + gray * alpha, opacity + alpha)
    });
    let ground = if 2 * ink < 255 * opacity { 255_u32 } else { 0 };
    let blend = |x, y| {
        let [gray, alpha] = pixels.get_pixel(x, y).0.map(u32::from);
        Luma([((gray * alpha + ground * (255 - alpha) + 127) / 255) as u8])
    };
    GrayImage::from_fn(pixels.width(), pixels.height(), blend)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, LumaA};
    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::{GridShape, stitch_u8, synthetic};

    use super::*;
    use crate::resample::resample;

    /// A grid of digits, higher than wide so that swapped axes show.
    fn grid() -> GrayImage {
        let shape = GridShape { rows: 3, cols: 2 };
        let mut pixels = vec![0; shape.pixels()];
        stitch_u8(&synthetic::digits(Split::Test, 6, 0), &[0, 1, 2, 3, 4, 5], shape, &mut pixels);
        GrayImage::from_raw(56, 84, pixels).unwrap()
    }

    fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
    }

    #[test]
    fn every_way_to_draw_a_grid_gives_the_grid() {
        let grid = grid();
        let mut dark_on_light = grid.clone();
        imageops::invert(&mut dark_on_light);
        let ink = |value| {
            DynamicImage::from(image::ImageBuffer::from_fn(56, 84, |x, y| {
                LumaA([value, grid.get_pixel(x, y)[0]])
            }))
        };
        let large = imageops::resize(&grid, 560, 840, imageops::Nearest);
        let cases = [
            ("as it is", DynamicImage::from(grid.clone()), 0.0),
            ("dark on light", dark_on_light.clone().into(), 0.0),
            ("color", DynamicImage::from(DynamicImage::from(grid.clone()).to_rgb8()), 0.0),
            ("black ink on nothing", ink(0), 0.0),
            ("white ink on nothing", ink(255), 0.0),
            ("ten times the size", large.into(), 0.0),
        ];
        for (name, image, tolerance) in cases {
            let picture = Picture::from_bytes(&bytes(&image, ImageFormat::Png)).unwrap();
            let difference = mean_difference(&resample(picture.gray(), 56, 84), grid.as_raw());
            assert!(difference <= tolerance, "{name}: {difference} gray levels from the grid");
        }
        let jpeg = Picture::from_bytes(&bytes(&dark_on_light.into(), ImageFormat::Jpeg)).unwrap();
        assert!(mean_difference(&resample(jpeg.gray(), 56, 84), grid.as_raw()) < 6.0);
    }

    #[test]
    fn what_is_no_image_or_too_large_is_refused() {
        let message = |bytes: &[u8]| Picture::from_bytes(bytes).unwrap_err().to_string();
        assert!(message(b"a text file").contains("cannot be read as an image"));
        let whole = bytes(&grid().into(), ImageFormat::Png);
        assert!(message(&whole[..whole.len() / 2]).contains("cannot be read as an image"));
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]); // 30,000 x 30,000
        let checksum = crc32(&huge[12..29]);
        huge[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(message(&huge).starts_with("is larger than the 10000 pixels"), "{}", message(&huge));
    }

    /// The checksum of a PNG chunk, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        !bytes.iter().fold(!0_u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
    }
}
