//! UCI's Pen-Based Recognition of Handwritten Digits: what 44 people wrote on a tablet (E. Alpaydin and F. Alimoglu, UCI
//! Machine Learning Repository, data set 81, CC BY 4.0), in the UNIPEN format (I. Guyon et al., *UNIPEN project of on-line
//! data exchange and recognizer benchmarks*, 1994).
//!
//! The reader understands `.SEGMENT DIGIT` with the label, the `.COMMENT` of label, writer and serial number, `.PEN_DOWN`,
//! the points and `.PEN_UP`; other keywords say nothing of what was written.

use std::fs::File;
use std::io::Read;
use std::mem;
use std::path::Path;

use crate::error::Error;
use crate::sha256::sha256;
use crate::strokes::{Point, Strokes};

/// SHA-256 of `pendigits-orig.tra`, the training half, in lower-case hexadecimal.
pub const TRAINING_SHA256: &str = "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4";

/// The most bytes that are read of a file: ten times the larger half.
pub(crate) const MAX_LEN: u64 = 40 << 20;
/// Side of the box that the tablet's coordinates fill.
const BOX: f32 = 500.0;

/// A digit that somebody wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct PenDigit {
    /// What it is, 0 to 9.
    pub label: u8,
    /// Who wrote it; 1 to 30 in the training half. `None` if the file does not say.
    pub writer: Option<u32>,
    /// How, in the unit square: what the tablet's box of 500 x 500 becomes, with y downwards.
    pub strokes: Strokes,
}

/// The digits of a file.
#[derive(Clone, Debug)]
pub struct PenDigits {
    /// In the file's order.
    pub digits: Vec<PenDigit>,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// The digits in the file at `path`.
///
/// # Errors
/// [`Error::Read`] if the file cannot be read, [`Error::PenDigits`] with the line that cannot be understood.
pub fn read(path: &Path) -> Result<PenDigits, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_LEN + 1).read_to_end(&mut bytes));
    read.map_err(|source| Error::Read { path: path.into(), source })?;
    let bad = |(line, problem)| Error::PenDigits { path: path.into(), line, problem };
    if bytes.len() as u64 > MAX_LEN {
        return Err(bad((1, format!("the file has more than the {MAX_LEN} bytes that are read"))));
    }
    Ok(PenDigits { digits: parse(&bytes).map_err(bad)?, sha256: sha256(&[&bytes]) })
}

/// The digits in the content of a file; otherwise a line, from 1, and what is wrong in it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<PenDigit>, (usize, String)> {
    let mut parser = Parser::default();
    let mut last = 0;
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        last = number;
        let line = str::from_utf8(line).map_err(|_| (number, "is no text".to_owned()))?;
        parser.line(line).map_err(|problem| (number, problem))?;
    }
    parser.finish().map_err(|problem| (last, problem))
}

/// What has been read of a file.
#[derive(Default)]
struct Parser {
    complete: Vec<PenDigit>,
    /// A digit of which more may follow; its strokes are in `strokes`.
    current: Option<PenDigit>,
    strokes: Vec<Vec<Point>>,
    pen_is_down: bool,
}

impl Parser {
    /// Takes the next line.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        match words.next() {
            None => Ok(()),
            Some(".SEGMENT") => self.segment(line),
            Some(".COMMENT") => self.comment(words),
            Some(".PEN_DOWN") => self.pen_down(),
            Some(".PEN_UP") => self.pen_up(),
            Some(keyword) if keyword.starts_with('.') => Ok(()),
            Some(x) => self.point(x, words),
        }
    }

    /// `.SEGMENT DIGIT range ? "8"`: a digit begins, and the one before has ended.
    fn segment(&mut self, line: &str) -> Result<(), String> {
        self.end_digit()?;
        let label = line.split('"').nth(1).and_then(|label| label.trim().parse().ok());
        let label = label.filter(|label| *label <= 9).ok_or("the segment has no digit in quotation marks")?;
        self.current = Some(PenDigit { label, writer: None, strokes: Strokes::default() });
        Ok(())
    }

    /// `.COMMENT label writer serial`; a comment of another form is for people.
    fn comment<'a>(&mut self, words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let numbers: Result<Vec<u32>, _> = words.map(str::parse).collect();
        let (Some(digit), Ok([label, writer, _])) = (&mut self.current, numbers.as_deref()) else {
            return Ok(());
        };
        if *label != u32::from(digit.label) {
            return Err(format!("the comment says {label} of a segment that says {}", digit.label));
        }
        digit.writer = Some(*writer);
        Ok(())
    }

    fn pen_down(&mut self) -> Result<(), String> {
        if mem::replace(&mut self.pen_is_down, true) {
            return Err("the pen is set down twice".into());
        }
        if self.current.is_none() {
            return Err("the pen is set down before the first segment".into());
        }
        self.strokes.push(Vec::new());
        Ok(())
    }

    fn pen_up(&mut self) -> Result<(), String> {
        if mem::replace(&mut self.pen_is_down, false) {
            Ok(())
        } else {
            Err("the pen is lifted twice".into())
        }
    }

    /// `x y`: the pen passes here.
    fn point<'a>(&mut self, x: &str, mut words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let number = |word: &str| word.parse().ok().filter(|number: &f32| number.is_finite());
        let point = number(x).zip(words.next().and_then(number));
        let (Some((x, y)), None) = (point, words.next()) else {
            return Err("is neither a keyword nor a point `x y`".into());
        };
        let stroke = self.strokes.last_mut().filter(|_| self.pen_is_down);
        stroke.ok_or("a point where the pen is up")?.push([x / BOX, (BOX - y) / BOX]);
        Ok(())
    }

    /// Puts the current digit, if there is one, with the others.
    fn end_digit(&mut self) -> Result<(), String> {
        if self.pen_is_down {
            return Err("a digit ends while the pen is down".into());
        }
        let strokes = Strokes::new(mem::take(&mut self.strokes)).map_err(|error| error.to_string())?;
        if let Some(digit) = self.current.take() {
            if strokes.is_empty() {
                return Err("the digit before has no strokes".into());
            }
            self.complete.push(PenDigit { strokes, ..digit });
        }
        Ok(())
    }

    /// All digits, at the end of the file.
    fn finish(mut self) -> Result<Vec<PenDigit>, String> {
        self.end_digit()?;
        if self.complete.is_empty() { Err("the file has no digit".into()) } else { Ok(self.complete) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage::damaged;

    /// Two digits, the second in two strokes.
    const FILE: &str = ".INCLUDE  dene.doc\n\n.LEXICON \"0\" \"1\"\n.HIERARCHY DIGIT\n
.SEGMENT DIGIT 0 ? \"8\"\n.COMMENT 8 12  224\n.PEN_DOWN\n 100  400\n 150  375\n.PEN_UP\n.DT 100\r\n
.SEGMENT DIGIT 1-2 ? \"5\"\n.COMMENT 5 30 7\n.COMMENT in haste\n.PEN_DOWN\n 0 500\n.PEN_UP\n.DT 9
.PEN_DOWN\n500 0\n250 250\n.PEN_UP\n";

    #[test]
    fn labels_writers_and_strokes_are_read() {
        let strokes =
            |strokes: &[&[Point]]| Strokes::new(strokes.iter().map(|s| s.to_vec()).collect()).unwrap();
        let eight = PenDigit { label: 8, writer: Some(12), strokes: strokes(&[&[[0.2, 0.2], [0.3, 0.25]]]) };
        let five = strokes(&[&[[0.0, 0.0]], &[[1.0, 1.0], [0.5, 0.5]]]);
        let five = PenDigit { label: 5, writer: Some(30), strokes: five };
        assert_eq!(parse(FILE.as_bytes()).unwrap(), [eight, five]);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let fault = |from: &str, to: &str| parse(FILE.replacen(from, to, 1).as_bytes()).unwrap_err();
        for (from, to, line, problem) in [
            ("\"8\"", "\"ten\"", 6, "no digit in quotation marks"),
            ("\"8\"", "\"12\"", 6, "no digit in quotation marks"),
            ("8 12", "3 12", 7, "says 3 of a segment that says 8"),
            (" 100  400", "100", 9, "neither a keyword nor a point"),
            (" 100  400", "100 1e99", 9, "neither a keyword nor a point"),
            (" 100  400", "100 4 7", 9, "neither a keyword nor a point"),
            (".PEN_UP\n.DT 100", "", 13, "ends while the pen is down"),
            (".PEN_DOWN\n 100", "100", 8, "where the pen is up"),
            (".DT 9", ".PEN_UP", 20, "lifted twice"),
            (".DT 9", ".PEN_DOWN", 21, "set down twice"),
            (".HIERARCHY DIGIT", ".PEN_DOWN", 4, "before the first segment"),
            (" 100  400\n 150  375\n", "", 12, "no strokes"),
        ] {
            let (found, what) = fault(from, to);
            assert!(found == line && what.contains(problem), "{from:?} as {to:?}: line {found}, {what}");
        }
        assert_eq!(parse(b"").unwrap_err(), (1, "the file has no digit".into()));
        assert_eq!(parse(&[b'\n', 0xff]).unwrap_err(), (2, "is no text".into()));
    }

    #[test]
    fn damaged_files_are_read_or_refused_and_nothing_else() {
        for bytes in damaged(FILE.as_bytes(), b" \n.\"9", 20_000) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn the_training_half_is_whole() {
        let Some(dir) = std::env::var_os("PENDIGITS_DIR") else {
            return eprintln!("skipped: PENDIGITS_DIR does not name the folder with pendigits-orig.tra");
        };
        let file = read(&Path::new(&dir).join("pendigits-orig.tra")).unwrap();
        assert_eq!(file.sha256, TRAINING_SHA256);
        let strokes: usize = file.digits.iter().map(|digit| digit.strokes.iter().count()).sum();
        assert_eq!((file.digits.len(), strokes), (7_494, 9_433));
        assert!(
            file.digits.iter().all(|digit| digit.writer.is_some_and(|writer| (1..=30).contains(&writer)))
        );
        let [x, y] = file.digits[0].strokes.iter().next().unwrap()[0].map(|x| (500.0 * x).round() as u32);
        assert_eq!((x, y), (267, 500 - 333));
    }
}
