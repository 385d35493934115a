//! The worst mistakes as pictures.

use super::grid::{self, Picture, described, read_digits, shown};
use super::{Report, part};
use crate::markup::{Element, element};
use crate::number::{counted, percent};
use crate::{Error, worst_mistakes};

const TITLE: &str = "The worst mistakes";
/// The most mistakes that are shown.
const SHOWN: usize = 24;

pub(super) fn section(report: &Report<'_>) -> Result<Element, Error> {
    let worst = worst_mistakes(report.graded, SHOWN);
    if worst.is_empty() {
        let sentence =
            if report.graded.is_empty() { "No grid was read." } else { "Every grid was read right." };
        return Ok(part(TITLE, sentence, None));
    }
    let marks = if report.layout.is_full() {
        "Cells that were read wrong have a dashed frame in the picture, and their digits a box below it; a dash stands where no \
         digit was read."
    } else {
        "Digits that are others than those right have a box below the picture."
    };
    let count = counted(worst.len() as u64, "wrong reading");
    let explanation = format!("The {count} that the model was most confident of. {marks}");
    let cards = worst.iter().map(|&index| card(report, index)).collect::<Result<Vec<_>, _>>()?;
    Ok(part(TITLE, &explanation, grid::cards(report, cards)))
}

fn card(report: &Report<'_>, index: usize) -> Result<Element, Error> {
    let picture = Picture::of(report, index)?;
    let outcomes = report.graded[index].outcomes().enumerate();
    let wrong = outcomes.filter(|&(_, (label, read))| read != Some(label));
    let frames = wrong.flat_map(|(cell, _)| picture.frame(cell, report.layout));
    let drawing = picture.draw(&described(report, index), frames);
    let caption = element("figcaption").add(readings(report, index));
    Ok(element("li").add(element("figure").add([drawing, caption])))
}

/// What was read, what is right, and the confidence.
fn readings(report: &Report<'_>, index: usize) -> [Element; 3] {
    let graded = &report.graded[index];
    let read = read_digits(report, index).into_iter().enumerate();
    let read = read.map(|(place, read)| digit(&shown(read), read == graded.labels.get(place).copied()));
    let right = graded.outcomes().map(|(label, _)| digit(&shown(Some(label)), true));
    let confidence = element("span").class("confidence").text(percent(graded.confidence));
    [
        laid_out("read", &read.collect::<Vec<_>>(), report.shape().cols),
        laid_out("right", &right.collect::<Vec<_>>(), report.shape().cols),
        confidence.add(element("small").text(" confident")),
    ]
}

fn digit(name: &str, right: bool) -> Element {
    element(if right { "span" } else { "mark" }).text(name)
}

/// Digits in rows, as the picture above them has them.
fn laid_out(name: &str, digits: &[Element], cols: usize) -> Element {
    let row = |row: &[Element]| element("span").class("row").add(row.to_vec());
    let rows = digits.chunks(cols.max(1)).map(row);
    element("span").class("reading").add(element("small").text(name)).add(rows)
}
