//! What the disk has no room for: the system cuts every file at a length, as a full disk does, in the middle of a write.

use std::fs;
use std::process::Command;

use crate::support::{Bench, Run};

const RUN: &str = "train --data-dir mnist --config small.toml --limit 60 --epochs 2 --save-every 3 --no-test";
const SMALL: &str = "[model]\nwidth = 16\nfeed_forward_width = 24\nencoder_layers = 1\ndecoder_layers = 1
[recipe]\nbatch = 8\n";
/// What `ulimit -f` counts in.
const BLOCK: usize = 512;

/// Runs the program where no file can have more than `blocks` of [`BLOCK`] bytes.
fn limited(bench: &Bench, blocks: usize, arguments: &str) -> Run {
    let program = bench.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    shell.arg(program.get_program()).args(program.get_args()).current_dir(bench.path("."));
    Run::new(shell.output().unwrap())
}

#[test]
fn wherever_writing_ends_short_the_error_is_clear_and_the_run_goes_on() {
    let bench = Bench::new();
    fs::write(bench.path("small.toml"), SMALL).unwrap();
    bench.done(&format!("{RUN} --out whole"));
    // A checkpoint has four parts as large as the model, and five once an epoch has been the best so far.
    let part = bench.read("whole/model.safetensors").len() / BLOCK;
    for (blocks, named, has_checkpoint) in [
        (0, "run.toml", false),
        (part / 4, "step-000000003.safetensors", false),
        (4 * part - 1 - part / 2, "step-000000003.safetensors", false),
        (4 * part + part / 2, "step-000000008.safetensors", true),
    ] {
        let folder = format!("cut-{blocks}");
        let run = limited(&bench, blocks, &format!("{RUN} --out {folder}"));
        assert_eq!(run.code, 1, "{}", run.stderr);
        let error = run.stderr.lines().last().unwrap();
        assert!(error.starts_with("error: cannot") && error.contains(named), "{blocks} blocks: {error}");
        let names = bench.names(&format!("{folder}/checkpoints"));
        assert!(!names.iter().any(|name| name.ends_with(".partial")), "{names:?}");
        assert_eq!(names.iter().any(|name| name.ends_with(".safetensors")), has_checkpoint, "{names:?}");
        if blocks == 0 {
            assert!(!bench.path(&folder).exists(), "nothing stays of a run that never began");
            continue;
        }
        bench.done(&format!("train --resume {folder} --no-test"));
        assert_eq!(bench.read("whole/model.safetensors"), bench.read(&format!("{folder}/model.safetensors")));
    }
}
