//! [`Reader`]: the interface between the server and a model.

use axum::body::Bytes;
use mnist2x2_infer::Reading;
use mnist2x2_picture::Arrangement;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Drawing, Error};

/// A model that reads drawings and pictures.
///
/// One thread calls it, with whatever waits. A panic in it costs only the requests that cause one when read alone.
pub trait Reader: Send + Sync {
    /// What the model is.
    fn model(&self) -> &ModelInfo;

    /// Reads a batch: an answer or an error for each input, in their order.
    ///
    /// An error is [`Error::Input`] if the input is at fault, and any other if the model is.
    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>>;
}

/// What a model is, as `GET /api/model` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// SHA-256 of the weights, in hexadecimal.
    pub digest: String,
    /// Where it came from, for people.
    pub source: String,
    /// How many numbers were learnt.
    pub parameters: usize,
    /// The rows of the grid that it reads.
    pub rows: usize,
    /// The columns of the grid that it reads.
    pub cols: usize,
    /// Whether its confidences were calibrated to match frequencies.
    pub calibrated: bool,
}

impl ModelInfo {
    /// A model that reads grids of `rows` x `cols` cells, without parameters and not calibrated.
    pub fn new(digest: impl Into<String>, source: impl Into<String>, rows: usize, cols: usize) -> Self {
        let (digest, source) = (digest.into(), source.into());
        Self { digest, source, parameters: 0, rows, cols, calibrated: false }
    }

    /// How many digits there can be.
    pub fn cells(&self) -> usize {
        self.rows * self.cols
    }
}

/// An input to be read, and what is wanted beside the reading.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Input {
    /// The picture or drawing.
    pub content: Content,
    /// What is wanted beside the reading.
    pub options: ReadOptions,
}

/// A picture or a drawing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A picture's file, as it came: it may be anything.
    Picture(Bytes),
    /// Strokes, checked against the [`ModelInfo::cells`] of the model that read when they came: after a reload it may
    /// be another.
    Drawing(Drawing),
}

/// What is wanted beside the reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The picture that the model is given.
    #[serde(rename = "seen")]
    pub image: bool,
    /// The decoder's attention to the patches of that picture; nothing if the digits do not lie in the model's own grid.
    pub attention: bool,
    /// How the digits of a picture lie: `auto`, `line`, or rows and columns such as `2x2`.
    #[serde(deserialize_with = "parsed")]
    pub layout: Arrangement,
}

fn parsed<'de, D: Deserializer<'de>>(from: D) -> Result<Arrangement, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The digits and how sure the model is of them.
    #[serde(flatten)]
    pub reading: Reading,
    /// The picture that the model was given, if [`ReadOptions::image`].
    #[serde(rename = "seen", skip_serializing_if = "Option::is_none")]
    pub image: Option<InputImage>,
    /// The weight of each patch for each digit written, if [`ReadOptions::attention`]: (T, N), each row summing to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Vec<Vec<f32>>>,
}

impl From<Reading> for Answer {
    /// The reading and nothing beside it.
    fn from(reading: Reading) -> Self {
        Self { reading, image: None, attention: None }
    }
}

/// The picture that a model was given: light ink on a dark ground.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputImage {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The gray levels row by row, from 0 for ground to 255 for ink; in JSON as base64 (RFC 4648, section 4).
    #[serde(serialize_with = "base64")]
    pub pixels: Vec<u8>,
}

fn base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    use base64::Engine;
    to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}
