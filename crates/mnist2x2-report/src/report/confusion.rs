//! Which digit is taken for which.

use std::cmp::Reverse;

use super::table::table;
use super::{Report, paragraph, part};
use crate::frame::text;
use crate::markup::{Element, element, svg};
use crate::number::{compact, counted, grouped, length};

const TITLE: &str = "Confusion";
/// Side of a cell in the drawing.
const CELL: f64 = 30.0;
/// Where the cells begin.
const LEFT: f64 = 44.0;
const TOP: f64 = 44.0;
/// How strong the color of a single mistake is, so that it can be seen beside frequent ones.
const FAINTEST: f64 = 0.2;
/// How many kinds of mistakes are listed.
const LISTED: usize = 8;

pub(super) fn section(report: &Report<'_>) -> Element {
    let counts = &report.evaluation.confusion;
    if counts.as_flattened().iter().all(|&count| count == 0) {
        return part(TITLE, "No digit was read, so none was taken for another.", None);
    }
    let mistakes = commonest(counts);
    let explanation = "Each row is a digit as it is, each column a digit as it was read; \u{201c}none\u{201d} counts \
                       cells in which no digit was read.";
    part(TITLE, explanation, [drawing(counts, &mistakes), colors(&mistakes), list(counts, &mistakes)])
}

/// The pairs (true, read as) that are mistakes, with their counts, the most frequent first.
fn commonest(counts: &[[u64; 11]]) -> Vec<(usize, usize, u64)> {
    let row = |(label, row): (usize, &[u64; 11])| row.map(|count| (label, count));
    let cells = counts.iter().enumerate().flat_map(row).enumerate();
    let mut pairs: Vec<_> = cells.map(|(place, (label, count))| (label, place % 11, count)).collect();
    pairs.retain(|&(label, read, count)| label != read && count > 0);
    pairs.sort_by_key(|&(_, _, count)| Reverse(count));
    pairs
}

/// What the colors mean; the two kinds of cells have scales of their own.
fn colors(mistakes: &[(usize, usize, u64)]) -> Element {
    let right = "On the diagonal, color is the share of the row that was read right.";
    paragraph(&match mistakes.first() {
        Some((.., most)) => {
            format!("{right} Off it, color is the number of mistakes, in full at {}.", grouped(*most))
        }
        None => format!("{right} Off it there is nothing: no digit was mistaken."),
    })
}

fn drawing(counts: &[[u64; 11]], mistakes: &[(usize, usize, u64)]) -> Element {
    let most = mistakes.first().map_or(1, |&(.., most)| most);
    let size = [LEFT + 11.0 * CELL + 4.0, TOP + 10.0 * CELL + 4.0];
    let description = format!("Confusion matrix with {} of mistakes", counted(mistakes.len() as u64, "kind"));
    let rows = counts.iter().enumerate();
    svg("plot confusion", size, &description)
        .add(headers())
        .add(rows.flat_map(|(label, row)| (0..11).map(move |read| cell(label, read, row, most))))
}

/// The digits along the sides, and what each side is.
fn headers() -> impl Iterator<Item = Element> {
    let read = text((LEFT + 5.5 * CELL, 16.0), "middle", "read as").class("muted");
    let middle = TOP + 5.0 * CELL;
    let is = text((14.0, middle), "middle", "digit").class("muted");
    let is = is.with("transform", format!("rotate(-90 14 {})", length(middle)));
    let column = |read: usize| text((LEFT + (read as f64 + 0.5) * CELL, TOP - 8.0), "middle", &name(read));
    let row = |label: usize| text((LEFT - 8.0, TOP + (label as f64 + 0.65) * CELL), "end", &name(label));
    [read, is].into_iter().chain((0..11).map(column)).chain((0..10).map(row))
}

fn name(read: usize) -> String {
    if read < 10 { read.to_string() } else { "none".into() }
}

fn cell(label: usize, read: usize, row: &[u64; 11], most: u64) -> Element {
    let count = row[read];
    let (x, y) = (LEFT + read as f64 * CELL, TOP + label as f64 * CELL);
    let (class, strength) = if label == read {
        ("right", count as f64 / row.iter().sum::<u64>().max(1) as f64)
    } else {
        ("wrong", FAINTEST + (1.0 - FAINTEST) * count as f64 / most as f64)
    };
    let side = CELL - 1.0;
    let square = element("rect").lengths([("x", x + 0.5), ("y", y + 0.5), ("width", side), ("height", side)]);
    if count == 0 {
        return square.class("empty");
    }
    let what = format!("{label} read as {}: {}", name(read), counted(count, "time"));
    let shown = text((x + 0.5 * CELL, y + 0.65 * CELL), "middle", &compact(count)).class("count");
    let square = square.class(class).with("fill-opacity", length(strength));
    element("g").add([element("title").text(what), square, shown])
}

/// The kinds of mistakes in words and numbers.
fn list(counts: &[[u64; 11]], mistakes: &[(usize, usize, u64)]) -> Element {
    if mistakes.is_empty() {
        return paragraph("Every digit was read as what it is.");
    }
    let row = |&(label, read, count): &(usize, usize, u64)| {
        let all: u64 = counts[label].iter().sum();
        vec![label.to_string(), name(read), grouped(count), grouped(all)]
    };
    let columns = ["digit", "read as", "times", "of"];
    table("The commonest mistakes", &columns, mistakes.iter().take(LISTED).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_confusions_come_first() {
        let mut counts = [[0; 11]; 10];
        (counts[1][1], counts[2][2], counts[2][7], counts[3][10], counts[9][4]) = (9, 1, 2, 1, 1);
        assert_eq!(commonest(&counts), [(2, 7, 2), (3, 10, 1), (9, 4, 1)]);
    }
}
