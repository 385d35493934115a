//! The processes that `mpirun` started together.

use std::panic;
use std::process::ExitCode;

use mnist2x2::Group;

use crate::console::{self, ended};
use crate::interrupt::Interrupted;

/// Runs `job` in this process of its group, and says how it ended before it leaves the group: `mpirun` may not pass on what a
/// process says after that.
pub(crate) fn in_group(job: impl FnOnce(&Group) -> anyhow::Result<()>) -> ExitCode {
    match Group::join() {
        Ok(group) => ended(run(&group, job)),
        Err(error) => ended(Err(error.into())),
    }
}

/// Runs `job` in this process of `group`. The first rank speaks for all; whatever fails in one ends all, because the others
/// would wait for it.
///
/// # Errors
/// Those of `job`, and if the processes are not of one program.
fn run(group: &Group, job: impl FnOnce(&Group) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if group.size() == 1 {
        return job(group);
    }
    group.check_same_program()?;
    console::speak_as(group.rank());
    let (others, report) = (group.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |what| {
        report(what);
        console::error("has panicked");
        others.abort(1);
    }));
    let result = job(group);
    drop(panic::take_hook()); // and the group in it, so that MPI comes to its end
    if let Err(error) = &result
        && !error.is::<Interrupted>()
    {
        console::error(&format!("{error:#}"));
        group.abort(1);
    }
    result
}
