//! Trains on digits that need no download, watches the run, saves the model, and counts what it reads of unseen digits.
//!
//! ```text
//! cargo run -p mnist2x2 --example train_on_synthetic_digits -- [FOLDER]
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::path::PathBuf;
use std::sync::Arc;

use mnist2x2::data::mnist::Split;
use mnist2x2::data::synthetic;
use mnist2x2::{
    BoxError, Config, Device, EpochMetrics, GridShape, GridSource, Loader, Observer, Recipe, Recognizer,
    StepReport, Trainer, Workers, evaluate, save,
};

/// Prints how far the run has come. Errors that it returned would end the run.
struct Print;

impl Observer for Print {
    fn on_step(&mut self, _: &Trainer, report: &StepReport) -> Result<(), BoxError> {
        if report.step.is_multiple_of(25) {
            println!(
                "epoch {} step {:3} of {}: loss {:.3}",
                report.epoch, report.step, report.steps, report.loss
            );
        }
        Ok(())
    }

    fn on_epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), BoxError> {
        println!("epoch {}: mean loss {:.3}", metrics.epoch, metrics.loss);
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("runs/synthetic"), PathBuf::from);
    let workers = Workers::new(None)?; // one thread per core; the result does not depend on it

    // The default recipe, shortened. It holds one digit in twelve back to validate with, and keeps the best epoch.
    let recipe = Recipe { epochs: 2, epoch_grids: 6_400, ..Recipe::default() };
    let digits = synthetic::digits(Split::Train, 20_000, 0);
    let mut trainer = Trainer::new(&Config::reference(), recipe, digits, &Device::Cpu)?;
    trainer.run(&workers, &mut Print)?;

    // The result is the model that the recipe selects: here the averaged weights of the best epoch.
    let model = trainer.result()?;
    save(model.parameters(), &folder)?;
    let again = Recognizer::load(&folder, &Device::Cpu)?;

    let unseen = Arc::new(synthetic::digits(Split::Test, 2_000, 0));
    let unseen =
        Loader::new(unseen, GridSource::Fresh { grids: 500 }, GridShape { rows: 2, cols: 2 }, 64, 0)?;
    let evaluation = evaluate(again.model(), &unseen, &workers, |_| ())?;
    println!("{}: {:.1} % of unseen digits are right", folder.display(), 100.0 * evaluation.digit_accuracy);
    Ok(())
}
