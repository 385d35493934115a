//! One correction, the rules it obeys, and its form as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// The most bytes of a picture.
pub const MAX_PICTURE_BYTES: usize = 2 << 20;
/// The most bytes of strokes, written as JSON without spaces.
pub const MAX_STROKES_BYTES: usize = 1 << 20;
/// The most characters of a key.
const MAX_KEY: usize = 128;
/// The most bytes of a source.
const MAX_SOURCE: usize = 1024;
/// The most cells of a grid.
const MAX_CELLS: usize = 64;
/// The end of the year 9999, in milliseconds since the beginning of 1970: later times are mistakes of unit.
const MAX_TIME: u64 = 253_402_300_799_999;
/// The bytes of a digit that was found: 28 x 28 pixels.
const DIGIT_BYTES: usize = 28 * 28;
/// How every PNG begins.
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What a model read in a drawing, and what is right.
///
/// As JSON it is an object with these names, bytes in base64 (RFC 4648, section 4), and no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// What the correction is known by: 1 to 128 characters of ASCII letters, digits, `-`, `_`, `.` and `:`.
    pub key: String,
    /// When it was made, in milliseconds since the beginning of 1970, UTC.
    pub time: u64,
    /// SHA-256 of the model's weights, in hexadecimal.
    pub model: String,
    /// What the model read, cell by cell, row by row, `_` for an empty cell; of [`Correction::found`], digit by digit.
    pub read: String,
    /// What is right, in the same form; of [`Correction::found`], `_` for what is no digit.
    pub right: String,
    /// The drawing as strokes: an object or an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strokes: Option<Value>,
    /// The drawing as a PNG.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bytes")]
    pub picture: Option<Vec<u8>>,
    /// The digits of a drawing of any arrangement, as they were found: each 28 x 28 gray values, 0 paper to 255 ink, row by
    /// row, one digit after another in reading order.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bytes")]
    pub found: Option<Vec<u8>>,
    /// Where it came from, in free words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Correction {
    /// Checks every rule: the fields' forms, a drawing in one form at least, and the limits on sizes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first field that breaks one.
    pub fn check(&self) -> Result<(), Error> {
        check_key(&self.key)?;
        rule("time", self.time <= MAX_TIME, "must be milliseconds since 1970, before the year 10000")?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_digest = self.model.len() == 64 && self.model.bytes().all(is_hex);
        rule("model", is_digest, "must be a SHA-256 in 64 lower-case hexadecimal digits")?;
        check_digits("read", &self.read)?;
        check_digits("right", &self.right)?;
        let cells = self.read.len();
        rule("right", self.right.len() == cells, format!("must be of {cells} cells, as `read` is"))?;
        self.check_drawing()?;
        let source = self.source.as_deref().unwrap_or_default();
        rule("source", source.len() <= MAX_SOURCE, format!("must have at most {MAX_SOURCE} bytes"))
    }

    fn check_drawing(&self) -> Result<(), Error> {
        let is_there = self.strokes.is_some() || self.picture.is_some() || self.found.is_some();
        rule("strokes", is_there, "must be given if neither `picture` nor `found` is")?;
        if let Some(strokes) = &self.strokes {
            rule("strokes", strokes.is_object() || strokes.is_array(), "must be an object or an array")?;
            let size = strokes.to_string().len();
            let problem = || format!("have {size} bytes, and at most {MAX_STROKES_BYTES} are kept");
            rule("strokes", size <= MAX_STROKES_BYTES, problem())?;
        }
        if let Some(picture) = &self.picture {
            let size = picture.len();
            let problem = || format!("has {size} bytes, and at most {MAX_PICTURE_BYTES} are kept");
            rule("picture", size <= MAX_PICTURE_BYTES, problem())?;
            rule("picture", picture.starts_with(&PNG), "must be a PNG")?;
        }
        self.found.as_ref().map_or(Ok(()), |found| self.check_found(found))
    }

    fn check_found(&self, found: &[u8]) -> Result<(), Error> {
        let (size, digits) = (found.len(), self.read.len());
        let problem =
            format!("has {size} bytes, but {digits} digits of 28 x 28 have {}", digits * DIGIT_BYTES);
        rule("found", size == digits * DIGIT_BYTES, problem)?;
        let blank = found.chunks(DIGIT_BYTES).position(|digit| digit.iter().all(|&gray| gray == 0));
        let number = blank.map_or(0, |digit| digit + 1);
        rule("found", blank.is_none(), format!("has no ink in digit {number} of {digits}; leave it out"))
    }

    /// Whether `other` says the same, whenever it was said.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { time: self.time, ..other.clone() }
    }
}

fn rule(field: &'static str, holds: bool, problem: impl Into<String>) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Invalid { field, problem: problem.into() }) }
}

fn check_key(key: &str) -> Result<(), Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let holds = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(is_allowed);
    rule("key", holds, format!("must be 1 to {MAX_KEY} characters of a-z, A-Z, 0-9, `-`, `_`, `.` and `:`"))
}

fn check_digits(field: &'static str, text: &str) -> Result<(), Error> {
    let is_cell = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let holds = (1..=MAX_CELLS).contains(&text.len()) && text.bytes().all(is_cell);
    rule(field, holds, format!("must be 1 to {MAX_CELLS} characters of 0-9, and `_` for an empty cell"))
}

/// Bytes as base64 in JSON.
mod bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde calls it with the field as it is")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_str(&STANDARD.encode(bytes)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| STANDARD.decode(text)).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::{correction, found};

    #[test]
    fn json_and_back_is_the_same_and_takes_one_line() {
        let whole = correction("a");
        let bare = Correction { picture: None, source: None, ..whole.clone() };
        for correction in [whole, bare, found("b")] {
            let text = serde_json::to_string(&correction).unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<Correction>(&text).unwrap(), correction, "{text}");
        }
    }

    #[test]
    fn each_rule_is_checked_and_named() {
        let whole = || correction("a");
        let png = |size: usize| Some([&PNG[..], &vec![0; size - PNG.len()]].concat());
        let cases = [
            ("key", Correction { key: String::new(), ..whole() }),
            ("key", Correction { key: "a b".into(), ..whole() }),
            ("key", Correction { key: "k".repeat(129), ..whole() }),
            ("time", Correction { time: 253_402_300_800_000, ..whole() }),
            ("model", Correction { model: "0a".into(), ..whole() }),
            ("model", Correction { model: "0A".repeat(32), ..whole() }),
            ("read", Correction { read: "40 1".into(), ..whole() }),
            ("right", Correction { right: String::new(), ..whole() }),
            ("right", Correction { right: "407".into(), ..whole() }),
            ("right", Correction { right: "40७1".into(), ..whole() }),
            ("strokes", Correction { strokes: None, picture: None, ..whole() }),
            ("strokes", Correction { strokes: Some(json!("text")), ..whole() }),
            ("strokes", Correction { strokes: Some(json!(["x".repeat(1 << 20)])), ..whole() }),
            ("picture", Correction { picture: Some(b"GIF89a".to_vec()), ..whole() }),
            ("picture", Correction { picture: png((2 << 20) + 1), ..whole() }),
            ("source", Correction { source: Some("s".repeat(1025)), ..whole() }),
            ("found", Correction { found: Some(Vec::new()), ..whole() }),
            ("found", Correction { found: Some(vec![1; 4 * 784 - 1]), ..whole() }),
            ("found", Correction { found: Some(vec![1; 5 * 784]), ..whole() }),
            (
                "found",
                Correction {
                    found: Some([vec![1; 784], vec![0; 784], vec![1; 2 * 784]].concat()),
                    ..whole()
                },
            ),
            ("right", Correction { right: "40981".into(), ..found("a") }),
            (
                "read",
                Correction {
                    read: "4".repeat(65),
                    right: "4".repeat(65),
                    found: Some(vec![1; 65 * 784]),
                    ..whole()
                },
            ),
        ];
        for (named, correction) in cases {
            let error = correction.check().unwrap_err();
            assert!(matches!(error, Error::Invalid { field, .. } if field == named), "{named}: {error}");
        }
        let at_the_limits = Correction {
            key: "k".repeat(128),
            strokes: Some(json!(["x".repeat((1 << 20) - 4)])),
            picture: png(2 << 20),
            ..whole()
        };
        at_the_limits.check().unwrap();
        let (read, right) = ("4".repeat(64), "_".repeat(64));
        Correction { read, right, found: Some(vec![1; 64 * 784]), ..found("a") }.check().unwrap();
    }

    #[test]
    fn json_of_another_form_is_refused() {
        let good = serde_json::to_value(correction("a")).unwrap();
        for (field, value) in [
            ("colour", json!(1)),
            ("picture", json!("not base64")),
            ("found", json!([1, 2])),
            ("time", json!(-1)),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(serde_json::from_value::<Correction>(bad).is_err(), "{field}");
        }
    }
}
