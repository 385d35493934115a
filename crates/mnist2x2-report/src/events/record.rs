//! Records of a `TFRecord` file: each with its length, and a checksum of the length and of the content.
//!
//! The checksum is CRC-32C, bit by bit: a record has fifty bytes, so a table or a crate that computes it with the
//! processor's own instruction would buy nothing.

/// The reversed Castagnoli polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The CRC-32C of `bytes` (G. Castagnoli et al., 1993; RFC 3720, section 12.1).
fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
}

/// The checksum as `TFRecord` files hold it: rotated and shifted, since the CRC of data that holds its own CRC is no good.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// `content` as a record.
pub(super) fn framed(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    [&length, masked_crc(&length).as_slice(), content, &masked_crc(content)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 3720, appendix B.4, and the check value of the catalogues of CRCs.
    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&std::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_record_has_twelve_bytes_before_its_content_and_four_after() {
        let record = framed(b"content");
        assert_eq!(record[..8], 7_u64.to_le_bytes());
        assert_eq!(record[12..19], *b"content");
        assert_eq!(record.len(), 12 + 7 + 4);
    }
}
