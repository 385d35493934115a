//! The page that shows an evaluation.

mod attention;
mod calibration;
mod confusion;
mod coverage;
mod grid;
mod headline;
mod lengths;
mod mistakes;
mod page;
mod positions;
mod table;

use image::GrayImage;
use mnist2x2_data::{GridShape, Layout};
use mnist2x2_train::{Evaluation, Prediction};

use crate::Clusters;
use crate::markup::{Element, element};

pub use self::page::{PageTable, tables_page};

/// An evaluation with all that its page shows.
///
/// ```
/// use mnist2x2_data::GridShape;
/// use mnist2x2_report::{Clusters, Report};
/// use mnist2x2_train::{Evaluation, Prediction};
///
/// let (labels, predicted, cell_confidences) = (vec![4, 2], vec![Some(9), None], vec![0.9, 0.0]);
/// let graded = [Prediction { labels, predicted, confidence: 0.8, cell_confidences }];
/// let report = Report {
///     title: "How well it reads",
///     data: "synthetic test grids",
///     facts: &[("parameters".into(), "249,997".into())],
///     layout: GridShape { rows: 1, cols: 2 }.into(),
///     graded: &graded,
///     evaluation: &Evaluation::of(&graded, 1.5),
///     clusters: &Clusters { unit: "digit", ids: vec![0, 1] },
///     picture: &|_| image::GrayImage::new(56, 28),
///     attention: &[],
/// };
/// assert!(report.html()?.contains("0 of 1 grid"));
/// # Ok::<(), mnist2x2_report::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The page's title.
    pub title: &'a str,
    /// Which grids were read, for instance `reference test grids of mnist digits`.
    pub data: &'a str,
    /// What else the reader should know of the model and the evaluation, as names and values.
    pub facts: &'a [(String, String)],
    /// How the digits of a picture lie.
    pub layout: Layout,
    /// The grids that were read.
    pub graded: &'a [Prediction],
    /// What was counted of them.
    pub evaluation: &'a Evaluation,
    /// What its grids have in common.
    pub clusters: &'a Clusters,
    /// The picture of a grid by its index in `graded`, 0 background and 255 ink. Only grids that the page shows are
    /// asked for.
    pub picture: &'a dyn Fn(usize) -> GrayImage,
    /// Where the model looked while it read some of the grids.
    pub attention: &'a [Attention],
}

/// The cross-attention of one grid: the decoder's last block, mean over its heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// The grid, by its index among the graded.
    pub grid: usize,
    /// Patches from top to bottom.
    pub rows: usize,
    /// Patches from left to right.
    pub cols: usize,
    /// For each digit written, the weight of every patch, row by row; together they are 1.
    pub weights: Vec<Vec<f32>>,
}

impl Report<'_> {
    /// Rows and columns in which the digits of a sequence are shown: those of the grid, where each has its cell, else one row.
    fn shape(&self) -> GridShape {
        if self.layout.is_full() {
            self.layout.shape()
        } else {
            GridShape { rows: 1, cols: self.layout.max_digits() }
        }
    }
}

/// A part of the page: its heading, what it shows and how to read it, and the thing itself.
fn part(title: &str, explanation: &str, content: impl IntoIterator<Item = Element>) -> Element {
    let heading = element("h2").text(title);
    element("section").add([heading, paragraph(explanation)]).add(content)
}

fn paragraph(text: &str) -> Element {
    element("p").text(text)
}
