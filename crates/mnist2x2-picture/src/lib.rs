//! From a picture or pen strokes to digits that look like MNIST's. This crate knows no model.
//!
//! [`Findings::of`] is the whole way: an image file becomes upright gray values of light ink on dark paper ([`Picture`]);
//! the light that falls on the paper is evened out, the table around the sheet and printed rules are taken away, pieces of
//! ink become digits, digits become lines and grids ([`Arrangement`]), and each digit is drawn anew with MNIST's pen, in
//! MNIST's size and place. [`ModelInput::from_picture`] finds the digits of one grid; a [`Drawing`], whose strokes are
//! known, goes the shorter way of [`ModelInput::from_drawing`].
//!
//! [`Dataset`] finds digits on disk in any form that is read: MNIST's files, tables, and folders of labeled pictures, each
//! of which goes the same way.
#![forbid(unsafe_code)]

mod error;

// In the order in which a picture passes them, after what they share.
mod histogram;
mod resample;
mod specks;

mod decode;
mod polarity;
mod picture;
mod mnist_like;
mod paper;
mod sheet;
mod ink;
mod mask;
mod straight_lines;
mod boxes;
mod rules;
mod blot;
mod digits;
mod arrangement;
mod segmentation;
mod traces;
mod confidence;
mod redraw;
mod found_digit;
mod findings;

mod drawing;
mod model_input;
mod render_strokes;

// Whole sets of digits.
mod labeled_pictures;
mod dataset;

pub use arrangement::Arrangement;
pub use dataset::Dataset;
pub use drawing::Drawing;
pub use error::Error;
pub use findings::Findings;
pub use found_digit::FoundDigit;
pub use model_input::ModelInput;
pub use picture::Picture;
