//! From a picture or pen strokes to digits that look like MNIST's. This crate knows no model.
//!
//! [`ModelInput::from_picture`] is the whole way: a PNG or JPEG becomes grey values of light ink on dark paper
//! ([`Picture`]), guide lines are removed, connected ink is given to the cells of the grid, and each cell's digit is drawn
//! anew with MNIST's pen, in MNIST's size and place. A [`Drawing`], whose strokes are known, goes the shorter way of
//! [`ModelInput::from_drawing`].
#![forbid(unsafe_code)]

mod error;

// From a file to light ink on dark paper.
mod resample;
mod threshold;
mod ink;
mod picture;

// From ink to digits.
mod guide_lines;
mod segmentation;
mod normalization;

// From digits to what a model is given.
mod drawing;
mod mnist_like;
mod model_input;
mod render_strokes;

pub use drawing::Drawing;
pub use error::Error;
pub use model_input::ModelInput;
pub use picture::Picture;
