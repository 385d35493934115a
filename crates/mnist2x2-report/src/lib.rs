//! What a person looks at after training or an evaluation.
//!
//! Three ways to look: numbers with their uncertainty ([`Share`], [`reliability`], [`coverage_curve`]); a page that
//! shows them with the pictures behind them ([`Report`]); curves of a run, as a drawing ([`Plot`]) or as files for
//! TensorBoard ([`EventFile`]). Everything starts from plain data: grids that were read ([`mnist2x2_train::Prediction`]), what was
//! counted of them ([`mnist2x2_train::Evaluation`]), and series of points. Pages and drawings are strings, and the same input gives the same bytes.
//!
//! ```
//! use mnist2x2_report::{Plot, Scale, Series};
//!
//! let plot = Plot {
//!     title: "Training loss".into(),
//!     x_label: "epoch".into(),
//!     y_label: "nats per token".into(),
//!     scale: Scale::Logarithmic,
//!     series: vec![Series { name: "training".into(), points: vec![(1.0, 1.2), (2.0, 0.3), (3.0, 0.1)] }],
//! };
//! assert!(plot.svg().starts_with("<svg"));
//! ```
#![forbid(unsafe_code)]

mod error;

// Numbers.
mod statistics;
mod bootstrap;
mod calibration;
mod coverage;

// Drawings.
mod number;
mod markup;
mod axis;
mod frame;
mod plot;

// The page.
mod report;

// Files for TensorBoard.
mod events;

pub use axis::Scale;
pub use bootstrap::{Clusters, Intervals};
pub use calibration::{BINS, Bin, CalibrationError, reliability};
pub use coverage::{Coverage, at_coverage, coverage_curve};
pub use error::Error;
pub use events::EventFile;
pub use number::grouped;
pub use plot::{Plot, Series};
pub use report::{Attention, PageTable, Report, tables_page};
pub use statistics::{Interval, Share, digits, sequences, worst_mistakes};
