//! Digits as people have them on disk: finds out what is at a path, and reads it.

use std::fs;
use std::path::{Path, PathBuf};

use mnist2x2_data::mnist::{self, Digests, Split};
use mnist2x2_data::{Digits, Error as DataError, csv};

use crate::Error;
use crate::labeled_pictures;

/// Where MNIST's files lie in a folder: beside everything else, or as torchvision puts them.
const PLACES: [&str; 3] = ["", "MNIST/raw", "raw"];

/// Digits at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    path: PathBuf,
    form: Form,
    takes_as_is: bool,
}

/// How digits are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Files under MNIST's names in a folder.
    Mnist,
    /// EMNIST's digits under their own names.
    Emnist,
    /// A CSV file, or a folder with `train.csv` or `test.csv`.
    Csv,
    /// A folder of pictures with their labels.
    Pictures,
}

impl Dataset {
    /// Finds out what is at `path`: a folder with MNIST's files in it, in `MNIST/raw` or in `raw`; with EMNIST's; with
    /// `train.csv` or `test.csv`; with labeled pictures; or a CSV file.
    ///
    /// # Errors
    /// [`Error::Data`] with what is there instead, and with all forms that are read.
    pub fn find(path: &Path) -> Result<Self, Error> {
        let at = |path: PathBuf, form| Ok(Self { path, form, takes_as_is: false });
        let has_any =
            |has: fn(&Path, Split) -> bool, path: &Path| has(path, Split::Train) || has(path, Split::Test);
        if let Some(folder) = PLACES.map(|place| path.join(place)).into_iter().find(|it| mnist::is_begun(it))
        {
            return at(if folder.ends_with("raw") { folder } else { path.into() }, Form::Mnist);
        }
        if has_any(mnist::has_emnist, path) {
            return at(path.into(), Form::Emnist);
        }
        if is_csv(path) || has_any(|path, split| csv_of(path, split).is_some(), path) {
            return at(path.into(), Form::Csv);
        }
        if has_any(|path, split| labeled_pictures::folder(path, split).is_some(), path) {
            return at(path.into(), Form::Pictures);
        }
        Err(DataError::NoDigits { path: path.into(), problem: what_is_at(path) }.into())
    }

    /// The same, whose digits are taken as they are, even where they look inverted or turned.
    #[must_use]
    pub fn as_is(self) -> Self {
        Self { takes_as_is: true, ..self }
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether these are files of MNIST's form and under its names.
    pub fn is_idx(&self) -> bool {
        self.form == Form::Mnist
    }

    /// What it is, in words.
    pub fn description(&self) -> &'static str {
        match self.form {
            Form::Mnist => "IDX files",
            Form::Emnist => "EMNIST's files",
            Form::Csv => "CSV",
            Form::Pictures => "pictures",
        }
    }

    /// What digits from here with these `digests` are called: `mnist` if they are the official ones, `emnist`, or `own`.
    pub fn name(&self, digests: &Digests) -> &'static str {
        let is_official = || [Split::Train, Split::Test].iter().any(|&split| digests.are_official(split));
        match self.form {
            Form::Mnist if is_official() => "mnist",
            Form::Emnist => "emnist",
            _ => "own",
        }
    }

    /// Whether there are digits of `split`. One CSV file, and a folder of pictures without `train` and `test`, is not
    /// divided: it has digits of none, and [`load`](Self::load) gives all of them for either.
    pub fn has(&self, split: Split) -> bool {
        match self.form {
            Form::Mnist => mnist::has(&self.path, split),
            Form::Emnist => mnist::has_emnist(&self.path, split),
            Form::Csv => csv_of(&self.path, split).is_some_and(|file| csv::has_labels(&file)),
            Form::Pictures => {
                labeled_pictures::folder(&self.path, split).is_some_and(|folder| folder != self.path)
            }
        }
    }

    /// The digits of `split`.
    ///
    /// # Errors
    /// [`Error::Data`] if a file is missing or damaged, or if the digits look inverted or turned; [`Error::Labeled`] names
    /// a picture that cannot be used.
    pub fn load(&self, split: Split) -> Result<Digits, Error> {
        let missing = |name: &str| {
            let problem = format!("has no {name}");
            Error::from(DataError::NoDigits { path: self.path.clone(), problem })
        };
        let digits = match self.form {
            Form::Mnist => mnist::load(&self.path, split)?,
            Form::Emnist => mnist::load_emnist(&self.path, split)?,
            Form::Csv if is_csv(&self.path) => csv::read(&self.path)?,
            Form::Csv => {
                csv::read(&csv_of(&self.path, split).ok_or_else(|| missing(CSV[split as usize][0]))?)?
            }
            Form::Pictures => {
                let names = labeled_pictures::SPLITS[split as usize];
                let folder = labeled_pictures::folder(&self.path, split);
                labeled_pictures::read(&folder.ok_or_else(|| missing(names[0]))?)?
            }
        };
        match digits.oddity() {
            Some(oddity) if !self.takes_as_is => {
                Err(DataError::Odd { path: self.path.clone(), oddity: oddity.to_string() }.into())
            }
            _ => Ok(digits),
        }
    }
}

/// The names of tables in a folder, for training and for test digits.
const CSV: [[&str; 2]; 2] = [["train.csv", "mnist_train.csv"], ["test.csv", "mnist_test.csv"]];

/// The table of a split in a folder.
fn csv_of(folder: &Path, split: Split) -> Option<PathBuf> {
    CSV[split as usize].map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

fn is_csv(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// What is at a path that holds no digits of a known form.
fn what_is_at(path: &Path) -> String {
    if !path.exists() {
        return "is not there".into();
    }
    if path.is_file() {
        return "is a file of another form".into();
    }
    let files = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
    match files.min() {
        Some(first) => {
            format!("holds `{}` and no digits of a known form", first.to_string_lossy().escape_debug())
        }
        None => "is an empty folder".into(),
    }
}
