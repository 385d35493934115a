//! The digits of a picture, wherever they are on it.

use std::sync::Arc;

use mnist2x2_data::{GridShape, PIXELS, SIDE, Strokes};

use crate::arrangement::{self, Arrangement, Lines, WHOLE};
use crate::blot::Blot;
use crate::confidence::confidence;
use crate::found_digit::FoundDigit;
use crate::ink::Ink;
use crate::mask::Mask;
use crate::redraw::{redraw_digit, redraw_run};
use crate::rules::{self, Rules};
use crate::segmentation::{Segment, segment};
use crate::traces::traces;
use crate::{ModelInput, Picture, mnist_like};

/// Ink so many times as wide as it is high may be several digits, where digits need not stand in cells.
const RUN: f32 = 0.85;
/// The most digits that are looked for; a picture with more pieces is no picture of digits.
const MOST: usize = 64;

/// The digits of a picture, and how they lie.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// Lines from above to below, each from left to right; an empty cell of a grid is nothing.
    pub lines: Vec<Vec<Option<FoundDigit>>>,
    /// Whether the lines are the rows of a grid.
    pub is_grid: bool,
    /// How likely what was found is all that is there, and nothing else: lower for ink that is no usual digit.
    pub confidence: f32,
    unseen: Option<Arc<Unseen>>,
}

/// What is left of a picture that was seen in one way.
#[derive(Debug)]
struct Unseen {
    page: Page,
    ways: Vec<Lines>,
    arrangement: Arrangement,
    usual: GridShape,
}

impl Findings {
    /// The digits of a picture that is arranged like that; `usual` is what a square picture of few digits most likely is.
    pub fn of(picture: &Picture, arrangement: Arrangement, usual: GridShape) -> Self {
        let exact = match arrangement {
            Arrangement::Grid(shape) => mnist_grid(picture, shape),
            Arrangement::Auto => {
                mnist_grid(picture, usual).or_else(|| mnist_grid(picture, stitched(picture)?))
            }
            Arrangement::Line => None,
        };
        if let Some(found) = exact {
            return found;
        }
        let page = Page::of(picture);
        let mut ways = arrangement::find(&page.mask, &page.rules).into_iter();
        let mut first = page.findings(ways.next().unwrap_or_default(), arrangement, usual);
        if !first.lines.is_empty() && !matches!(arrangement, Arrangement::Grid(_)) {
            first.unseen = Some(Arc::new(Unseen { page, ways: ways.collect(), arrangement, usual }));
        }
        first
    }

    /// What else the picture may hold: other ways to part the same ink into digits, none of them if the arrangement was told.
    /// They are looked for only now, for most pictures need no second look.
    pub fn others(&self) -> Vec<Self> {
        let Some(unseen) = &self.unseen else { return Vec::new() };
        let Unseen { page, ways, arrangement, usual } = &**unseen;
        let of_way = |lines: &Lines| page.findings(lines.clone(), *arrangement, *usual);
        let is_square = *arrangement == Arrangement::Auto && has_square_cells(*usual, page.sides());
        let in_usual = || page.findings(Lines::default(), Arrangement::Grid(*usual), *usual);
        let bounds = |found: &Self| found.digits().map(|digit| digit.bounds).collect::<Vec<_>>();
        let (all, own) = (ways.iter().map(of_way).chain(is_square.then(in_usual)), bounds(self));
        all.filter(|other| bounds(other) != own).collect()
    }

    /// Digits that were found before, in MNIST's look, in one line; where they were is not known any more.
    pub fn in_line(digits: impl IntoIterator<Item = [u8; PIXELS]>) -> Self {
        let found = |pixels| Some(FoundDigit { pixels, bounds: [0; 4], run: None });
        let lines = vec![digits.into_iter().map(found).collect()];
        Self { lines, is_grid: false, confidence: 1.0, unseen: None }
    }

    /// Rows and columns, if it is a grid or one line.
    pub fn shape(&self) -> Option<GridShape> {
        let cols = self.lines.first()?.len();
        (self.is_grid || self.lines.len() == 1).then_some(GridShape { rows: self.lines.len(), cols })
    }

    /// The digits in reading order.
    pub fn digits(&self) -> impl Iterator<Item = &FoundDigit> {
        self.lines.iter().flatten().flatten()
    }

    /// The same with digits that touch cut apart: `count` says how many were read in each digit that was found.
    #[must_use]
    pub fn parted(&self, count: impl Fn(&FoundDigit) -> usize) -> Self {
        let parts = |digit: &Option<FoundDigit>| match digit {
            Some(digit) => digit.parted(count(digit)).into_iter().map(Some).collect(),
            None => vec![None],
        };
        let lines = self.lines.iter().map(|line| line.iter().flat_map(parts).collect()).collect();
        let is_grid = self.is_grid && self.digits().all(|digit| count(digit) < 2);
        Self { lines, is_grid, ..self.clone() }
    }

    /// How they lie: `2x5` for a grid, `1x1` for one digit, `line` for one line, `lines` for several, and `none`.
    pub fn layout(&self) -> String {
        match (self.lines.len(), self.lines.first().map_or(0, Vec::len)) {
            (0, _) => "none".into(),
            (rows, cols) if self.is_grid || rows * cols == 1 => GridShape { rows, cols }.to_string(),
            (1, _) => "line".into(),
            _ => "lines".into(),
        }
    }

    /// The digits side by side in their lines, as they are read; nothing if there are none.
    pub fn lined_up(&self) -> Option<ModelInput> {
        let cols = self.lines.iter().map(Vec::len).max()?;
        let cells = self.lines.iter().flat_map(|line| {
            let digits = line.iter().map(|digit| digit.as_ref().map(|digit| digit.pixels));
            digits.chain(std::iter::repeat(None)).take(cols)
        });
        Some(ModelInput::from_digits(GridShape { rows: self.lines.len(), cols }, cells))
    }

    /// The picture that a model of this grid is given, if the digits lie so.
    pub fn model_input(&self, shape: GridShape) -> Option<ModelInput> {
        let cells = self.lines.iter().flatten().map(|digit| digit.as_ref().map(|digit| digit.pixels));
        (self.shape() == Some(shape)).then(|| ModelInput::from_digits(shape, cells))
    }
}

impl ModelInput {
    /// A picture of handwriting: the digit of each cell is found and brought to MNIST's look.
    ///
    /// A picture of digits that look like MNIST's already stays as it is.
    pub fn from_picture(picture: &Picture, shape: GridShape) -> Self {
        let found = Findings::of(picture, Arrangement::Grid(shape), shape);
        found.model_input(shape).unwrap_or_else(|| Self::from_digits(shape, vec![None; shape.cells()]))
    }
}

/// A page whose ink was found.
#[derive(Debug)]
struct Page {
    ink: Ink,
    mask: Mask,
    rules: Rules,
    /// Pixels of the picture for each of the mask.
    scale: [f64; 2],
}

impl Page {
    fn of(picture: &Picture) -> Self {
        let mut ink = Ink::of(picture);
        let (rules, mask) = rules::remove(&mut ink);
        let scale = [0, 1].map(|k| f64::from(picture.size()[k]) / [mask.width, mask.height][k] as f64);
        Self { ink, mask, rules, scale }
    }

    fn sides(&self) -> [usize; 2] {
        [self.mask.width, self.mask.height]
    }

    /// The digits in these lines, or in the cells of a grid.
    fn findings(&self, found: Lines, arrangement: Arrangement, usual: GridShape) -> Findings {
        let cells = match arrangement {
            Arrangement::Grid(shape) => Some(shape),
            Arrangement::Auto if found.is_like(usual, self.sides()) => Some(usual),
            Arrangement::Auto | Arrangement::Line => None,
        };
        let (mut lines, is_grid) = match cells {
            Some(shape) => in_grid(found, &self.mask, &self.rules, shape),
            None if arrangement == Arrangement::Line => found.into_one_line(),
            None => found.into_segments(),
        };
        let traces = if is_grid { traces(&lines, &self.ink) } else { Vec::new() };
        let has_traces = !traces.is_empty();
        for (row, column, digit) in traces {
            lines[row][column] = Some(digit);
        }
        if lines.iter().flatten().flatten().count() > MOST {
            return Findings { lines: Vec::new(), is_grid: false, confidence: 1.0, unseen: None };
        }
        // One wide digit does not break a grid; where most are wide, they are numbers in columns.
        let is_wide = |segment: &&Segment| segment.x.len() as f32 > RUN * segment.y.len() as f32;
        let all: Vec<&Segment> = lines.iter().flatten().flatten().collect();
        let in_cells =
            cells.is_some() || is_grid && 2 * all.iter().copied().filter(is_wide).count() <= all.len();
        let digit = |segment: Segment| FoundDigit {
            pixels: redraw_digit(&segment, Strokes::MNIST_WIDTH),
            bounds: bounds(&segment, self.scale),
            run: (!in_cells && is_wide(&&segment)).then(|| redraw_run(&segment, Strokes::MNIST_WIDTH)),
        };
        let line = |line: Vec<Option<Segment>>| line.into_iter().map(|segment| segment.map(digit)).collect();
        let confidence = confidence(&lines, &self.rules, [is_grid, in_cells, has_traces], self.sides());
        let lines = lines.into_iter().map(line).collect();
        Findings { lines, is_grid, confidence, unseen: None }
    }
}

/// Whether the cells of such a grid on a page of these sides are about square.
fn has_square_cells(shape: GridShape, sides: [usize; 2]) -> bool {
    let cells = [sides[0] as f32 / shape.cols as f32, sides[1] as f32 / shape.rows as f32];
    cells[0].min(cells[1]) >= 0.7 * cells[0].max(cells[1])
}

/// The grid of a picture whose digits look like MNIST's already: they stay as they are.
fn mnist_grid(picture: &Picture, shape: GridShape) -> Option<Findings> {
    let [width, height] = picture.size().map(|side| side as usize);
    // A picture of other proportions is none, and shrunk unevenly nothing looks like MNIST.
    let (across, down) = (width * shape.rows, height * shape.cols);
    if across.abs_diff(down) * 10 > across.max(down) {
        return None;
    }
    let input = ModelInput::resized(picture, shape);
    let empty = mnist_like::empty_cells((0..shape.cells()).map(|cell| input.cell(cell)))?;
    let side = [width / shape.cols, height / shape.rows].map(|side| side as u32);
    let digit = |cell: usize| {
        let corner = [(cell % shape.cols) as u32 * side[0], (cell / shape.cols) as u32 * side[1]];
        let bounds = [corner[0], corner[1], side[0], side[1]];
        (!empty[cell]).then(|| FoundDigit { pixels: input.cell(cell), bounds, run: None })
    };
    let cells: Vec<_> = (0..shape.cells()).map(digit).collect();
    let lines = cells.chunks_exact(shape.cols).map(<[_]>::to_vec).collect();
    Some(Findings { lines, is_grid: true, confidence: 1.0, unseen: None })
}

/// The grid of a picture whose sides are whole numbers of MNIST's digits.
fn stitched(picture: &Picture) -> Option<GridShape> {
    let [cols, rows] =
        picture.size().map(|side| (side as usize).is_multiple_of(SIDE).then_some(side as usize / SIDE));
    let shape = GridShape { rows: rows?, cols: cols? };
    (shape.cells() <= MOST).then_some(shape)
}

/// Where a segment lies in the picture.
fn bounds(segment: &Segment, scale: [f64; 2]) -> [u32; 4] {
    let span = |range: &std::ops::Range<usize>, scale: f64| {
        let [start, end] = [range.start, range.end].map(|at| at as f64 * scale);
        [start.floor() as u32, (end.ceil() - start.floor()) as u32]
    };
    let ([left, width], [top, height]) = (span(&segment.x, scale[0]), span(&segment.y, scale[1]));
    [left, top, width, height]
}

type Segments = (Vec<Vec<Option<Segment>>>, bool);

/// The digits of a grid of this shape: where they were found in so many rows and columns, or else in equal cells.
fn in_grid(found: Lines, mask: &Mask, rules: &Rules, shape: GridShape) -> Segments {
    if found.is_grid
        && found.lines.len() == shape.rows
        && found.lines.iter().all(|line| line.len() == shape.cols)
    {
        return found.into_segments();
    }
    let segments = segment(mask, &rules.borders(shape, [mask.width, mask.height]));
    let mut cells = segments.into_iter();
    ((0..shape.rows).map(|_| cells.by_ref().take(shape.cols).collect()).collect(), true)
}

impl Lines {
    /// Whether digits that touch, or that are broken, could be those of such a grid on a page of these sides: no cell
    /// holds two whole ones, and no line of them runs along a border between cells.
    fn is_like(&self, shape: GridShape, sides: [usize; 2]) -> bool {
        let blots: Vec<&Blot> = self.lines.iter().flatten().flatten().collect();
        let cells = [sides[0] as f32 / shape.cols as f32, sides[1] as f32 / shape.rows as f32];
        let counts = [shape.cols, shape.rows];
        if blots.len() < 2 || !has_square_cells(shape, sides) {
            return false;
        }
        let largest = blots.iter().map(|blot| blot.size()).fold(0.0, f32::max);
        let mut whole = vec![0; shape.cells()];
        for blot in blots {
            let (center, spans) = (blot.center(), [blot.x.len() as f32, blot.y.len() as f32]);
            let cell = [0, 1].map(|k| ((center[k] / cells[k]) as usize).min(counts[k] - 1));
            if blot.size() > WHOLE * largest {
                whole[cell[1] * shape.cols + cell[0]] += 1;
            }
            for k in 0..2 {
                let border = (center[k] / cells[k]).round();
                let is_on_border =
                    border > 0.0 && border < counts[k] as f32 && (center[k] / cells[k] - border).abs() < 0.2;
                if is_on_border && spans[k] < 1.1 * cells[k] {
                    return false;
                }
            }
        }
        whole.iter().all(|&count| count <= 1) && whole.iter().filter(|&&count| count > 0).count() >= 2
    }

    fn into_segments(self) -> Segments {
        let line = |line: Vec<Option<Blot>>| {
            line.into_iter().map(|blot| blot.map(|blot| Segment::of(&blot.pixels))).collect()
        };
        (self.lines.into_iter().map(line).collect(), self.is_grid)
    }

    fn into_one_line(self) -> Segments {
        let mut blots: Vec<Blot> = self.lines.into_iter().flatten().flatten().collect();
        blots.sort_by(|a, b| a.center()[0].total_cmp(&b.center()[0]));
        let line: Vec<_> = blots.into_iter().map(|blot| Some(Segment::of(&blot.pixels))).collect();
        (if line.is_empty() { Vec::new() } else { vec![line] }, false)
    }
}
