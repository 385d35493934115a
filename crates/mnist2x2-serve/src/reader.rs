//! [`Reader`]: the interface between the server and a model.

use axum::body::Bytes;
use mnist2x2_infer::api::{Answer, Drawing, ModelInfo, ReadOptions};

use crate::Error;

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
