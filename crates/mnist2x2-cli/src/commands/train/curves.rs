//! The curves of a run, drawn anew after each epoch, and told to TensorBoard on request.

use std::path::PathBuf;
use std::time::SystemTime;

use mnist2x2::RunFolder;
use mnist2x2::formats::files::write_atomically;
use mnist2x2::report::{EventFile, Plot, Scale, Series};
use mnist2x2::train::EpochMetrics;

/// The folder of TensorBoard's files in a run's.
const TENSORBOARD: &str = "tensorboard";

/// Keeps `loss.svg` and, where there is something to validate with, `accuracy.svg` in the run's folder.
pub(super) struct Curves {
    folder: PathBuf,
    /// All epochs so far.
    epochs: Vec<EpochMetrics>,
    events: Option<EventFile>,
}

impl Curves {
    /// Goes on from the epochs that `run` has already; `steps` of its optimiser are done.
    ///
    /// # Errors
    /// If the run's metrics cannot be read, or TensorBoard's file cannot be made.
    pub(super) fn of(run: &RunFolder, tensorboard: bool, steps: u64) -> anyhow::Result<Self> {
        let folder = run.path().to_path_buf();
        let begin = || EventFile::create(&folder.join(TENSORBOARD), SystemTime::now(), steps + 1);
        let events = tensorboard.then(begin).transpose()?;
        let mut epochs = run.read_metrics()?;
        // An epoch after the checkpoint that the run goes on from will come again.
        epochs.retain(|epoch| epoch.steps <= steps);
        Ok(Self { folder, epochs, events })
    }

    /// Adds an epoch.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn add(&mut self, metrics: &EpochMetrics) -> anyhow::Result<()> {
        self.epochs.push(metrics.clone());
        if let Some(events) = &mut self.events {
            for (tag, value) in scalars(metrics) {
                events.scalar(SystemTime::now(), metrics.steps, tag, value)?;
            }
        }
        let loss =
            self.plot("Loss", "nats per token", Scale::Logarithmic, &["loss/training", "loss/validation"]);
        write_atomically(&self.folder.join("loss.svg"), loss.svg().as_bytes())?;
        if metrics.validation.is_some() {
            let names = ["accuracy/sequences", "accuracy/digits"];
            let accuracy = self.plot("Validation accuracy", "percent", Scale::Linear, &names);
            write_atomically(&self.folder.join("accuracy.svg"), accuracy.svg().as_bytes())?;
        }
        Ok(())
    }

    /// The curves of these scalars over epochs.
    fn plot(&self, title: &str, y_label: &str, scale: Scale, tags: &[&str]) -> Plot {
        let points = |tag: &str| {
            let all = self
                .epochs
                .iter()
                .flat_map(|epoch| scalars(epoch).into_iter().map(|scalar| (epoch.epoch, scalar)));
            all.filter(|(_, (name, _))| *name == tag)
                .map(|(epoch, (_, value))| (epoch as f64, value))
                .collect()
        };
        let series = tags.iter().map(|tag| {
            let name = tag.split_once('/').map_or(*tag, |(_, name)| name);
            Series { name: name.into(), points: points(tag) }
        });
        let series = series.filter(|series| !series.points.is_empty()).collect();
        Plot { title: title.into(), x_label: "epoch".into(), y_label: y_label.into(), scale, series }
    }
}

/// The numbers of an epoch, by the names that TensorBoard groups them by.
fn scalars(metrics: &EpochMetrics) -> Vec<(&'static str, f64)> {
    let mut scalars =
        vec![("loss/training", metrics.loss), ("speed/grids_per_second", metrics.grids_per_second)];
    if let Some(validation) = &metrics.validation {
        scalars.extend([
            ("loss/validation", validation.loss),
            ("accuracy/sequences", 100.0 * validation.sequence_accuracy),
            ("accuracy/digits", 100.0 * validation.digit_accuracy),
        ]);
    }
    scalars
}
