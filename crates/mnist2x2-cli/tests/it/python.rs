//! Python, where there is one that has what is needed.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::server::Server;
use crate::support::Bench;

/// What runs `modeling_mnist2x2.py`, and what runs `run_onnx.py`.
pub(crate) const TORCH: [&str; 2] = ["PYTHON", "torch safetensors numpy PIL"];
pub(crate) const ONNX: [&str; 2] = ["ONNX_PYTHON", "onnxruntime numpy PIL"];

/// Whether exports are compared at length: `cargo xtask ci exports`.
pub(crate) fn is_full() -> bool {
    env::var_os("EXPORT_TESTS").is_some_and(|length| length == "full")
}

/// The Python that `variable` names, or PYTHON, if it has `modules`; else why nothing is asked of it.
pub(crate) fn python([variable, modules]: [&str; 2]) -> Result<OsString, String> {
    let named = [variable, "PYTHON"].into_iter().find_map(env::var_os).filter(|python| !python.is_empty());
    let found = named.or_else(|| is_full().then(|| "python3".into()));
    let find = "import sys, importlib.util as util; sys.exit(not all(map(util.find_spec, sys.argv[1:])))";
    let has_all = |python: &OsString| {
        let mut command = Command::new(python);
        command
            .args(["-c", find])
            .args(modules.split(' '))
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = found.filter(has_all);
    let why = format!("skipped in part: {variable} names no Python that has {modules}");
    assert!(found.is_some() || !is_full(), "{why}");
    found.ok_or(why)
}

/// What `command` prints; it must succeed.
pub(crate) fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

const PAGE: &str = include_str!("../../../../docs/python.md");

/// The blocks of code of a page in Markdown: their languages and their lines.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap_or((block, ""))).collect()
}

/// Runs the blocks of `page` in turn, and holds what they print against the blocks of text behind them. What needs a Python that is
/// not there is left out. Returns how many outputs were compared.
fn follow(bench: &Bench, page: &str, [torch, onnx]: [Option<&OsString>; 2]) -> usize {
    let any = torch.or(onnx);
    let (mut server, mut said, mut compared) = (None::<Server>, None, 0);
    for (language, text) in blocks(page) {
        let text = match &server {
            Some(server) => text.replace("127.0.0.1:7860", &server.address.to_string()),
            None => text.into(),
        };
        let python = match &text {
            text if text.contains("onnx") => onnx,
            text if text.contains("modeling") => torch,
            _ => any,
        };
        let run = |arguments: &[&str]| {
            let mut command = Command::new(python?);
            Some(stdout(command.args(arguments).current_dir(bench.path(""))))
        };
        match language {
            "text" => {
                let Some(said) = said.take() else { continue };
                assert_eq!(said, format!("{text}\n"), "after the blocks before");
                compared += 1;
            }
            "python" => said = run(&["-c", &text]),
            "sh" => {
                for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    match words.as_slice() {
                        ["mnist2x2", "serve", ..] => server = Some(Server::start(bench, "")),
                        ["mnist2x2", arguments @ ..] => said = Some(bench.done(&arguments.join(" ")).stdout),
                        ["python", arguments @ ..] => said = run(arguments),
                        [] | ["pip", ..] => {}
                        other => panic!("nothing here runs {other:?}"),
                    }
                }
            }
            other => panic!("nothing here runs blocks of `{other}`"),
        }
    }
    compared
}

#[test]
fn the_page_on_python_does_what_it_says() {
    let bench = Bench::new();
    fs::create_dir(bench.path("assets")).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/grid.png");
    fs::copy(picture, bench.path("assets/grid.png")).unwrap();
    let pythons = [TORCH, ONNX].map(python);
    for why in pythons.iter().filter_map(|python| python.as_ref().err()) {
        eprintln!("{why}");
    }
    let pythons = pythons.each_ref().map(|python| python.as_ref().ok());
    let [torch, onnx] = pythons.map(|python| usize::from(python.is_some()));
    let compared = follow(&bench, PAGE, pythons);
    assert_eq!(compared, 2 * torch + 2 * onnx + torch.max(onnx), "each way prints what it reads");
}

#[test]
fn exported_python_imports_nothing_else() {
    let may = ["json", "math", "sys", "pathlib", "numpy", "PIL"];
    for (script, more) in [
        (mnist2x2::formats::MODELING, ["torch", "safetensors", "huggingface_hub"].as_slice()),
        (mnist2x2::formats::RUN_ONNX, &["onnxruntime"]),
    ] {
        let imports = script
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with("import ") || line.starts_with("from "));
        for import in imports {
            let package = import.split([' ', '.']).nth(1).unwrap();
            assert!(may.contains(&package) || more.contains(&package), "{import}");
        }
    }
    let (before, hub) = mnist2x2::formats::MODELING.split_once("huggingface_hub").unwrap();
    assert!(
        before.trim_end().ends_with("from")
            && before.contains("\ntry:\n")
            && hub.contains("except ImportError:")
    );
}
