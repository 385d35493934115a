//! Where the model looked for each digit that it wrote.

use super::grid::{self, Picture, described, shown};
use super::{Attention, Report, part};
use crate::Error;
use crate::markup::{Element, element};
use crate::number::{counted, length, percent};

const TITLE: &str = "Where the model looked";
/// How much of the picture the strongest patch covers.
const STRONGEST: f32 = 0.75;

impl Attention {
    /// Refuses an example that could not be drawn.
    fn check(&self, grids: usize) -> Result<(), Error> {
        let Self { grid, rows, cols, weights } = self;
        let patches = rows.checked_mul(*cols).filter(|&patches| patches > 0);
        let is_share = |weight| (0.0..=1.001).contains(weight);
        let what = if *grid >= grids {
            let graded = counted(grids as u64, "grid");
            format!("there is no such grid among the {graded} graded; indices begin at 0")
        } else if weights.is_empty() {
            "there are no weights; pass those of each digit written".into()
        } else if let Some(digit) = weights.iter().position(|of| Some(of.len()) != patches) {
            let found = weights[digit].len();
            format!("digit {digit} has {found} weights; {rows} x {cols} patches need one each")
        } else if let Some(digit) = weights.iter().position(|of| !of.iter().all(is_share)) {
            format!("digit {digit} has weights out of 0 to 1; pass them after the softmax")
        } else {
            return Ok(());
        };
        Err(Error::Attention { grid: *grid, what })
    }

    /// The greatest weight of any digit and patch.
    fn greatest(&self) -> f32 {
        self.weights.iter().flatten().copied().fold(f32::MIN_POSITIVE, f32::max)
    }
}

pub(super) fn section(report: &Report<'_>) -> Result<Element, Error> {
    report.attention.iter().try_for_each(|example| example.check(report.graded.len()))?;
    if report.attention.is_empty() {
        return Ok(part(TITLE, "No grid's attention was recorded.", None));
    }
    let explanation = "For each digit that it wrote, how the decoder's last block divided its attention among the \
                       patches of the picture, as a mean over its heads. A patch has one weight, so it has one color; \
                       a dashed frame marks the cell whose digit is being written.";
    let examples = report.attention.iter().map(|one| example(report, one)).collect::<Result<Vec<_>, _>>()?;
    Ok(part(TITLE, explanation, examples))
}

/// The panels of one grid, a digit each, on one scale.
fn example(report: &Report<'_>, attention: &Attention) -> Result<Element, Error> {
    let picture = Picture::of(report, attention.grid)?;
    let scale = format!("Full color is {}.", percent(f64::from(attention.greatest())));
    let caption = element("figcaption").text(format!("{}. {scale}", described(report, attention.grid)));
    let panels = (0..attention.weights.len()).map(|digit| panel(report, attention, &picture, digit));
    Ok(element("figure").class("attention").add([caption, grid::cards(report, panels)]))
}

fn panel(report: &Report<'_>, attention: &Attention, picture: &Picture, digit: usize) -> Element {
    let weights = &attention.weights[digit];
    let strongest = (0..weights.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or_default();
    let (row, col) = (strongest / attention.cols + 1, strongest % attention.cols + 1);
    let (share, number) = (percent(f64::from(weights[strongest])), digit + 1);
    let said =
        format!("Attention for digit {number}: most, {share}, on the patch in row {row}, column {col}");
    let patches = weights.iter().enumerate().map(|(place, &weight)| patch(attention, picture, place, weight));
    let drawing = picture.draw(&said, patches.chain(picture.frame(digit, report.layout)));
    let graded = &report.graded[attention.grid];
    let right = graded.outcomes().nth(digit).is_some_and(|(label, read)| read == Some(label));
    let (read, verdict) =
        (shown(graded.predicted.get(digit).copied().flatten()), if right { "right" } else { "wrong" });
    let lines = [format!("digit {number}: {read}, {verdict}"), format!("most: {share}")];
    let caption = element("figcaption").add(lines.map(|line| element("span").text(line)));
    element("li").add(element("figure").add([drawing, caption]))
}

/// One patch in one color, as strong as its weight.
fn patch(attention: &Attention, picture: &Picture, place: usize, weight: f32) -> Element {
    let strength = f64::from(STRONGEST * weight / attention.greatest());
    let rect = picture.place(place, attention.rows, attention.cols).class("patch");
    let title = element("title").text(percent(f64::from(weight)));
    element("g").add([title, rect.with("fill-opacity", length(strength))])
}
