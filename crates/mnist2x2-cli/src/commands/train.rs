//! `train`: trains a model and evaluates it on the test grids.

mod curves;
mod options;
mod run;

use std::process::ExitCode;

use anyhow::Context;
use mnist2x2::train::Outcome;

use crate::console::{self, duration, program};
use crate::interrupt::Interrupt;

pub(crate) use options::{Args, Plan, default_folder, parse_setting};
pub(crate) use run::Run;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let plan = &args.plan;
    let mut run = match &args.resume {
        Some(folder) => Run::resume(plan, folder.as_deref())?,
        None => Run::start(plan, args.seed, args.out.as_deref())?,
    };
    let interrupt = Interrupt::listen()?;
    let (path, flags) = (run.folder.path().display().to_string(), plan.data.flags());
    let (outcome, seconds) = run.train(&interrupt)?;
    if outcome == Outcome::Stopped {
        let flags = plan.flags_to_resume();
        console::log(&format!("stopped and saved; go on with: {} train --resume {path}{flags}", program()));
        return Ok(ExitCode::from(130));
    }
    interrupt.release();
    console::log(&format!("trained in {}, saved in {path}", duration(seconds)));
    if !plan.no_test {
        let again = || {
            format!("the model is saved, but was not tested; try: {} eval --model {path}{flags}", program())
        };
        run.test().with_context(again)?.print_table(&run.dataset)?;
    }
    console::log(&format!("read a picture with: {} predict --model {path} IMAGE", program()));
    Ok(ExitCode::SUCCESS)
}
