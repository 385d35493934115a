//! `--dataset` and `--data-dir`: digits from a folder or file, MNIST downloaded, or the built-in synthetic digits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use mnist2x2::data::download::{Progress, Source, download};
use mnist2x2::data::mnist::{self, Digests, Split};
use mnist2x2::data::pendigits::{self, PenDigits};
use mnist2x2::data::{Digits, Error, GridSource, IndexMap, Layout, Loader, reference, shell_word, synthetic};
use mnist2x2::picture;
use mnist2x2::train::{DataRecord, TrainingData};

use crate::console::{self, Bar};

/// Where MNIST is put when no folder is named.
const DEFAULT_DIR: &str = "data/mnist";
/// The synthetic digits are always the same.
const SYNTHETIC_SEED: u64 = 0;

/// Which digits to use.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// Which digits
    #[arg(long, value_enum, default_value_t)]
    dataset: Choice,
    /// The folder with MNIST's four files, or with other digits
    ///
    /// Read are: MNIST's files in IDX form, of any number of digits, also in MNIST/raw; EMNIST's digits under their own names;
    /// a CSV file with `label,pixel0,...,pixel783`, or a folder with train.csv; a folder of pictures (PNG, JPEG, WebP, BMP,
    /// GIF, TIFF) of one digit each, in folders 0 to 9 or called `7_name.png`. Without it: the folder in the environment variable
    /// `MNIST_DIR`, else data/mnist, to which MNIST is downloaded.
    #[arg(long, alias = "data", value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// Take digits as they are, even where they look inverted or turned on their side
    #[arg(long)]
    as_is: bool,
}

/// `--dataset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// MNIST; synthetic digits if it must be downloaded and there is no network
    #[default]
    Auto,
    /// MNIST, or the digits in --data-dir, or nothing
    Mnist,
    /// Digits drawn by this program
    Synthetic,
}

/// Digits to train on and to test with.
#[derive(Clone, Debug)]
pub(crate) enum Dataset {
    /// Those at a path; and what they are called, once they were loaded, or by the run that recorded them.
    Found(picture::Dataset, OnceLock<String>),
    Synthetic,
}

impl DataArgs {
    /// The digits that were asked for, downloaded if need be.
    ///
    /// # Errors
    /// If there are no digits at the path, or the download fails for another reason than a missing network.
    pub(crate) fn resolve(&self) -> anyhow::Result<Dataset> {
        if self.dataset == Choice::Synthetic {
            return Ok(Dataset::Synthetic);
        }
        let from_environment =
            || std::env::var_os("MNIST_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        if let Some(dir) = self.data_dir.clone().or_else(from_environment) {
            return self.find(&dir);
        }
        let dir = PathBuf::from(DEFAULT_DIR);
        let found = if mnist::is_present(&dir) { Ok(()) } else { fetch(&dir) };
        match found {
            Ok(()) => self.find(&dir),
            Err(Error::Unreachable { .. }) if self.dataset == Choice::Auto => {
                console::log("MNIST cannot be fetched (no network): using built-in synthetic digits instead");
                Ok(Dataset::Synthetic)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The digits that were asked for, if they are on this machine: nothing is downloaded.
    ///
    /// # Errors
    /// If there are no digits at a path that was named.
    pub(crate) fn at_hand(&self) -> anyhow::Result<Option<Dataset>> {
        let is_named =
            self.data_dir.is_some() || std::env::var_os("MNIST_DIR").is_some_and(|dir| !dir.is_empty());
        let is_there =
            self.dataset == Choice::Synthetic || is_named || mnist::is_present(Path::new(DEFAULT_DIR));
        is_there.then(|| self.resolve()).transpose()
    }

    /// The digits at `path`.
    fn find(&self, path: &Path) -> anyhow::Result<Dataset> {
        let found = picture::Dataset::find(path)?;
        Ok(Dataset::Found(if self.as_is { found.as_is() } else { found }, OnceLock::new()))
    }

    /// The options that find the same digits again.
    pub(crate) fn flags(&self) -> Vec<String> {
        let flag = |dir: &PathBuf| ["--data-dir".into(), dir.display().to_string()];
        let as_is = self.as_is.then(|| "--as-is".into());
        self.data_dir.iter().flat_map(flag).chain(as_is).collect()
    }
}

impl Dataset {
    /// Makes sure that there will be something to test with, without opening it.
    ///
    /// # Errors
    /// If the folder lacks files.
    pub(crate) fn check_test_files(&self) -> anyhow::Result<()> {
        match self {
            Self::Found(found, _) if !found.has(Split::Test) && found.is_idx() => bail!(
                "{} lacks some of MNIST's four files; fetch them with `cargo xtask download-mnist --to {}`, or train \
                with --no-test",
                found.path().display(),
                shell_word(found.path())
            ),
            Self::Found(found, _) if !found.has(Split::Test) => {
                bail!("{} has no digits to test with; train with --no-test", found.path().display())
            }
            _ => Ok(()),
        }
    }

    /// The digits that an earlier run used: in the folder that `args` name, else where they were.
    ///
    /// # Errors
    /// If they cannot be had again.
    pub(crate) fn of_run(record: &DataRecord, args: &DataArgs) -> anyhow::Result<Self> {
        let where_they_were =
            || record.folder.clone().filter(|folder| picture::Dataset::find(folder).is_ok());
        match record.dataset.as_str() {
            "synthetic" => Ok(Self::Synthetic),
            name @ ("mnist" | "emnist" | "own") => {
                let data_dir = args.data_dir.clone().or_else(where_they_were);
                match (DataArgs { dataset: Choice::Mnist, data_dir, as_is: args.as_is }.resolve())? {
                    Self::Found(found, _) => Ok(Self::Found(found, OnceLock::from(name.to_owned()))),
                    synthetic @ Self::Synthetic => Ok(synthetic),
                }
            }
            other => bail!("the run used the data set `{other}`, which this program does not know"),
        }
    }

    /// What its digits are called in records and results: `mnist` (the official ones), `emnist`, `own` or `synthetic`.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Found(_, name) => name.get().map_or("own", String::as_str),
            Self::Synthetic => "synthetic",
        }
    }

    /// The digits of a split.
    pub(crate) fn load(&self, split: Split) -> anyhow::Result<Digits> {
        let digits = self.read(split)?;
        self.remember_name(|| Digests::of(&digits));
        Ok(digits)
    }

    /// The same, without learning what they are called. There are as many synthetic ones as MNIST has.
    fn read(&self, split: Split) -> anyhow::Result<Digits> {
        Ok(match (self, split) {
            (Self::Found(found, _), _) => found.load(split)?,
            (Self::Synthetic, Split::Train) => synthetic::digits(split, 60_000, SYNTHETIC_SEED),
            (Self::Synthetic, Split::Test) => synthetic::digits(split, 10_000, SYNTHETIC_SEED),
        })
    }

    /// Remembers what digits with these digests are called. They take time, and are not asked for where the name is known.
    fn remember_name(&self, digests: impl FnOnce() -> Digests) {
        if let Self::Found(found, name) = self {
            name.get_or_init(|| found.name(&digests()).into());
        }
    }

    /// The training digits with the pen strokes in the file `strokes`, and a run's record of both.
    pub(crate) fn training_data(&self, strokes: Option<&Path>) -> anyhow::Result<(TrainingData, DataRecord)> {
        let digits = self.read(Split::Train)?;
        let pens = strokes.map(pen_strokes).transpose()?;
        if pens.is_some() {
            console::log("drawing the pen strokes");
        }
        let digests = Digests::of(&digits);
        self.remember_name(|| digests.clone());
        let record = DataRecord {
            dataset: self.name().into(),
            images_sha256: digests.images,
            labels_sha256: digests.labels,
            writers_sha256: digests.writers,
            strokes_sha256: pens.as_ref().map(|pens| pens.sha256.clone()),
            folder: match self {
                Self::Found(found, _) => Some(found.path().into()),
                Self::Synthetic => None,
            },
            strokes: strokes.map(Path::to_path_buf),
        };
        Ok((TrainingData::new(digits, pens), record))
    }

    /// The first `count` reference grids over the digits of a split, in batches; without a count, as many as the split has
    /// digits.
    pub(crate) fn reference_loader(
        &self,
        split: Split,
        count: Option<usize>,
        layout: Layout,
        batch: usize,
    ) -> anyhow::Result<Loader> {
        let digits = self.load(split)?;
        let grids = reference::grids(digits.len() as u32, count.unwrap_or(digits.len()), layout.max_digits());
        Ok(Loader::new(Arc::new(digits), GridSource::Fixed(grids), layout, batch, 0)?)
    }

    /// The digits of a split in full grids by one writer each, each digit at most once.
    pub(crate) fn one_writer_loader(
        &self,
        split: Split,
        layout: Layout,
        batch: usize,
    ) -> anyhow::Result<Loader> {
        ensure!(
            layout.is_full(),
            "grids by one writer are full ones, but the layout is {layout}; take another, such as 2x2"
        );
        let digits = self.load(split)?;
        let grids = IndexMap::writer_by_writer(&digits, layout.max_digits())
            .context("`cargo xtask download-mnist --writers --to DIR` fetches the writers of MNIST's digits beside them")?;
        Ok(Loader::new(Arc::new(digits), GridSource::Fixed(grids), layout, batch, 0)?)
    }
}

/// Downloads MNIST, with a bar per file on a terminal and a line per file elsewhere.
fn fetch(dir: &Path) -> Result<(), Error> {
    let mut bar: Option<(Bar, u64)> = None;
    let mut is_announced = false;
    download(dir, &Source::Mirrors, &mut |progress| match progress {
        Progress::Received { file, bytes, total, .. } => {
            if !std::mem::replace(&mut is_announced, true) {
                console::log(&format!("downloading MNIST (11 MB) to {}", dir.display()));
            }
            let (bar, seen) = bar.get_or_insert_with(|| (Bar::new(total.unwrap_or(bytes) as usize, file), 0));
            bar.advance(bytes.saturating_sub(*seen) as usize);
            *seen = bytes;
        }
        Progress::Installed { file } => {
            bar = None;
            if !console::can_draw() {
                console::log(&format!("downloaded {file}"));
            }
        }
        _ => {}
    })
}

/// The pen strokes in a file.
pub(crate) fn pen_strokes(file: &Path) -> anyhow::Result<PenDigits> {
    let name = file.display();
    ensure!(
        file.exists(),
        "{name} does not exist; `cargo xtask download-pendigits` fetches pendigits-orig.tra"
    );
    Ok(pendigits::read(file)?)
}
