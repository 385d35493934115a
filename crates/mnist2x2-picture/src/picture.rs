//! From an image file, or an unpacked image, to gray values: light ink on dark paper.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, imageops};

use crate::decode::{Gray, decode};
use crate::{Error, polarity};

/// The most bytes of a file.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// A gray picture with light ink on a dark ground, upright.
#[derive(Clone, Debug)]
pub struct Picture {
    gray: GrayImage,
    /// Width and height of the image that it was made of.
    size: [u32; 2],
}

impl Picture {
    /// The most bytes of a file that is read.
    pub const MAX_FILE_BYTES: u64 = MAX_FILE_BYTES;

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

    /// Unpacks a PNG, JPEG, WebP, BMP, GIF (its first picture) or TIFF, and turns it upright where it says how it was held.
    ///
    /// # Errors
    /// [`Error::Image`] if the bytes are none of them or are damaged, [`Error::TooLarge`] if the image has more than 20,000
    /// pixels along a side, more than 64 million in all, or takes more than 200 MiB of memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).map(Self::of)
    }

    /// A picture of an unpacked image, dark on light or light on dark, with or without transparency.
    pub fn new(image: &DynamicImage) -> Self {
        Self::of(Gray::new(image.clone(), Orientation::NoTransforms))
    }

    fn of(Gray { image: mut gray, size }: Gray) -> Self {
        if polarity::has_dark_ink(&gray) {
            imageops::invert(&mut gray);
        }
        Self { gray, size }
    }

    /// Its gray values, at most 2,400 along a side.
    pub(crate) fn gray(&self) -> &GrayImage {
        &self.gray
    }

    /// Width and height of the upright image, in pixels.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

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
        assert!(message(&huge).starts_with("is larger than the 20000 pixels"), "{}", message(&huge));
    }

    /// The checksum of a PNG chunk, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        !bytes.iter().fold(!0_u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
    }
}
