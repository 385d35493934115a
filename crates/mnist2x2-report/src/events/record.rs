//! Records of a `TFRecord` file: each with its length, and a checksum of the length and of the content.
//!
//! The checksum is CRC-32C, twenty lines and a table made while compiling: a record has fifty bytes, so a crate that
//! computes it with the processor's own instruction would buy nothing.

/// The reversed Castagnoli polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The remainder of each byte.
const REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut remainder, mut bit) = (byte as u32, 0);
        while bit < 8 {
            remainder = remainder >> 1 ^ if remainder & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

/// The CRC-32C of `bytes` (G. Castagnoli et al., 1993; RFC 3720, section 12.1).
fn crc32c(bytes: &[u8]) -> u32 {
    let next = |crc: u32, byte: &u8| crc >> 8 ^ REMAINDERS[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(!0, next)
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
