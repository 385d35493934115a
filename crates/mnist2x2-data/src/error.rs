//! What can go wrong, always with the file or value and the next step.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Where digits are found, in words.
const FORMS: &str = "a folder with MNIST's four files, gzipped or not, of any number of digits (also in MNIST/raw), or with \
                     EMNIST's (emnist-digits-..., emnist-mnist-...); a CSV file with label,pixel0,...,pixel783 (train.csv, \
                     test.csv); a folder of pictures (PNG, JPEG, WebP, BMP, GIF, TIFF) of one digit each, in folders 0 to 9 or \
                     called 7_name.png (also in train and test)";

/// Everything that this crate can refuse.
///
/// Where an error has a cause of its own (the operating system's, the network's), `source()` tells it and the message
/// does not repeat it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is there cannot be read.
    #[error("cannot read {}; check that it is a file you may read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}; choose a folder you may write to, with room left", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An augmentation that leaves nothing to read.
    #[error("augmentation: `{setting}` is {value}, but must be 0 to {most}")]
    Augmentation {
        /// The field of [`crate::Augmentation`].
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The most that makes sense.
        most: f64,
    },
    /// A layout that no picture can have.
    #[error("layout {layout}: {what}")]
    Layout {
        /// As it was given.
        layout: String,
        /// What is wrong with it, and what would be right.
        what: String,
    },
    /// A folder lacks a file of a data set.
    #[error("{} has no {name}, packed or unpacked; {}", dir.display(), fetch("fetch it", name, dir))]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// The file's official name without `.gz`.
        name: &'static str,
    },
    /// A file of MNIST's form is not what its name says.
    #[error("{}: {problem}; {}", path.display(), again(path))]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of pen strokes has something in it that cannot be understood.
    #[error("{}, line {line}: {problem}; fetch it again with `cargo xtask download-pendigits`", path.display())]
    PenDigits {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A point of a stroke that lies nowhere.
    #[error("point {point} of stroke {stroke} is not a finite number; both count from 0")]
    NotAPoint {
        /// The stroke.
        stroke: usize,
        /// The point in it.
        point: usize,
    },
    /// Pixels that are no whole digits, or not as many as labels.
    #[error("{pixels} pixels cannot be {labels} digits of 28 x 28; pass 784 pixels for each label")]
    PixelCount {
        /// Number of pixels given.
        pixels: usize,
        /// Number of labels given.
        labels: usize,
    },
    /// Not one writer for each digit.
    #[error("there are {writers} writers for {digits} digits; pass one for each digit")]
    WriterCount {
        /// Number of writers given.
        writers: usize,
        /// Number of digits.
        digits: usize,
    },
    /// Digits that are not as MNIST's, as a look at them tells.
    #[error("{}: {oddity}; or take them as they are with `--as-is`", path.display())]
    Odd {
        /// The file or folder.
        path: PathBuf,
        /// What is odd: a [`crate::Oddity`] in words.
        oddity: String,
    },
    /// A place without digits of a form that is read, and the forms that are.
    #[error("{} {problem}; what is read: {FORMS}; {}", path.display(), fetch("fetch MNIST", "", path))]
    NoDigits {
        /// The file or folder.
        path: PathBuf,
        /// What is there or missing.
        problem: String,
    },
    /// A line of a table of digits that cannot be understood.
    #[error("{}, line {line}: {problem}; a line has a label of 0 to 9 and 784 gray values of 0 to 255", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A label above 9.
    #[error("label {index} is {value}; digits are 0 to 9")]
    NotADigit {
        /// The label.
        value: u8,
        /// Its place, from 0.
        index: usize,
    },
    /// Grids that cannot be made from what was given.
    #[error("{what}; {fix}")]
    BadGrid {
        /// What does not fit.
        what: String,
        /// What to do.
        fix: &'static str,
    },
    /// No source of the files could be connected to: there is no network, or it lets nobody through.
    #[error(
        "no mirror could be connected to ({}); check the network, or copy the files from a folder that you give the \
        download with `--from DIR`",
        tried.join("; ")
    )]
    Unreachable {
        /// Each address with the reason.
        tried: Vec<String>,
    },
    /// A server answered a request with something else than the file.
    #[error("{url} answered with HTTP status {status}; try again later, or another source with `--from`")]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
    },
    /// A connection broke or stalled; what came so far is kept.
    #[error("the transfer of {url} broke off; run the same command again to continue where it stopped")]
    Transfer {
        /// What was asked for.
        url: String,
        /// What the network says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What came is not the official file; it has been deleted.
    #[error("what came from {from} is not the official {name}: {what}; try another source with `--from`")]
    WrongContent {
        /// The address or path it came from.
        from: String,
        /// The file's official name without `.gz`.
        name: &'static str,
        /// How one can tell.
        what: String,
    },
    /// Another process is writing the same file.
    #[error("{} is being written by another download; wait until that one is done", path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },
    /// A tensor library's own reader failed.
    #[error("candle-datasets cannot read {}; it needs the four files unpacked", dir.display())]
    Hub {
        /// The folder.
        dir: PathBuf,
        /// Its own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The next step: a command that fills `dir` with the data set that the file `name` belongs to.
fn fetch(verb: &str, name: &str, dir: &Path) -> String {
    let set = if name.starts_with("pendigits") { "pendigits" } else { "mnist" };
    let writers = if name.starts_with("qmnist") { " --writers" } else { "" };
    format!("{verb} with `cargo xtask download-{set}{writers} --to {}`", shell_word(dir))
}

/// A word of a command line as it can be pasted into a shell: in quotes if it has to be.
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c) || cfg!(windows) && c == '\\';
    match &*word {
        plain if !plain.is_empty() && plain.chars().all(is_plain) => plain.into(),
        other if cfg!(windows) => format!("\"{other}\""),
        other => format!("'{}'", other.replace('\'', r"'\''")),
    }
}

/// The next step where the file at `path` is damaged.
fn again(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("emnist") {
        return "get it again from where it came".into();
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fetch("download it again", &name, dir)
}
