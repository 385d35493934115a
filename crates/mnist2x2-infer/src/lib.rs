//! Reading pictures of handwritten digits with a trained model.
//!
//! [`Recognizer`] is the way in: picture or strokes in, digits and confidences out. Beneath it, [`greedy`] and
//! [`beam_search`] write sequences for whole batches. A [`Calibration`] makes confidences match frequencies.
#![forbid(unsafe_code)]

mod error;

mod calibration;
mod layout;
mod decoding;
mod beam;
mod attention;

mod reading;
mod findings;
mod recognizer;

pub mod api;

pub use attention::cross_attention;
pub use beam::beam_search;
pub use calibration::{Calibration, Exposure, Temperature};
pub use decoding::{Sequence, Transcript, greedy, transcribe, transcribe_memory};
pub use error::Error;
pub use layout::{config_for, layout_of};
pub use reading::{Alternative, CellReading, Reading};
#[cfg(feature = "weights")]
pub use recognizer::Documents;
pub use recognizer::Recognizer;
