//! Reading pictures of handwritten digits with a trained model.
//!
//! [`Recognizer`] is the way in: picture in, digits and confidences out. Beneath it, [`greedy`] and [`beam_search`]
//! write sequences for whole batches, and [`Picture`] turns any image into what the model was trained on.
#![forbid(unsafe_code)]

mod error;

mod decoding;
mod beam;
mod picture;
mod reading;
mod recognizer;

pub use beam::beam_search;
pub use decoding::{Sequence, greedy};
pub use error::Error;
pub use picture::Picture;
pub use reading::{Alternative, CellReading, Reading};
pub use recognizer::Recognizer;
