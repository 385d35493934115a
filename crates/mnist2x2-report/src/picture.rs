//! Grey pictures inside a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder, ImageResult};

/// The picture as a `data:` URI, for the `href` of an image.
pub(crate) fn data_uri(picture: &GrayImage) -> ImageResult<String> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::L8)?;
    Ok(format!("data:image/png;base64,{}", base64(&png)))
}

/// Base64 in the alphabet of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn base64_is_as_the_standard_says() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_picture_is_a_png() {
        let uri = data_uri(&GrayImage::from_fn(5, 3, |x, y| image::Luma([(x * 40 + y) as u8]))).unwrap();
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgo"), "the signature of PNG: {uri}");
        assert!(data_uri(&GrayImage::new(0, 3)).is_err());
    }
}
