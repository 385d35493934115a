//! Trains the published model on digits that need no download, and counts what it reads of digits it has never seen.
//!
//! ```text
//! cargo run -p mnist2x2 --example train_on_synthetic_digits
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::sync::Arc;

use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridShape, GridSource, Loader, synthetic};
use mnist2x2::train::{BoxError, StepReport};
use mnist2x2::{Config, Device, Observer, Recipe, Trainer, Workers, evaluate};

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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shape = GridShape { rows: 2, cols: 2 };
    let recipe = Recipe { epochs: 2, ..Recipe::reference() };
    let loader = |split, digits, grids| {
        let digits = Arc::new(synthetic::digits(split, digits, 0));
        Loader::new(digits, GridSource::Fresh { grids }, shape, recipe.batch_size, recipe.seed)
    };
    let (seen, unseen) = (loader(Split::Train, 20_000, 6_400)?, loader(Split::Test, 2_000, 500)?);

    let workers = Workers::new(None)?;
    let mut trainer = Trainer::from_loader(&Config::reference(), recipe.clone(), seen, &Device::Cpu)?;
    trainer.run(&workers, &mut Print)?;

    let evaluation = evaluate(trainer.model(), &unseen, &workers, |_| ())?;
    println!("{:.1} % of unseen digits are right", 100.0 * evaluation.digit_accuracy);
    Ok(())
}
