//! `train`: trains a model and evaluates it on the test grids.

mod curves;
mod options;
mod run;

use anyhow::Context;

use crate::console::{self, duration, program};
use crate::interrupt::Interrupt;

pub(crate) use options::{Args, Plan, default_folder, parse_setting};
pub(crate) use run::Run;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let plan = &args.plan;
    let mut run = match &args.resume {
        Some(folder) => Run::resume(plan, folder.as_deref())?,
        None => Run::start(plan, args.seed, args.out.as_deref())?,
    };
    let interrupt = Interrupt::listen()?;
    let (program, path, flags) = (program(), run.folder.path().display().to_string(), plan.data.flags());
    let seconds = run.train(&interrupt)?;
    interrupt.release();
    console::log(&format!("trained in {}, saved in {path}", duration(seconds)));
    run.unseen_accuracy()?;
    if !plan.no_test {
        let again =
            || format!("the model is saved, but was not tested; try: {program} eval --model {path}{flags}");
        run.test().with_context(again)?.print_table(&run.dataset)?;
    }
    console::log(&format!("read a picture with: {program} predict --model {path} IMAGE"));
    Ok(())
}
