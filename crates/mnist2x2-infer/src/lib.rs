//! Reading pictures of handwritten digits with a trained model.
//!
//! [`Recognizer`] is the way in: picture in, digits and confidences out. Beneath it, [`greedy`] and [`beam_search`]
//! write sequences for whole batches, and [`Picture`] turns any image into what the model was trained on. A
//! [`Calibration`] makes confidences match frequencies.
#![forbid(unsafe_code)]

mod error;

mod calibration;
mod decoding;
mod beam;
mod attention;
mod picture;
mod reading;
mod recognizer;

pub use attention::cross_attention;
pub use beam::beam_search;
pub use calibration::{Calibration, Temperature};
pub use decoding::{Sequence, Transcript, greedy, transcribe};
pub use error::Error;
pub use picture::Picture;
pub use reading::{Alternative, CellReading, Reading};
pub use recognizer::Recognizer;
