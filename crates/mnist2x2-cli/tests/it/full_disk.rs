//! What the disk has no room for: the system cuts every file at a length, as a full disk does, in the middle of a write.
//! And what nobody may write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::{Bench, Run};

const RUN: &str = "train --data-dir mnist --config small.toml --limit 60 --epochs 2 --save-every 3 --no-test";
const SMALL: &str = "[model]\nwidth = 16\nfeed_forward_width = 24\nencoder_layers = 1\ndecoder_layers = 1
[recipe]\nbatch = 8\n";
/// A user without rights: "nobody" on most systems.
const NOBODY: u32 = 65_534;
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

/// A bench with a run that nothing disturbed, in `whole`, and the blocks of its model.
///
/// A checkpoint has four parts as large as the model, and five once an epoch has been the best so far.
fn bench_with_whole_run() -> (Bench, usize) {
    let bench = Bench::new();
    fs::write(bench.path("small.toml"), SMALL).unwrap();
    bench.done(&format!("{RUN} --out whole"));
    let part = bench.read("whole/model.safetensors").len() / BLOCK;
    (bench, part)
}

#[test]
fn wherever_writing_ends_short_the_error_is_clear_and_the_run_goes_on() {
    let (bench, part) = bench_with_whole_run();
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

/// Runs the program as somebody to whom permissions apply: they do not to the superuser.
fn as_anybody(bench: &Bench, arguments: &str) -> Run {
    let is_superuser = fs::File::create(bench.path("run/checkpoints/.lock")).is_ok();
    let whole = bench.command(arguments);
    // The program may lie where nobody else may go.
    let copy = bench.path("program");
    fs::copy(whole.get_program(), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(whole.get_args()).current_dir(bench.path("."));
    if is_superuser {
        command.uid(NOBODY);
    }
    Run::new(command.output().unwrap())
}

#[test]
fn a_read_only_folder_is_named_and_the_run_goes_on_later() {
    let (bench, part) = bench_with_whole_run();
    assert_eq!(limited(&bench, 4 * part + part / 2, &format!("{RUN} --out run")).code, 1);
    let set_mode = |name: &str, mode| {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode("", 0o755);
    set_mode("run/checkpoints/.lock", 0o444);
    for folder in ["run/checkpoints", "run"] {
        set_mode(folder, 0o555);
    }
    let before = bench.names("run/checkpoints");
    let another = format!("{RUN} --out run/another");
    for (arguments, named) in [("train --resume run --no-test", "run/checkpoints"), (&another, "run/another")]
    {
        let run = as_anybody(&bench, arguments);
        let error = run.stderr.lines().last().unwrap();
        assert_eq!(run.code, 1, "{error}");
        assert!(error.starts_with("error: cannot") && error.contains(named), "{arguments}: {error}");
        assert!(error.contains("denied"), "{error}");
    }
    assert_eq!(bench.names("run/checkpoints"), before);
    assert!(!bench.path("run/another").exists());

    for folder in ["run", "run/checkpoints"] {
        set_mode(folder, 0o755);
    }
    set_mode("run/checkpoints/.lock", 0o644);
    bench.done("train --resume run --no-test");
    assert_eq!(bench.read("whole/model.safetensors"), bench.read("run/model.safetensors"));
}
