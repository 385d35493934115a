//! What can go wrong in this crate.

/// An error of the model crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sizes that no model can have.
    #[error("model configuration: `{field}` {problem}")]
    Config {
        /// The field of [`crate::Config`].
        field: &'static str,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// An image or token tensor of the wrong shape.
    #[error("{what} must have shape {expected}, not {found:?}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// The shape asked for, in the crate's letters.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// Tensors that do not fit the architecture: missing, extra, misshapen, not f32, not finite.
    #[error("the tensors do not fit the model: {0}")]
    Tensors(String),
    /// An operation of candle failed: out of memory, a device that went away.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
