//! Digits as a table of text: a line for each, with its label and its 784 gray values, as Kaggle's competition has them
//! (`label,pixel0,...,pixel783`). A first line of names may be there or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::digits::{Digits, PIXELS};
use crate::error::Error;

/// The most bytes of a line: 785 numbers with their commas, and names with room.
const MAX_LINE: u64 = 16 << 10;
/// The most digits that are read of one file: four times as many as MNIST has.
const MAX_DIGITS: usize = 240_000;

/// Whether the file at `path` begins as a table of digits with their labels does.
pub fn has_labels(path: &Path) -> bool {
    let mut line = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_LINE).read_to_end(&mut line));
    let first = line.split(|&byte| byte == b',').next().unwrap_or_default();
    read.is_ok() && (is_label_name(first) || number(first).is_some())
}

/// The digits in the file at `path`.
///
/// # Errors
/// [`Error::Read`] if it cannot be read, [`Error::Csv`] with the line that cannot be understood.
pub fn read(path: &Path) -> Result<Digits, Error> {
    let bad = |line, problem: String| Error::Csv { path: path.into(), line, problem };
    let failed = |source| Error::Read { path: path.into(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut pixels, mut labels, mut line) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        if file.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE {
            return Err(bad(number, format!("has more than {MAX_LINE} bytes")));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if number == 1 && is_label_name(line.split(|&byte| byte == b',').next().unwrap_or_default()) {
            continue;
        }
        let label = parse(line, &mut pixels).map_err(|problem| bad(number, problem))?;
        labels.push(label);
        if labels.len() > MAX_DIGITS {
            return Err(bad(number, format!("is beyond the {MAX_DIGITS} digits that are read of one file")));
        }
    }
    if labels.is_empty() {
        return Err(bad(1, "there are no digits".into()));
    }
    Digits::new(pixels, labels)
}

/// Adds the gray values of one line to `pixels`, and gives its label.
fn parse(line: &[u8], pixels: &mut Vec<u8>) -> Result<u8, String> {
    let mut fields = line.split(|&byte| byte == b',');
    let first = fields.next().unwrap_or_default();
    let shown =
        |field: &[u8]| String::from_utf8_lossy(&field[..field.len().min(20)]).escape_debug().to_string();
    let label = number(first).filter(|label| *label <= 9);
    let label = label.ok_or_else(|| format!("its first value is `{}` and no label", shown(first)))?;
    let before = pixels.len();
    for (place, field) in fields.enumerate() {
        let gray = number(field).ok_or_else(|| format!("gray value {place} is `{}`", shown(field)))?;
        if place == PIXELS {
            return Err(format!("has more than {PIXELS} gray values"));
        }
        pixels.push(gray);
    }
    match pixels.len() - before {
        PIXELS => Ok(label),
        found => Err(format!("has {found} gray values")),
    }
}

/// A number of 0 to 255.
fn number(field: &[u8]) -> Option<u8> {
    str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}

/// Whether this is the name of the column of labels.
fn is_label_name(field: &[u8]) -> bool {
    field.trim_ascii().eq_ignore_ascii_case(b"label")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage::damaged;
    use crate::mnist::Split;
    use crate::synthetic;

    /// A table of three digits, with names.
    fn table() -> String {
        let digits = synthetic::digits(Split::Train, 3, 0);
        let row = |first: String, rest: Vec<String>| format!("{first},{}\n", rest.join(","));
        let line = |i: usize| {
            row(digits.label(i).to_string(), digits.image(i).iter().map(ToString::to_string).collect())
        };
        let names = row("label".into(), (0..PIXELS).map(|i| format!("pixel{i}")).collect());
        format!("{names}{}{}{}", line(0), line(1), line(2))
    }

    fn read_text(text: &[u8]) -> Result<Digits, String> {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_are_read_with_and_without_names() {
        let (table, digits) = (table(), synthetic::digits(Split::Train, 3, 0));
        let (_, unnamed) = table.split_once('\n').unwrap();
        for text in
            [&table, unnamed, table.trim_end(), &table.replace('\n', "\r\n"), &table.replace(',', ", ")]
        {
            assert_eq!(read_text(text.as_bytes()).unwrap(), digits);
        }
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let table = table();
        let lines: Vec<&str> = table.lines().collect();
        let with =
            |line: &str| read_text(format!("{}\n{}\n{line}\n", lines[0], lines[1]).as_bytes()).unwrap_err();
        for (line, problem) in [
            (lines[2][2..].to_owned(), ", line 3: has 783 gray values; a line has a label of 0 to 9 and 784"),
            (format!("{},0", lines[2]), ", line 3: has more than 784 gray values"),
            (lines[2].replacen(",0", ",256", 1), ", line 3: gray value 0 is `256`"),
            (lines[2].replacen(",0", ",-1", 1), ", line 3: gray value 0 is `-1`"),
            (format!("ten{}", &lines[2][1..]), ", line 3: its first value is `ten` and no label"),
            (format!("10{}", &lines[2][1..]), ", line 3: its first value is `10` and no label"),
            ("0,".repeat(9_000), ", line 3: has more than 16384 bytes"),
        ] {
            let error = with(&line);
            assert!(error.contains(problem), "{error}");
        }
        assert!(read_text(b"").unwrap_err().contains("line 1: there are no digits"));
        let unlabeled = read_text(b"pixel0,pixel1\n0,0\n").unwrap_err();
        assert!(unlabeled.contains("line 1: its first value is `pixel0` and no label"), "{unlabeled}");
    }

    #[test]
    fn damaged_tables_are_read_or_refused_and_nothing_else() {
        for bytes in damaged(table().as_bytes(), b" ,\n9", 200) {
            read_text(&bytes).ok();
        }
    }
}
