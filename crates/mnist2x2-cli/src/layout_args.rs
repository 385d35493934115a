//! `--layout` and `--blanks`: how the digits of a picture lie.

use mnist2x2::data::{GridShape, Layout};

use crate::console::percent;

/// How the digits of a picture lie.
#[derive(clap::Args)]
pub(crate) struct LayoutArgs {
    /// How the digits of a picture lie: rows x columns, line:N or scatter:N, such as 4x4, line:8 or scatter:10
    /// [default: as the model reads them]
    #[arg(long, value_name = "L")]
    pub(crate) layout: Option<Layout>,
    /// The probability that a cell of a grid is empty, 0 to 0.9 [default: as the model was trained, else 0]
    #[arg(long, value_name = "P", value_parser = parse_blanks)]
    pub(crate) blanks: Option<f64>,
}

fn parse_blanks(text: &str) -> Result<f64, String> {
    let blanks = text.parse().ok().filter(|blanks| (0.0..=0.9).contains(blanks));
    blanks.ok_or_else(|| "a probability of 0 to 0.9 is needed".into())
}

/// Pictures of `layout` in words, of digits that are called `name`.
pub(crate) fn described(layout: Layout, name: &str) -> String {
    match layout {
        Layout::Line { most, .. } => format!("lines of 1 to {most} {name} digits"),
        Layout::Scatter { most, .. } => format!("pictures of 0 to {most} scattered {name} digits"),
        _ => {
            let GridShape { rows, cols } = layout.shape();
            let empty = if layout.is_full() {
                String::new()
            } else {
                format!(", {} of the cells empty", percent(blanks_of(layout)))
            };
            format!("grids of {rows} x {cols} {name} digits{empty}")
        }
    }
}

/// The share of cells that are empty.
pub(crate) fn blanks_of(layout: Layout) -> f64 {
    if let Layout::Grid { blanks, .. } = layout { blanks } else { 0.0 }
}
