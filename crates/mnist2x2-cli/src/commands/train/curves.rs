//! The curves of a run: SVG plots that are drawn anew after each epoch, and TensorBoard's event files on request.

use std::path::PathBuf;
use std::time::SystemTime;

use mnist2x2::RunFolder;
use mnist2x2::formats::files::Disk;
use mnist2x2::report::{EventFile, Plot, Scale, Series};
use mnist2x2::train::EpochMetrics;

/// The folder of TensorBoard's files in a run's.
const TENSORBOARD: &str = "tensorboard";

/// A number of an epoch, if it has one.
type Scalar = fn(&EpochMetrics) -> Option<f64>;

/// The numbers of an epoch, each by its group and name: so TensorBoard and the plots group them.
const SCALARS: [(&str, &str, Scalar); 5] = [
    ("loss", "training", |epoch| Some(epoch.loss)),
    ("speed", "grids_per_second", |epoch| Some(epoch.grids_per_second)),
    ("loss", "validation", |epoch| Some(epoch.validation?.loss)),
    ("accuracy", "sequences", |epoch| Some(100.0 * epoch.validation?.sequence_accuracy)),
    ("accuracy", "digits", |epoch| Some(100.0 * epoch.validation?.digit_accuracy)),
];

/// Keeps `loss.svg` and, if there is validation, `accuracy.svg` in the run's folder.
pub(super) struct Curves {
    folder: PathBuf,
    disk: Disk,
    /// All epochs so far.
    epochs: Vec<EpochMetrics>,
    events: Option<EventFile>,
}

impl Curves {
    /// Continues after the epochs that `run` has already; `steps` of its optimizer are done.
    ///
    /// # Errors
    /// If the run's metrics cannot be read, or TensorBoard's file cannot be made.
    pub(super) fn of(run: &RunFolder, tensorboard: bool, steps: u64) -> anyhow::Result<Self> {
        let (folder, disk) = (run.path().to_path_buf(), run.disk().clone());
        let begin =
            || EventFile::create_on(disk.clone(), &folder.join(TENSORBOARD), SystemTime::now(), steps + 1);
        let events = tensorboard.then(begin).transpose()?;
        let mut epochs = run.read_metrics()?;
        // An epoch after the checkpoint that the run continues from will come again.
        epochs.retain(|epoch| epoch.steps <= steps);
        Ok(Self { folder, disk, epochs, events })
    }

    /// Adds an epoch.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn add(&mut self, metrics: &EpochMetrics) -> anyhow::Result<()> {
        self.epochs.push(metrics.clone());
        if let Some(events) = &mut self.events {
            for (group, name, scalar) in SCALARS {
                if let Some(value) = scalar(metrics) {
                    events.scalar(SystemTime::now(), metrics.steps, &format!("{group}/{name}"), value)?;
                }
            }
        }
        self.plot("loss", "Loss", "nats per token", Scale::Logarithmic)?;
        if metrics.validation.is_some() {
            self.plot("accuracy", "Validation accuracy", "percent", Scale::Linear)?;
        }
        Ok(())
    }

    /// Draws the curves of a group of scalars over epochs.
    fn plot(&self, group: &str, title: &str, y_label: &str, scale: Scale) -> anyhow::Result<()> {
        let point = |epoch: &EpochMetrics, scalar: Scalar| Some((epoch.epoch as f64, scalar(epoch)?));
        let series = SCALARS.iter().filter(|scalar| scalar.0 == group).map(|&(_, name, scalar)| Series {
            name: name.into(),
            points: self.epochs.iter().filter_map(|epoch| point(epoch, scalar)).collect(),
        });
        let series = series.filter(|series| !series.points.is_empty()).collect();
        let plot =
            Plot { title: title.into(), x_label: "epoch".into(), y_label: y_label.into(), scale, series };
        Ok(self.disk.write(&self.folder.join(format!("{group}.svg")), plot.svg().as_bytes())?)
    }
}
