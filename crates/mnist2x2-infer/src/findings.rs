//! From the digits that were found in a picture to a reading of it.
//!
//! Digits that lie in the model's own grid are read as one sequence, any others in portions that fill that grid. A model of
//! lines at its side reads digits that touch, and gives a second opinion on the others: it has also learned what is no digit.

use mnist2x2_data::{GridShape, PIXELS, SIDE};
use mnist2x2_picture::{Arrangement, Findings, FoundDigit, ModelInput, Picture};

use crate::reading::text;
use crate::{Alternative, CellReading, Error, Reading, Recognizer};

/// From this probability on an answer is likelier than all others together.
const LIKELY: f32 = 0.5;
/// How likely wide ink is one digit if it was read neither as several nor as one.
const WIDE: f32 = 0.7;
/// What the confidence of another way to see a picture, or of digits that touch, is multiplied by: it is never sure.
const OTHER: f32 = 0.89;

/// A digit in MNIST's look, and what was read in it.
type Read = ([u8; PIXELS], Option<u8>);

impl Recognizer {
    /// The digits of a picture that is arranged like that. Found by itself, a picture most likely is the model's own grid.
    pub fn find(&self, picture: &Picture, arrangement: Arrangement) -> Findings {
        let one = GridShape { rows: 1, cols: 1 };
        Findings::of(picture, arrangement, if self.is_in_cells() { self.shape() } else { one })
    }

    /// Reads what was found in pictures, all at once. The readings are in their order.
    ///
    /// Digits that lie in the model's own grid are read as one sequence. Any others are read in portions that fill that
    /// grid, each digit once in every cell, and what the model says of it there is put together. Ink that may be several digits
    /// is read by the model of lines, which also has a say in how sure a reading is; see [`Recognizer::with_line`]. A model of
    /// lines, or of scattered digits, reads each digit by itself.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    pub fn read_findings(&self, findings: &[Findings]) -> Result<Vec<Reading>, Error> {
        let mut readings = self.read_first(findings)?;
        // Where that is not sure, other ways to see the same ink may make better sense; the model of lines tells which.
        let is_open = |at: &usize| self.line().is_some() && !readings[*at].sure;
        let open = (0..readings.len()).filter(is_open);
        let (places, others): (Vec<usize>, Vec<Findings>) =
            open.flat_map(|at| findings[at].others().into_iter().map(move |other| (at, other))).unzip();
        for (at, other) in places.into_iter().zip(self.read_first(&others)?) {
            let confidence = OTHER * other.confidence;
            if confidence > readings[at].confidence {
                readings[at] = Reading { confidence, sure: false, ..other };
            }
        }
        Ok(readings)
    }

    /// Reads each picture as it was seen first.
    fn read_first(&self, findings: &[Findings]) -> Result<Vec<Reading>, Error> {
        let runs = self.read_runs(findings)?;
        let portions: Vec<Vec<ModelInput>> =
            findings.iter().zip(&runs).map(|(found, runs)| self.portions(found, runs)).collect();
        let mut read = self.read_batch(&portions.concat())?.into_iter();
        let answers = findings.iter().zip(runs).zip(&portions).map(|((found, runs), portions)| {
            let read: Vec<Reading> = read.by_ref().take(portions.len()).collect();
            match read.as_slice() {
                [whole] if self.is_own_grid(found, &runs) => Answer::of_grid(found, whole),
                read => Answer::of_portions(runs, read),
            }
        });
        let mut answers: Vec<Answer> = answers.collect();
        self.ask_again(findings, &mut answers)?;
        Ok(findings.iter().zip(answers).map(|(found, answer)| answer.reading(found)).collect())
    }

    /// What is known of each picture's digits before a model of grids reads them.
    fn read_runs(&self, findings: &[Findings]) -> Result<Vec<Vec<Run>>, Error> {
        let asked = |digit: &FoundDigit| {
            let line = self.line()?;
            let ink = digit.run.as_deref().or((!self.is_in_cells()).then_some(&digit.pixels))?;
            (ink.len() <= SIDE * line.shape().width()).then(|| line.canvas(ink))
        };
        let canvases: Vec<Vec<Option<Vec<u8>>>> =
            findings.iter().map(|found| found.digits().map(asked).collect()).collect();
        let all: Vec<&[u8]> = canvases.iter().flatten().flatten().map(Vec::as_slice).collect();
        let mut read = self.line().map_or(Ok(Vec::new()), |line| line.read_canvases(&all))?.into_iter();
        let mut run = |(digit, canvas): (&FoundDigit, &Option<Vec<u8>>)| match (canvas, &digit.run) {
            (Some(_), _) => {
                read.next().map_or(Run::Digit(1.0), |reading| Run::of(reading, self.is_in_cells()))
            }
            (None, Some(_)) => Run::Digit(WIDE),
            (None, None) => Run::Digit(1.0),
        };
        Ok(findings
            .iter()
            .zip(&canvases)
            .map(|(found, canvases)| found.digits().zip(canvases).map(&mut run).collect())
            .collect())
    }

    /// A picture as the model takes it with this ink, 28 pixels high, in its middle.
    fn canvas(&self, ink: &[u8]) -> Vec<u8> {
        let (shape, width) = (self.shape(), ink.len() / SIDE);
        let mut canvas = vec![0; shape.pixels()];
        let [left, top] = [(shape.width() - width) / 2, (shape.height() - SIDE) / 2];
        for (y, row) in ink.chunks_exact(width).enumerate() {
            canvas[(top + y) * shape.width() + left..][..width].copy_from_slice(row);
        }
        canvas
    }

    /// Whether digits lie in the model's own grid.
    fn is_own_grid(&self, found: &Findings, runs: &[Run]) -> bool {
        self.is_in_cells() && found.shape() == Some(self.shape()) && runs.iter().all(Run::is_open)
    }

    /// The grids that the model reads to know the digits of a picture that are not known yet.
    fn portions(&self, found: &Findings, runs: &[Run]) -> Vec<ModelInput> {
        let shape = self.shape();
        let is_open = |run: &Run| matches!(run, Run::Digit(_));
        if runs.iter().all(is_open)
            && let Some(input) = found.model_input(shape)
        {
            return vec![input];
        }
        let open = found.digits().zip(runs).filter(|(_, run)| is_open(run));
        let digits: Vec<_> = open.map(|(digit, _)| digit.pixels).collect();
        let portion = |first: usize| {
            let cells = (0..shape.cells()).map(|cell| Some(digits[(first + cell) % digits.len()]));
            ModelInput::from_digits(shape, cells)
        };
        (0..digits.len()).map(portion).collect()
    }

    /// Lowers the confidence of answers that the model of lines does not give to the same digits.
    fn ask_again(&self, findings: &[Findings], answers: &mut [Answer]) -> Result<(), Error> {
        let Some(line) = self.line().filter(|_| self.is_in_cells()) else { return Ok(()) };
        let digits_of = |at: usize| -> Vec<Read> {
            let read = findings[at].digits().zip(&answers[at].digits);
            read.filter_map(|(digit, cells)| Some((digit.pixels, single(cells)?.digit))).collect()
        };
        // Most pictures need one look: what is sure is read again as one row.
        let is_sure = |at: &usize| answers[*at].confidence * findings[*at].confidence >= Reading::SURE;
        let rows = (0..answers.len()).filter(is_sure).map(|at| (at, digits_of(at)));
        let most = line.layout().max_digits().min(line.shape().cols);
        let (places, rows): (Vec<usize>, Vec<_>) =
            rows.filter(|(_, row)| (1..=most).contains(&row.len())).unzip();
        let likely = places.into_iter().zip(line.agreement(&rows)?);
        let agreed: Vec<usize> = likely.filter(|(_, p)| *p >= LIKELY).map(|(at, _)| at).collect();
        // Of the others it is asked about each digit by itself.
        let open = (0..answers.len()).filter(|at| !agreed.contains(at));
        let (places, digits): (Vec<usize>, Vec<_>) =
            open.flat_map(|at| digits_of(at).into_iter().map(move |digit| (at, vec![digit]))).unzip();
        for (at, p) in places.into_iter().zip(line.agreement(&digits)?) {
            answers[at].confidence *= (p / LIKELY).min(1.0);
        }
        Ok(())
    }

    /// How likely a model of lines finds each row of these digits.
    fn agreement(&self, rows: &[Vec<Read>]) -> Result<Vec<f32>, Error> {
        let canvas = |row: &Vec<Read>| {
            let shape = GridShape { rows: 1, cols: row.len() };
            self.canvas(ModelInput::from_digits(shape, row.iter().map(|(pixels, _)| Some(*pixels))).pixels())
        };
        let canvases: Vec<Vec<u8>> = rows.iter().map(canvas).collect();
        let readings = self.read_canvases(&canvases.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let asked = rows.iter().map(|row| text(row.iter().map(|(_, digit)| *digit)));
        Ok(asked.zip(readings).map(|(asked, reading)| probability(&reading, &asked)).collect())
    }
}

/// How likely these digits are in a reading.
fn probability(reading: &Reading, digits: &str) -> f32 {
    let others = reading.alternatives.iter().map(|other| (&other.digits, other.confidence));
    let all = others.chain([(&reading.digits, reading.confidence)]);
    // From 0: the sum of nothing is -0.
    all.filter(|(other, _)| *other == digits).fold(0.0, |sum, (_, confidence)| sum + confidence)
}

/// What a model of lines has read in ink that may be several digits.
enum Run {
    /// That it is one digit, which a model of grids reads, and how likely it is.
    Digit(f32),
    /// Several, or all that it knows of it.
    Read(Reading),
}

impl Run {
    /// Whether a model of grids must read it.
    fn is_open(&self) -> bool {
        matches!(self, Self::Digit(_))
    }

    fn of(reading: Reading, is_in_cells: bool) -> Self {
        match reading.cells.len() {
            _ if !is_in_cells => Self::Read(reading),
            _ if reading.confidence < LIKELY => Self::Digit(WIDE),
            0 | 1 => Self::Digit(1.0),
            _ => Self::Read(Reading { confidence: OTHER * reading.confidence, ..reading }),
        }
    }
}

/// What was read in the digits of one picture.
struct Answer {
    /// Of each digit that was found: one cell, or several if they touch.
    digits: Vec<Vec<CellReading>>,
    confidence: f32,
    alternatives: Vec<Alternative>,
    /// Whether they lie in the model's own grid.
    is_grid: bool,
}

impl Answer {
    /// A grid that was read as one sequence.
    fn of_grid(found: &Findings, whole: &Reading) -> Self {
        let places = found.lines.iter().flatten().zip(&whole.cells);
        let digits =
            places.filter(|(place, _)| place.is_some()).map(|(_, cell)| vec![cell.clone()]).collect();
        Self { digits, confidence: whole.confidence, alternatives: whole.alternatives.clone(), is_grid: true }
    }

    /// Digits from `portions`: the first holds those that are not known yet from the first on, the next from the second, and so
    /// on around, so that each stands in every cell once.
    fn of_portions(runs: Vec<Run>, portions: &[Reading]) -> Self {
        let mut votes = (0..portions.len()).map(|digit| Votes::of(digit, portions).best());
        let mut confidence = if runs.is_empty() { 0.0 } else { 1.0 };
        let digit = |run: Run| match run {
            Run::Digit(likely) => {
                let (digit, probability) = votes.next().unwrap_or((None, 0.0));
                confidence *= likely * probability;
                vec![CellReading::new(digit, probability)]
            }
            Run::Read(reading) => {
                confidence *= reading.confidence;
                let nothing = CellReading::new(None, reading.confidence);
                if reading.cells.is_empty() { vec![nothing] } else { reading.cells }
            }
        };
        let digits = runs.into_iter().map(digit).collect();
        Self { digits, confidence, alternatives: Vec::new(), is_grid: false }
    }

    /// The answer with everything where it was found.
    fn reading(self, found: &Findings) -> Reading {
        if self.digits.is_empty() {
            return Reading {
                lines: Vec::new(),
                layout: "none".into(),
                ..Reading::new(Vec::new(), 0.0, Vec::new())
            };
        }
        let is_run = self.digits.iter().any(|cells| cells.len() > 1);
        let mut digits = self.digits.into_iter();
        let mut place = |place: &Option<FoundDigit>| match (place, place.as_ref().and_then(|_| digits.next()))
        {
            (Some(digit), Some(cells)) => side_by_side(cells, digit),
            _ => vec![CellReading::new(None, 1.0)],
        };
        let lines: Vec<Vec<CellReading>> =
            found.lines.iter().map(|line| line.iter().flat_map(&mut place).collect()).collect();
        let of_line = |line: &Vec<CellReading>| text(line.iter().map(|cell| cell.digit));
        let texts: Vec<String> = lines.iter().map(of_line).collect();
        let confidence = self.confidence * found.confidence;
        let reading = Reading::new(lines.concat(), confidence, self.alternatives);
        let has_digits = reading.has_digits();
        let digits = if self.is_grid { reading.digits } else { reading.digits.replace('_', "") };
        let layout = match texts.len() {
            _ if !has_digits => "none".into(),
            1 if is_run => "line".into(),
            _ if is_run => "lines".into(),
            _ => found.layout(),
        };
        Reading { digits, lines: texts, layout, sure: reading.sure && has_digits, ..reading }
    }
}

/// Cells that part the box of a digit among them.
fn side_by_side(mut cells: Vec<CellReading>, digit: &FoundDigit) -> Vec<CellReading> {
    let places = digit.places(cells.len());
    cells.iter_mut().zip(places).for_each(|(cell, place)| cell.bounds = Some(place));
    cells
}

/// How likely each digit is to be what stands in one place, and that it is none.
struct Votes([f32; 10]);

impl Votes {
    /// What all portions say of one of their digits, on average.
    fn of(digit: usize, portions: &[Reading]) -> Self {
        let mut votes = [0.0; 10];
        let mut count = 0.0;
        for (first, portion) in portions.iter().enumerate() {
            for (place, cell) in portion.cells.iter().enumerate() {
                if (first + place) % portions.len() == digit {
                    count += 1.0;
                    let Some(read) = cell.digit else { continue };
                    // What is not given to the digit that was read, all others share.
                    let others = (1.0 - cell.confidence) / 9.0;
                    for vote in &mut votes {
                        *vote += others;
                    }
                    votes[usize::from(read)] += cell.confidence - others;
                }
            }
        }
        Self(votes.map(|vote| vote / count))
    }

    /// The likeliest digit.
    fn best(&self) -> (Option<u8>, f32) {
        let best = (0..10).max_by(|&a, &b| self.0[a].total_cmp(&self.0[b])).unwrap_or(0);
        (Some(best as u8), self.0[best])
    }
}

/// The only cell, if it is one.
fn single(cells: &[CellReading]) -> Option<&CellReading> {
    if let [cell] = cells { Some(cell) } else { None }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use mnist2x2_formats::Weights;
    use mnist2x2_model::{Config, Parameters};

    use super::*;
    use crate::config_for;

    fn reading(digits: &str, confidence: f32, others: &[(&str, f32)]) -> Reading {
        let cells = digits.bytes().map(|digit| CellReading::new(Some(digit - b'0'), confidence)).collect();
        let others =
            others.iter().map(|&(digits, confidence)| Alternative::new(digits, confidence)).collect();
        Reading::new(cells, confidence, others)
    }

    #[test]
    fn ink_lies_in_the_middle_of_a_canvas() {
        let layout = "line:3".parse().unwrap(); // 28 x 112 pixels
        let parameters = Parameters::init(&config_for(Config::reference(), layout), 3, &Device::Cpu).unwrap();
        let line = Recognizer::new(Weights::new(parameters, "")).unwrap();
        let ink: Vec<u8> = (0..28 * 50).map(|at| if at % 50 < 5 { 0 } else { 7 }).collect();
        let canvas = line.canvas(&ink);
        let inked = |x: &usize| (0..SIDE).all(|y| canvas[y * 112 + x] == 7);
        assert_eq!((0..112).filter(inked).collect::<Vec<_>>(), (36..81).collect::<Vec<_>>());
    }

    #[test]
    fn a_second_opinion_counts_all_answers_that_say_the_same() {
        let second = reading("17", 0.5, &[("11", 0.3), ("17", 0.1)]);
        assert!((probability(&second, "17") - 0.6).abs() < 1e-6);
        assert!((probability(&second, "11") - 0.3).abs() < 1e-6 && probability(&second, "4") == 0.0);
    }

    #[test]
    fn runs_are_several_digits_only_if_that_is_likely() {
        let of = |digits, confidence| Run::of(reading(digits, confidence, &[]), true);
        assert!(matches!(of("17", 0.99), Run::Read(run) if run.confidence < Reading::SURE));
        assert!(matches!(of("17", 0.4), Run::Digit(likely) if likely < 1.0));
        assert!(matches!(of("7", 0.6), Run::Digit(likely) if likely > 0.99));
        assert!(
            matches!(Run::of(reading("", 0.1, &[]), false), Run::Read(_)),
            "whatever a model of lines says"
        );
    }

    #[test]
    fn digits_of_a_run_part_its_box() {
        let mut digit = Findings::in_line([[0; PIXELS]]).lines[0].swap_remove(0).unwrap();
        digit.bounds = [10, 20, 100, 30];
        let cells = side_by_side(reading("123", 0.9, &[]).cells, &digit);
        let bounds: Vec<_> = cells.iter().filter_map(|cell| cell.bounds).collect();
        assert_eq!(bounds, [[10, 20, 33, 30], [43, 20, 33, 30], [76, 20, 34, 30]]);
    }
}
