//! Processes that are killed.
//!
//! The process that is killed is this one again, told by an environment variable to train. It says every step that it
//! has taken, so that what a kill cost is known exactly. With `MNIST2X2_STRESS_MINUTES` in the environment there are
//! more kills.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use mnist2x2_train::{BoxError, Observer, RunFolder, StepReport, Trainer};
use tempfile::TempDir;

use crate::support::{EVERY, Results, STEPS, chance, create, open, recipe, results, train, undisturbed};

/// The folder in which the process is to train.
const FOLDER: &str = "RELIABILITY_CHILD";
/// Kills of every day, and in 20 minutes.
const KILLS: u64 = 8;
const MANY_KILLS: f64 = 200.0;

/// Says each step on standard output.
struct Say(u64);

impl Observer for Say {
    fn on_step(&mut self, _: &Trainer, _: &StepReport) -> Result<(), BoxError> {
        self.0 += 1;
        let mut out = io::stdout().lock();
        writeln!(out, "\nstep {}", self.0).and_then(|()| out.flush()).unwrap();
        Ok(())
    }
}

#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (run, mut trainer) = open(Path::new(&folder));
    let mut say = Say(trainer.steps());
    train(&run, &mut trainer, 2, &mut say).unwrap();
}

/// A process that trains in `folder`.
struct Victim {
    child: Child,
    lines: io::Lines<BufReader<ChildStdout>>,
    /// The last step that it has said.
    step: u64,
}

impl Victim {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "kills::child", "--nocapture"]).env(FOLDER, folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, step: 0 }
    }

    /// Waits for the next step; false if there is none.
    fn wait_for_step(&mut self) -> bool {
        let said = self.lines.find_map(|line| line.unwrap().strip_prefix("step ")?.parse().ok());
        self.step = said.unwrap_or(self.step);
        said.is_some()
    }

    /// Kills it and gives the last step that it had said.
    fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        while self.wait_for_step() {}
        self.child.wait().unwrap();
        self.step
    }
}

/// Lets a process train for so many steps and a moment more, then kills it; gives the steps that were lost, or nothing if
/// the run came to its end before.
fn kill_after(folder: &Path, steps: u32, moment: Duration) -> Option<u64> {
    let mut victim = Victim::start(folder);
    let goes_on = (0..steps).all(|_| victim.wait_for_step());
    std::thread::sleep(moment);
    let step = victim.kill();
    if !goes_on || RunFolder::is_finished(folder) {
        return None;
    }
    let saved = open(folder).1.steps(); // panics if one is damaged
    Some(step.saturating_sub(saved))
}

#[test]
fn killed_at_any_time_it_loses_no_more_than_one_interval_and_ends_the_same() {
    let many = |minutes: String| (MANY_KILLS * minutes.parse::<f64>().unwrap() / 20.0).ceil() as u64;
    let kills = env::var("MNIST2X2_STRESS_MINUTES").map_or(KILLS, many);
    let (seed, mut random) = chance();
    let expected = undisturbed();
    let (mut folder, mut killed, mut most, mut runs) = (begin(), 0, 0, 1);
    while killed < kills {
        let moment = Duration::from_micros(u64::from(random.below(5000)));
        if let Some(lost) = kill_after(folder.path(), random.below(STEPS as u32 / 3), moment) {
            assert!(lost <= EVERY, "seed {seed}: {lost} steps lost");
            (killed, most) = (killed + 1, most.max(lost));
        } else {
            assert!(end(folder.path()) == expected, "seed {seed}");
            (folder, runs) = (begin(), runs + 1);
        }
    }
    assert!(end(folder.path()) == expected, "seed {seed}");
    println!(
        "promise: killed at any time, a run loses one checkpoint interval at most and ends the same | {killed} kills \
         over {runs} runs, at most {most} steps of {EVERY} lost, the same end each time"
    );
}

/// A run before its first step.
fn begin() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path(), recipe()));
    folder
}

/// Lets the run in `folder` come to its end, if it has not, and gives what it leaves behind.
fn end(folder: &Path) -> Results {
    if !RunFolder::is_finished(folder) {
        let (run, mut trainer) = open(folder);
        train(&run, &mut trainer, 1, &mut ()).unwrap();
    }
    results(&RunFolder::open(folder).unwrap().0)
}
