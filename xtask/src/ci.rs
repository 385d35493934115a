//! What a pull request is checked with, here as there.

use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, iter};

use anyhow::{Context, Result, ensure};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::workspace::root;

/// The steps, cheapest first: the name, the command as one would type it, and what it asks.
const STEPS: [[&str; 3]; 17] = [
    ["fmt", "cargo fmt --all --check", "Is everything formatted?"],
    ["tidy", "cargo xtask tidy", "Are the house rules kept?"],
    ["clippy", "cargo clippy --workspace --all-targets -- -D warnings", "Does clippy have nothing to say?"],
    ["test", "cargo test --workspace", "Do all tests pass?"],
    ["doc", "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps", "Do the documents build cleanly?"],
    [
        "deny",
        "cargo deny --all-features check bans licenses sources",
        "Are licenses and sources of all dependencies good?",
    ],
    ["advisories", "cargo deny --all-features check advisories", "Is nothing known against a dependency?"],
    [
        FIRST_COSTLY,
        "cargo test --package mnist2x2-data --features hub",
        "Does candle-datasets read as we do?",
    ],
    [
        "mpi",
        "cargo test --package mnist2x2-cli --features mpi --test it machines",
        "Do several processes train the same bytes?",
    ],
    ["browser", "cargo xtask browser-test", "Does the drawing page work in a browser, in every corner?"],
    [
        "site",
        "cargo xtask browser-test --site",
        "Does the page work without a server, and read as the program does?",
    ],
    [
        "miri",
        "cargo +nightly miri test --package mnist2x2-kernels --lib --test laws --test sub_layers --test absurd_sizes",
        "Are the kernels free of undefined behavior?",
    ],
    [
        "neon",
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
         CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64 QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
         cargo test --package mnist2x2-kernels --target aarch64-unknown-linux-gnu",
        "Do the kernels work on Arm, in an emulator?",
    ],
    ["mutants", "cargo xtask mutants", "Do the tests notice what is broken on purpose?"],
    ["stress", "cargo xtask stress --minutes 2", "Do the promises of reliability hold for some minutes?"],
    [
        "exports",
        "EXPORT_TESTS=full cargo test --package mnist2x2-cli --test it -- --nocapture program_computes program_reads page_on_python",
        "Do PyTorch and onnxruntime compute what the program computes, on all test grids and 1,000 lines?",
    ],
    ["compare", "cargo xtask compare --rounds 1 --seconds 2", "Does PyTorch do the same work, and how fast?"],
];
/// From here on steps come only by name or with `--full`; this one builds some 200 more crates.
const FIRST_COSTLY: &str = "hub";

/// What shows that a step can run here, and how one gets it where it is missing.
const NEEDS: [[&str; 3]; 7] = [
    ["deny", "cargo deny --version", "cargo-deny is not installed (cargo install --locked cargo-deny)"],
    [
        "advisories",
        "cargo deny fetch db",
        "the advisories cannot be fetched here, or cargo-deny is not installed (cargo install --locked cargo-deny)",
    ],
    [
        "mpi",
        "mpicc --version",
        "there is no OpenMPI (apt-get install openmpi-bin libopenmpi-dev libclang-dev)",
    ],
    [
        "miri",
        "cargo +nightly miri --version",
        "there is no Miri (rustup toolchain install nightly --component miri)",
    ],
    [
        "neon",
        "qemu-aarch64 --version",
        "there is no emulator of Arm (apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross; \
         rustup target add aarch64-unknown-linux-gnu)",
    ],
    [
        "exports",
        "PYTHON -c __import__('torch'),__import__('safetensors'),__import__('PIL'),__import__('onnxruntime')",
        "no PyTorch with onnxruntime (install xtask/pytorch/requirements.txt and name that Python with PYTHON)",
    ],
    [
        "compare",
        "PYTHON xtask/pytorch/mnist2x2.py versions",
        "no PyTorch (install xtask/pytorch/requirements.txt and name that Python with PYTHON)",
    ],
];

/// Which steps to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these steps, in this order.
    #[arg(value_parser = PossibleValuesParser::new(STEPS.map(|[name, _, asks]| PossibleValue::new(name).help(asks))))]
    steps: Vec<String>,
    /// Also the steps that take longer or need more than Rust. Those that cannot run here are skipped, with the reason.
    #[arg(long, visible_alias = "all", conflicts_with = "steps")]
    full: bool,
}

/// A command at the root, of words between single blanks; the first ones may set variables for it.
fn command(line: &str) -> Command {
    let mut words = line.split(' ').peekable();
    let variables: Vec<_> = iter::from_fn(|| words.next_if(|word| word.contains('='))).collect();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).envs(variables.iter().filter_map(|word| word.split_once('='))).current_dir(root());
    command
}

/// What is missing here for the step `name` to run.
fn lack(name: &str) -> Option<&'static str> {
    let [_, needed, advice] = NEEDS.into_iter().find(|need| need[0] == name)?;
    let needed = needed.replace("PYTHON", &env::var("PYTHON").unwrap_or("python3".into()));
    let status = command(&needed).stdout(Stdio::null()).stderr(Stdio::null()).status();
    (!status.is_ok_and(|status| status.success())).then_some(advice)
}

/// Runs the steps until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for [name, line] in chosen(arguments) {
        if let Some(lack) = lack(name) {
            println!("== {name}: skipped, for {lack}");
            continue;
        }
        println!("== {name}: {line}");
        let start = Instant::now();
        let status = command(line).status().with_context(|| format!("cannot run `{line}`"))?;
        ensure!(status.success(), "step `{name}` failed; run it alone with `cargo xtask ci {name}`");
        println!("== {name}: done in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Names and commands of the steps asked for, or of all that are not costly.
fn chosen(Arguments { steps, full }: &Arguments) -> Vec<[&'static str; 2]> {
    let all = || STEPS.into_iter().map(|[name, line, _]| [name, line]);
    match steps.as_slice() {
        [] => all().take_while(|step| *full || step[0] != FIRST_COSTLY).collect(),
        steps => steps.iter().flat_map(|name| all().filter(move |step| step[0] == name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_by(steps: &[&str], full: bool) -> Vec<&'static str> {
        let steps = steps.iter().map(ToString::to_string).collect();
        chosen(&Arguments { steps, full }).into_iter().map(|[name, _]| name).collect()
    }

    #[test]
    fn what_is_costly_comes_only_with_full_or_by_name() {
        assert_eq!(chosen_by(&[], true), STEPS.map(|[name, ..]| name));
        for step in
            ["hub", "mpi", "browser", "site", "miri", "neon", "mutants", "stress", "exports", "compare"]
        {
            assert!(!chosen_by(&[], false).contains(&step));
        }
        assert_eq!(chosen_by(&[], false).len(), 7);
        assert_eq!(chosen_by(&["hub", "fmt"], false), ["hub", "fmt"]);
    }

    #[test]
    fn a_step_is_run_as_it_says() {
        let [_, line, _] = STEPS.into_iter().find(|[name, ..]| *name == "doc").unwrap();
        let doc = command(line);
        assert_eq!(line, "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps");
        assert_eq!(doc.get_program(), "cargo");
        assert_eq!(doc.get_args().collect::<Vec<_>>(), ["doc", "--workspace", "--no-deps"]);
        let variables: Vec<_> = doc.get_envs().map(|(name, value)| (name, value.unwrap())).collect();
        assert_eq!(variables, [("RUSTDOCFLAGS".as_ref(), "-Dwarnings".as_ref())]);
        assert_eq!(command("A=1 B=x cargo --set=3").get_envs().count(), 2);
        let tidy = Arguments { steps: vec!["tidy".into()], full: false };
        assert_eq!(chosen(&tidy), [["tidy", "cargo xtask tidy"]]);
    }
}
