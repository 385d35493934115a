//! `train`: trains a model and evaluates it on the test grids.

mod curves;
mod options;
mod run;

use anyhow::Context;
use mnist2x2::Group;

use crate::console::{self, duration};
use crate::interrupt::Interrupt;

pub(crate) use options::{Args, Plan, RecipeName, default_folder, parse_setting};
pub(crate) use run::Run;

pub(crate) fn run(args: &Args, group: &Group) -> anyhow::Result<()> {
    let plan = &args.plan;
    let mut run = match &args.resume {
        Some(folder) => Run::resume(plan, folder.as_deref(), group)?,
        None => Run::start(plan, args.seed, args.out.as_deref(), group)?,
    };
    let interrupt = Interrupt::listen()?;
    let seconds = run.train(&interrupt)?;
    interrupt.release();
    let Some(folder) = &run.folder else { return Ok(()) }; // the first rank does the rest
    let path = folder.path().to_path_buf();
    console::log(&format!("trained in {}, saved in {}", duration(seconds), path.display()));
    run.unseen_accuracy()?;
    if !plan.no_test {
        let again = || console::command("eval --model", &path, &plan.data.flags());
        let untested = || format!("the model is saved, but was not tested; try: {}", again());
        run.test().with_context(untested)?.print_table(&run.dataset)?;
    }
    let next = console::command("predict --model", &path, &["IMAGE".into()]);
    console::log(&format!("read a picture with: {next}"));
    Ok(())
}
