//! Rules: lines that were printed and not written, between digits, around them, or around each of them.
//!
//! A rule is thin and straight, if not quite level. It is longer than any digit is large, or it is one side of a box. Where
//! digits touch it or cross it, they stay whole.

use std::ops::Range;

use mnist2x2_data::GridShape;

use crate::blot::{Blot, digit_size, quantile};
use crate::boxes::{boxes, insides};
use crate::ink::Ink;
use crate::mask::{Mask, Sides};
use crate::straight_lines::{Line, erase, trace};

/// Ink from this share of the paper's grain on may be a rule.
const FAINT: f32 = 0.5;
/// And from this share on where it is averaged along a line.
const FAINTER: f32 = 0.33;
/// How far along a line ink is averaged, as a share of the picture's shorter side.
const ALONG: f32 = 0.035;
/// How far a line may be unseen, in pixels: a plain one and a faint one.
const GAP: [usize; 2] = [3, 10];
/// How thick a rule is at most, as a share of the side of a square as large as the picture.
const THICK: f32 = 0.018;
/// The least length of a side of a box, as a share of the picture's shorter side.
const SIDE: f32 = 0.08;
/// Ink so near to the middle of a box's side touches it, in pixels.
const REACH: usize = 4;
/// The least length of a rule that is no side of a box, as a share of the picture.
const LONG: f32 = 0.6;
/// The most lines of one direction among which boxes are looked for.
const MOST_LINES: usize = 100;
/// So many long lines side by side are ruled paper, and its lines may be hidden but for this share of the picture.
const FAMILY: usize = 3;
const PIECE: f32 = 0.12;
/// How far such a line may lie off its place between the others, as a share of their distance.
const OFF: f32 = 0.12;
/// Ink so many times as dark as a rule is no part of it.
const WRITTEN: f32 = 1.6;
/// How many times as long as the largest digit such a rule is.
const BEYOND_DIGITS: f32 = 1.5;

/// What the rules of a picture tell of where its digits are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The insides of boxes that hold no other box: columns and rows.
    pub(crate) boxes: Vec<Sides>,
    /// The rows of long level rules, and the columns of long upright ones, where they cross the picture's middle.
    long: [Vec<usize>; 2],
}

/// Takes the rules out of a picture's ink, and says what is left. They are looked for in all that may be ink: printed lines are
/// often fainter.
pub(crate) fn remove(ink: &mut Ink) -> (Rules, Mask) {
    let sides = [ink.width, ink.height];
    let least = (FAINT * f32::from(ink.faintest)) as u8;
    let (mask, strong) = (Mask::open(ink, least), Mask::of(ink));
    let turned = mask.turned();
    let most = (THICK * ((sides[0] * sides[1]) as f32).sqrt() + 2.0) as usize;
    // Where two boxes nearly touch, only their darker middles are apart.
    let shortest = SIDE * sides[0].min(sides[1]) as f32;
    let mut lines =
        [[&turned, &strong.turned()], [&mask, &strong]].map(|masks| longest(masks, most, shortest));
    let mut boxes = boxes(&lines, most as f32, sides);
    boxes.retain(|of_box| !of_box.is_open || of_box.holds_ink(&mask, most));
    let of_boxes = |axis: usize| boxes.iter().flat_map(|of_box| of_box.sides[axis].iter().cloned()).collect();
    let mut rules: [Vec<Line>; 2] = [0, 1].map(of_boxes);
    let add = |to: &mut [Vec<Line>; 2], lines: &[Vec<Line>; 2]| {
        (0..2).for_each(|axis| to[axis].extend_from_slice(&lines[axis]));
    };
    add(&mut lines, &faint(ink, most));
    let mut ruled = [0, 1].map(|axis| ruling(&lines[axis], sides[axis]));
    add(&mut rules, &ruled);
    let long = long(&mask, lines, &rules);
    add(&mut rules, &long);
    add(&mut ruled, &long);
    if rules.iter().all(Vec::is_empty) {
        return (Rules::default(), strong);
    }
    let (erased, written) = (erased(turned, &rules), written(ink, &ruled));
    let values = ink.values.iter_mut().zip(written);
    for (((value, written), &was), is) in values.zip(&mask.inked).zip(erased.inked) {
        if was && !is && !written {
            *value = 0;
        }
    }
    let long = [0, 1].map(|axis| crossings(&long[axis], sides[axis] as f32 / 2.0, most));
    (Rules { boxes: insides(&boxes), long }, Mask::of(ink))
}

/// The lines of several masks that are long enough; of a picture of too many, which is a texture, the longest.
fn longest(masks: [&Mask; 2], most: usize, shortest: f32) -> Vec<Line> {
    let mut lines = masks.map(|mask| trace(mask, most, GAP[0])).concat();
    lines.retain(|line| line.len() >= shortest);
    lines.sort_by(|a, b| b.len().total_cmp(&a.len()));
    lines.truncate(MOST_LINES);
    lines
}

/// Where long lines, none thicker than `most`, cross the middle of the picture.
fn crossings(lines: &[Line], middle: f32, most: usize) -> Vec<usize> {
    // Row 29 ends where a border at 30 is.
    let mut at: Vec<usize> = lines.iter().map(|line| (line.y(middle) + 0.5).max(0.0) as usize).collect();
    at.sort_unstable();
    // The same rule, seen in several masks.
    at.dedup_by(|next, last| *next - *last <= most);
    at
}

/// The lines of ruled or squared paper: several long ones that run side by side, and with them what is parallel, as thin and at
/// the same distances, for digits hide parts and the picture cuts others off.
fn ruling(lines: &[Line], across: usize) -> Vec<Line> {
    let middle = across as f32 / 2.0;
    let mut long: Vec<&Line> = lines.iter().filter(|line| line.len() >= LONG * across as f32).collect();
    long.sort_by(|a, b| a.y(middle).total_cmp(&b.y(middle)));
    long.dedup_by(|a, b| a.y(middle) - b.y(middle) < 2.0 * (a.thick + b.thick));
    if long.len() < FAMILY {
        return Vec::new();
    }
    let slope = quantile(0.5, long.iter().map(|line| (line.slope(), 1)));
    let thick = quantile(0.5, long.iter().map(|line| (line.thick, 1)));
    // The nearer ones of them, for some of the lines between them may be hidden.
    let gap = quantile(0.25, long.windows(2).map(|pair| (pair[1].y(middle) - pair[0].y(middle), 1)));
    let is_in_place = |line: &Line| {
        let x = line.x.start as f32 + line.len() / 2.0;
        let steps = long.iter().map(|other| (line.y(x) - other.y(x)) / gap);
        let nearest = steps.min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
        (nearest - nearest.round()).abs() * gap <= OFF * gap + 1.0
    };
    let is_of_it = |line: &&Line| {
        line.len() >= PIECE * across as f32
            && (line.slope() - slope).abs() <= 0.02
            && line.thick <= 1.6 * thick + 0.5
            && is_in_place(line)
    };
    lines.iter().filter(is_of_it).cloned().collect()
}

/// Lines that are fainter than the grain of the paper: along a line that averages out, and what is left is the line.
fn faint(ink: &Ink, most: usize) -> [Vec<Line>; 2] {
    let count = ((ALONG * ink.width.min(ink.height) as f32) as usize).max(3);
    let least = (FAINTER * f32::from(ink.faintest)) as u8;
    let lines = |ink: &Ink| trace(&Mask::averaged(ink, count, least), most, GAP[1]);
    [lines(&ink.turned()), lines(ink)]
}

/// The long lines that go far beyond digits, when they and `rules` are taken out.
fn long(mask: &Mask, mut long: [Vec<Line>; 2], rules: &[Vec<Line>; 2]) -> [Vec<Line>; 2] {
    for (lines, across) in long.iter_mut().zip([mask.width, mask.height]) {
        lines.retain(|line| line.len() >= LONG * across as f32);
    }
    if long.iter().all(Vec::is_empty) {
        return long;
    }
    let all = [0, 1].map(|axis| [&long[axis][..], &rules[axis]].concat());
    let rest = erased(mask.turned(), &all);
    let pieces: Vec<Blot> = rest.pieces().into_iter().map(Blot::of).collect();
    let largest = digit_size(&pieces);
    // Where there is nothing else, a single line may be a digit; lines that cross are none.
    let is_alone = largest == 0.0 && long.iter().any(Vec::is_empty);
    for lines in &mut long {
        lines.retain(|line| !is_alone && line.len() >= BEYOND_DIGITS * largest);
    }
    long
}

impl Rules {
    /// Whether ink of these columns and rows reaches a side of a box around it, where a stroke may have gone along that side and
    /// have been taken out with it.
    pub(crate) fn are_touched_by(&self, x: &Range<usize>, y: &Range<usize>) -> bool {
        let reaches = |inner: &Range<usize>, outer: &Range<usize>| {
            inner.start <= outer.start + REACH || outer.end <= inner.end + REACH
        };
        let is_in = |[columns, rows]: &&Sides| {
            columns.contains(&usize::midpoint(x.start, x.end))
                && rows.contains(&usize::midpoint(y.start, y.end))
        };
        self.boxes.iter().filter(is_in).any(|[columns, rows]| reaches(x, columns) || reaches(y, rows))
    }

    /// Where the cells of a grid begin and end: the borders of its rows, one more than there are, and those of its columns;
    /// at long rules where those part the cells so, else at equal distances.
    pub(crate) fn borders(&self, shape: GridShape, [width, height]: [usize; 2]) -> [Vec<usize>; 2] {
        [borders(&self.long[0], shape.rows, height), borders(&self.long[1], shape.cols, width)]
    }
}

/// Where `cells` cells begin and end along `length` pixels that these rules cross.
fn borders(rules: &[usize], cells: usize, length: usize) -> Vec<usize> {
    let mut lines = rules.to_vec();
    if lines.len() + 1 == cells {
        lines.insert(0, 0);
        lines.push(length);
    }
    let fair = |pair: &[usize]| 2 * cells * (pair[1] - pair[0]) >= length;
    if lines.len() == cells + 1 && lines.windows(2).all(fair) {
        return lines;
    }
    (0..=cells).map(|cell| cell * length / cells).collect()
}

/// The ink without these lines, level ones and upright ones; it is given with its axes swapped.
fn erased(mut turned: Mask, [level, upright]: &[Vec<Line>; 2]) -> Mask {
    for line in level {
        erase(&mut turned, line);
    }
    let mut mask = turned.turned();
    for line in upright {
        erase(&mut mask, line);
    }
    mask
}

/// Whether each pixel of these rules is so much darker than its rule that it was written over it.
fn written(ink: &Ink, rules: &[Vec<Line>; 2]) -> Vec<bool> {
    let mut written = vec![false; ink.values.len()];
    let (level, upright) = ([1, ink.width], [ink.width, 1]);
    for (lines, [along, across]) in rules.iter().zip([level, upright]) {
        let sides = [along, across].map(|step| if step == 1 { ink.width } else { ink.height });
        for line in lines {
            let pixels = |x: usize| line.band(x, sides[1]).map(move |y| x * along + y * across);
            let darkest = |x: usize| f32::from(pixels(x).map(|at| ink.values[at]).max().unwrap_or(0));
            let usual = quantile(0.5, line.columns(sides[0]).map(|x| (darkest(x), 1)));
            let is_darker = |at: &usize| f32::from(ink.values[*at]) > WRITTEN * usual;
            line.columns(sides[0]).flat_map(pixels).filter(is_darker).for_each(|at| written[at] = true);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inked: &[(Range<usize>, Range<usize>, u8)]) -> Ink {
        Ink::page([80, 60], inked)
    }

    #[test]
    fn lines_vanish_and_strokes_that_cross_them_stay_whole() {
        let stroke = (20..24, 10..50, 255);
        let mut ink = page(&[(0..80, 29..31, 128), (39..40, 0..60, 90), stroke.clone()]);
        let borders = remove(&mut ink).0.borders(GridShape { rows: 2, cols: 2 }, [80, 60]);
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 39, 80]]);
        assert!(ink.values == page(&[stroke]).values);
    }

    #[test]
    fn pieces_of_ruled_paper_go_where_its_lines_are_and_strokes_between_them_stay() {
        let lines = [(0..80, 10..11, 90), (0..80, 26..27, 90), (0..80, 42..43, 90), (50..70, 58..59, 90)];
        let bar = (30..50, 34..35, 90);
        let mut ink = page(&[&lines[..], std::slice::from_ref(&bar)].concat());
        remove(&mut ink);
        assert!(ink.values == page(&[bar]).values);
    }

    #[test]
    fn what_is_far_darker_than_a_rule_was_written_over_it() {
        let strokes = [(20..44, 29..32, 250), (60..64, 5..25, 250)];
        let mut ink = page(&[&[(0..80, 29..31, 100)][..], &strokes].concat());
        remove(&mut ink);
        assert!(ink.values == page(&strokes).values);
    }

    #[test]
    fn a_box_goes_whose_level_sides_are_hidden_in_the_middle_and_what_reaches_them_is_in_doubt() {
        let (upright, level) = ([10..11, 59..60], [5..6, 54..55]);
        let mut frame: Vec<_> = upright.into_iter().map(|x| (x, 5..55, 120)).collect();
        for y in level {
            frame.extend([(10..27, y.clone(), 120), (45..60, y, 120)]);
        }
        let hidden = |end: usize| (27..45, 5 + 45 * end..10 + 45 * end, 250);
        let digit = [hidden(0), hidden(1), (34..38, 5..55, 250)];
        let mut ink = page(&[&frame[..], &digit].concat());
        let (rules, mask) = remove(&mut ink);
        let [digit] = &mask.pieces()[..] else { panic!("{} pieces", mask.pieces().len()) };
        let [x, y] = crate::mask::spans(digit);
        assert!((25..30).contains(&x.start) && (42..48).contains(&x.end), "{x:?}");
        assert!(rules.are_touched_by(&x, &y));
        assert!(!rules.are_touched_by(&(30..40), &(20..40)) && !rules.are_touched_by(&(65..70), &(5..55)));
    }

    #[test]
    fn a_thick_bar_and_a_short_one_are_ink() {
        let mut ink = page(&[(0..80, 10..16, 255), (10..60, 40..41, 255)]);
        let before = ink.values.clone();
        let borders = remove(&mut ink).0.borders(GridShape { rows: 2, cols: 1 }, [80, 60]);
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 80]]);
        assert!(ink.values == before);
    }

    #[test]
    fn cells_end_at_the_lines_of_a_frame_where_those_are_fair() {
        assert_eq!(borders(&[10, 50, 92], 2, 100), [10, 50, 92]);
        assert_eq!(borders(&[46], 2, 100), [0, 46, 100]);
        assert_eq!(borders(&[12], 2, 100), [0, 50, 100], "one cell too small");
        assert_eq!(borders(&[3, 96], 3, 99), [0, 33, 66, 99], "two lines at the rim");
    }
}
