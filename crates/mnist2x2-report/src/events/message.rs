//! The messages of `event.proto` and `summary.proto` that scalars need, in the wire format of Protocol Buffers.

/// A message `Event`: when it happened, in seconds since 1970, at which step, and what.
pub(super) fn event(wall_time: f64, step: u64, what: &[u8]) -> Vec<u8> {
    [&double(1, wall_time), &integer(2, step), what].concat()
}

/// The first event of each file says the format's version. From 2 on, only [`start`] voids earlier events.
pub(super) fn file_version() -> Vec<u8> {
    bytes(3, b"brain.Event:2")
}

/// The run starts, or goes on, at the event's step: `session_log` with `status: START`.
pub(super) fn start() -> Vec<u8> {
    bytes(7, &integer(1, 1))
}

/// A number was measured: `summary` with one `value`, which has a `tag` and a `simple_value`.
pub(super) fn scalar(tag: &str, value: f32) -> Vec<u8> {
    bytes(5, &bytes(1, &[bytes(1, tag.as_bytes()), float(2, value)].concat()))
}

/// An integer in groups of seven bits, the lowest first; all groups but the last have the eighth bit set.
fn varint(mut x: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while x > 0x7f {
        bytes.push(x as u8 | 0x80);
        x >>= 7;
    }
    bytes.push(x as u8);
    bytes
}

/// What stands before a field: its number, and how its value is encoded.
fn key(field: u64, wire_type: u64) -> Vec<u8> {
    varint(field << 3 | wire_type)
}

/// Zero is what a reader assumes where the field is missing.
fn integer(field: u64, x: u64) -> Vec<u8> {
    if x == 0 { Vec::new() } else { [key(field, 0), varint(x)].concat() }
}

fn double(field: u64, x: f64) -> Vec<u8> {
    [key(field, 1), x.to_le_bytes().to_vec()].concat()
}

fn bytes(field: u64, x: &[u8]) -> Vec<u8> {
    [key(field, 2), varint(x.len() as u64), x.to_vec()].concat()
}

fn float(field: u64, x: f32) -> Vec<u8> {
    [key(field, 5), x.to_le_bytes().to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the description of the wire format.
    #[test]
    fn integers_take_seven_bits_a_byte() {
        assert_eq!(integer(1, 150), [0x08, 0x96, 0x01]);
        assert!(integer(1, 0).is_empty());
        assert_eq!(bytes(2, b"testing"), b"\x12\x07testing");
        assert_eq!([varint(0), varint(127), varint(128)], [vec![0], vec![127], vec![128, 1]]);
        assert_eq!(varint(u64::MAX).len(), 10);
    }

    #[test]
    fn a_scalar_is_a_summary_of_one_value() {
        let event = event(1.5, 300, &scalar("loss", 0.25));
        let value = b"\x0a\x04loss\x15\x00\x00\x80\x3e";
        let expected = [
            b"\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x10\xac\x02".as_slice(),
            &[0x2a, value.len() as u8 + 2, 0x0a, value.len() as u8],
            value,
        ];
        assert_eq!(event, expected.concat());
    }
}
