//! MNIST's four unpacked files through candle-datasets' own reader.
//!
//! [`mnist::load`](crate::mnist::load) reads more forms, checks what it reads and needs none of this. The module is
//! here for those who have candle-datasets in their project anyway, and to hold our reader against that one. It is
//! off by default because candle-datasets brings parquet, tokio and TLS, ten minutes of building on one core; its
//! reader also allocates what a file's header asks for, so give it files that you trust.

use std::path::Path;

use candle_core::Tensor;
use candle_datasets::vision::mnist;

use crate::digits::Digits;
use crate::error::Error;

/// The training and the test digits in the folder `dir`, whose four files must be unpacked.
///
/// # Errors
/// [`Error::Hub`] if candle-datasets cannot read them, [`Error::PixelCount`] or [`Error::NotADigit`] if they are no
/// digits of 28 x 28.
pub fn load_dir(dir: &Path) -> Result<(Digits, Digits), Error> {
    let failed = |source: candle_core::Error| Error::Hub { dir: dir.into(), source: source.into() };
    let set = mnist::load_dir(dir).map_err(failed)?;
    let [train, test] = [(&set.train_images, &set.train_labels), (&set.test_images, &set.test_labels)]
        .map(|(images, labels)| unpack(images, labels).map_err(failed));
    let ((train_pixels, train_labels), (test_pixels, test_labels)) = (train?, test?);
    Ok((Digits::new(train_pixels, train_labels)?, Digits::new(test_pixels, test_labels)?))
}

/// Gray values and labels of tensors of shape n x 784, from 0 to 1, and n.
fn unpack(images: &Tensor, labels: &Tensor) -> candle_core::Result<(Vec<u8>, Vec<u8>)> {
    let shares: Vec<f32> = images.flatten_all()?.to_vec1()?; // n * 784
    let pixels = shares.into_iter().map(|share| (share * 255.0).round() as u8).collect();
    Ok((pixels, labels.to_vec1()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::digits::PIXELS;
    use crate::mnist::{FILES, Split, load};

    #[test]
    fn both_readers_read_the_same_digits() {
        let dir = tempfile::tempdir().unwrap();
        for (file, count) in FILES.iter().zip([7_u32, 7, 3, 3]) {
            let items = count as usize * file.kind.item_len();
            let items = (0..items).map(|i| (i * 37 + count as usize) % if items < PIXELS { 10 } else { 256 });
            let bytes: Vec<u8> =
                file.kind.header(count).into_iter().chain(items.map(|item| item as u8)).collect();
            fs::write(dir.path().join(file.name), bytes).unwrap();
        }
        let (train, test) = load_dir(dir.path()).unwrap();
        assert_eq!((train.len(), test.len()), (7, 3));
        assert_eq!(train, load(dir.path(), Split::Train).unwrap());
        assert_eq!(test, load(dir.path(), Split::Test).unwrap());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = load_dir(Path::new("no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
