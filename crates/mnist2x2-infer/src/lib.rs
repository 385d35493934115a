//! Reading pictures of handwritten digits with a trained model.
//!
//! [`Recognizer`] is the way in: picture or strokes in, digits and confidences out. Beneath it, [`greedy`] and
//! [`beam_search`] write sequences for whole batches, and [`Seen`] turns any [`Picture`] or [`Drawing`] into what the
//! model was trained on: digits that look like MNIST's. A [`Calibration`] makes confidences match frequencies.
#![forbid(unsafe_code)]

mod error;

mod calibration;
mod decoding;
mod beam;
mod attention;

// From pictures and strokes to what a model sees.
mod resample;
mod picture;
mod drawing;
mod familiar;
mod threshold;
mod ink;
mod lines;
mod pieces;
mod redraw;
mod seen;
mod drawn;

mod reading;
mod recognizer;

pub use attention::cross_attention;
pub use beam::beam_search;
pub use calibration::{Calibration, Temperature};
pub use decoding::{Sequence, Transcript, greedy, transcribe};
pub use drawing::Drawing;
pub use error::Error;
pub use picture::Picture;
pub use reading::{Alternative, CellReading, Reading};
pub use recognizer::Recognizer;
pub use seen::Seen;
