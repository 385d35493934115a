//! Small files that claim or unpack to much.

use std::fs;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ExtendedColorType, ImageEncoder};
use mnist2x2_data::mnist::{self, Split};
use mnist2x2_data::{GridShape, PIXELS};
use mnist2x2_picture::{ModelInput, Picture};

use crate::limits::{Clock, MAX_MEMORY, MAX_TIME, most_held};

/// What `work` gives, within the limits on time and memory.
fn within_limits<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let (clock, mut result) = (Clock::start(), None);
    let held = most_held(|| result = Some(work()));
    let time = clock.time();
    assert!(time <= MAX_TIME, "{name} takes {time:?}");
    assert!(held <= MAX_MEMORY, "{name} takes {held} bytes");
    result.unwrap()
}

/// A gzip file of `header` and so many zeros.
fn gzip_of_zeros(header: [u32; 4], zeros: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for word in header {
        encoder.write_all(&word.to_be_bytes()).unwrap();
    }
    io::copy(&mut io::repeat(0).take(zeros), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_gzip_bomb_is_read_no_further_than_its_header_says_and_no_header_is_believed() {
    let [images, labels] = Split::Train.files().map(|file| file.name);
    let most = ((192 << 20) / PIXELS - 1) as u32;
    for (name, count, zeros) in [
        ("goes on for a gigabyte", 3, 1 << 30),
        ("as long as the header says, and that is much", most, u64::from(most) * PIXELS as u64),
        ("a header of four thousand million images", u32::MAX, 100),
        ("a header of many images, and none", 200_000, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let bomb = gzip_of_zeros([0x803, count, 28, 28], zeros);
        fs::write(folder.path().join(format!("{images}.gz")), bomb).unwrap();
        fs::write(folder.path().join(labels), [0, 0, 8, 1, 0, 0, 0, 0]).unwrap();
        let error = within_limits(name, || mnist::load(folder.path(), Split::Train).unwrap_err());
        assert!(error.to_string().contains(images), "{name}: {error}");
    }
}

/// A PNG of one color.
fn blank_png(width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![90; (width * height) as usize * usize::from(color.bits_per_pixel() / 8)];
    image::codecs::png::PngEncoder::new(&mut bytes).write_image(&pixels, width, height, color).unwrap();
    bytes
}

#[test]
fn a_picture_bomb_is_refused_or_read_within_the_limits() {
    let shape = GridShape { rows: 2, cols: 2 };
    for (side, color) in [
        (10_001, ExtendedColorType::L8),
        (10_000, ExtendedColorType::L8),
        (5_000, ExtendedColorType::L8),
        (5_000, ExtendedColorType::Rgb8),
        (5_000, ExtendedColorType::Rgba8),
        (5_000, ExtendedColorType::Rgba16),
        (3_500, ExtendedColorType::Rgba16),
    ] {
        let bomb = blank_png(side, side, color);
        within_limits(&format!("{side} x {side} of {color:?}"), || {
            Picture::from_bytes(&bomb).map(|picture| ModelInput::from_picture(&picture, shape)).ok()
        });
    }
    println!("promise: no bomb unpacks further than the limits | gzip and PNG");
}
