//! Which digits: MNIST from a folder, MNIST fetched, or the built-in synthetic ones.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::ValueEnum;
use mnist2x2::data::download::{Progress, Source, download};
use mnist2x2::data::mnist::{self, Digests, Split};
use mnist2x2::data::pendigits::PenDigits;
use mnist2x2::data::{Digits, Error, GridShape, GridSource, IndexMap, Loader, reference, synthetic};
use mnist2x2::train::DataRecord;

use crate::console::{self, Bar};

/// Where MNIST is put when no folder is named.
const DEFAULT_DIR: &str = "data/mnist";
/// Synthetic digits are always the same: as many as MNIST has.
const SYNTHETIC_SEED: u64 = 0;
const SYNTHETIC_TRAIN: usize = 60_000;
const SYNTHETIC_TEST: usize = 10_000;

/// Which digits to use.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// Which digits
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    dataset: Choice,
    /// The folder with MNIST's four files
    ///
    /// Without it the folder that the environment variable `MNIST_DIR` names, else data/mnist, which is filled by download.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `--dataset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// MNIST; synthetic digits if it has to be fetched and no mirror can be connected to
    Auto,
    /// MNIST or nothing
    Mnist,
    /// Digits drawn by this program
    Synthetic,
}

/// Digits to train on and to test with.
#[derive(Clone, Debug)]
pub(crate) enum Dataset {
    Mnist(PathBuf),
    Synthetic,
}

impl DataArgs {
    /// The digits asked for, fetched if need be.
    ///
    /// # Errors
    /// If a named folder lacks files, or fetching fails in another way than for want of a network.
    pub(crate) fn resolve(&self) -> anyhow::Result<Dataset> {
        if self.dataset == Choice::Synthetic {
            return Ok(Dataset::Synthetic);
        }
        let from_environment =
            || std::env::var_os("MNIST_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        if let Some(dir) = self.data_dir.clone().or_else(from_environment) {
            return Ok(Dataset::Mnist(dir));
        }
        let dir = PathBuf::from(DEFAULT_DIR);
        if mnist::is_present(&dir) {
            return Ok(Dataset::Mnist(dir));
        }
        match fetch(&dir) {
            Ok(()) => Ok(Dataset::Mnist(dir)),
            Err(Error::Unreachable { .. }) if self.dataset == Choice::Auto => {
                console::log("MNIST cannot be fetched (no network): using built-in synthetic digits instead");
                Ok(Dataset::Synthetic)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl DataArgs {
    /// The options that find the same digits again, each with a space before it.
    pub(crate) fn flags(&self) -> String {
        self.data_dir.as_ref().map_or_else(String::new, |dir| format!(" --data-dir {}", dir.display()))
    }
}

impl Dataset {
    /// Makes sure that there will be something to test with, without opening it.
    ///
    /// # Errors
    /// If the folder lacks files.
    pub(crate) fn check_test_files(&self) -> anyhow::Result<()> {
        match self {
            Self::Mnist(dir) if !mnist::is_present(dir) => bail!(
                "{0} lacks some of MNIST's four files; fetch them with `cargo xtask download-mnist --to {0}`, or train \
                with --no-test",
                dir.display()
            ),
            _ => Ok(()),
        }
    }

    /// The digits that an earlier run used, where `args` say they are now, or else where they were.
    ///
    /// # Errors
    /// If they cannot be had again.
    pub(crate) fn of_run(record: &DataRecord, args: &DataArgs) -> anyhow::Result<Self> {
        let where_they_were = || record.folder.clone().filter(|folder| mnist::is_present(folder));
        match record.dataset.as_str() {
            "synthetic" => Ok(Self::Synthetic),
            "mnist" => {
                let data_dir = args.data_dir.clone().or_else(where_they_were);
                DataArgs { dataset: Choice::Mnist, data_dir }.resolve()
            }
            other => bail!("the run used the data set `{other}`, which this program does not know"),
        }
    }

    /// The folder that holds their files, if they are in files.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Mnist(folder) => Some(folder),
            Self::Synthetic => None,
        }
    }

    /// `mnist` or `synthetic`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Mnist(_) => "mnist",
            Self::Synthetic => "synthetic",
        }
    }

    /// What a run's record says of the training digits with these digests, and of the pen strokes in a file.
    pub(crate) fn record(&self, digests: Digests, strokes: Option<(&PenDigits, &Path)>) -> DataRecord {
        DataRecord {
            dataset: self.name().into(),
            images_sha256: digests.images,
            labels_sha256: digests.labels,
            strokes_sha256: strokes.map(|(pens, _)| pens.sha256.clone()),
            folder: self.folder().map(Path::to_path_buf),
            strokes: strokes.map(|(_, file)| file.to_path_buf()),
        }
    }

    /// The digits of a split and their digests.
    pub(crate) fn load(&self, split: Split) -> anyhow::Result<(Digits, Digests)> {
        let digits = match (self, split) {
            (Self::Mnist(dir), _) => mnist::load(dir, split)?,
            (Self::Synthetic, Split::Train) => synthetic::digits(split, SYNTHETIC_TRAIN, SYNTHETIC_SEED),
            (Self::Synthetic, Split::Test) => synthetic::digits(split, SYNTHETIC_TEST, SYNTHETIC_SEED),
        };
        let digests = Digests::of(&digits);
        Ok((digits, digests))
    }

    /// The reference test grids, in batches.
    pub(crate) fn test_loader(&self, shape: GridShape, batch: usize) -> anyhow::Result<Loader> {
        let (digits, _) = self.load(Split::Test)?;
        let grids = reference_grids(&digits, digits.len(), shape);
        Ok(Loader::new(Arc::new(digits), GridSource::Fixed(grids), shape, batch, 0)?)
    }
}

/// The first `count` of the reference grids over these digits.
pub(crate) fn reference_grids(digits: &Digits, count: usize, shape: GridShape) -> IndexMap {
    reference::grids(digits.len() as u32, count, shape.cells())
}

/// Fetches MNIST, with a bar per file on a terminal and a line per file elsewhere.
fn fetch(dir: &Path) -> Result<(), Error> {
    let mut bar: Option<(Bar, u64)> = None;
    download(dir, &Source::Mirrors, &mut |progress| match progress {
        Progress::Received { file, bytes, total, .. } => {
            let (bar, seen) = bar.get_or_insert_with(|| (Bar::new(total.unwrap_or(bytes) as usize, file), 0));
            bar.advance(bytes.saturating_sub(*seen) as usize);
            *seen = bytes;
        }
        Progress::Installed { file } => {
            bar = None;
            if !std::io::stderr().is_terminal() {
                console::log(&format!("fetched {file}"));
            }
        }
        _ => {}
    })
}
