//! Rules for every Rust file: it says what it is, is short, and leaves nothing for later.

use super::failure::Failure;
use crate::workspace::has_extension;

/// About what a reader takes in at one sitting, the module of tests at the foot left out.
const MAX_LINES: usize = 330;
/// The network, which is read beside the paper, from top to bottom.
const ONE_PAGE: (&str, usize) = ("crates/mnist2x2-model/src/transformer.rs", 450);
const TESTS: &str = "\n#[cfg(test)]\nmod ";

/// What marks unfinished work or a test that does not run. In two halves, because this file is checked too.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
];

/// The packages with fused loops over raw slices, and with names that a page calls.
const MAY_BE_UNSAFE: [&str; 2] = ["crates/mnist2x2-kernels/", "crates/mnist2x2-web/"];

/// What is wrong with a Rust file; nothing for any other.
pub(super) fn check(path: &str, text: &str) -> Vec<Failure> {
    if !has_extension(path, "rs") {
        return Vec::new();
    }
    let mut failures = Vec::new();
    let mut fail = |line, message: String| failures.push(Failure::new(path, line, message));
    if !text.starts_with("//!") {
        fail(1, "begin with `//!` and say in a sentence what the file holds".into());
    }
    let lines = without_tests(text).lines().count();
    let allowed = if path == ONE_PAGE.0 { ONE_PAGE.1 } else { MAX_LINES };
    if lines > allowed {
        fail(allowed + 1, format!("{lines} lines without tests, {allowed} allowed; split it by idea"));
    }
    for (index, line) in text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            fail(index + 1, format!("`{word}` marks unfinished work; finish it, or open an issue"));
        }
    }
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("/src/bin/");
    if is_root
        && !MAY_BE_UNSAFE.iter().any(|folder| path.starts_with(folder))
        && !text.contains("#![forbid(unsafe_code)]")
    {
        fail(1, "add `#![forbid(unsafe_code)]` below the crate's documentation".into());
    }
    if path.contains("/examples/") && text.contains("fn main() -> ") && !text.contains("anyhow") {
        fail(1, "let `main` return `anyhow::Result`, which prints an error in words, not by Debug".into());
    }
    failures
}

/// What stands above the module of tests.
pub(super) fn without_tests(text: &str) -> &str {
    text.split_once(TESTS).map_or(text, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: [usize; 0] = [];

    /// The lines of the failures of a file that begins well; `~` keeps what is written here from being found.
    fn lines_of(text: &str) -> Vec<usize> {
        let text = format!("//! It.\n{text}").replace('~', "");
        check("src/a.rs", &text).iter().map(|failure| failure.line).collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(check("a.rs", "use it;\n").len(), 1);
        assert_eq!(check("a.py", "use it;\n"), []);
    }

    #[test]
    fn a_file_is_short() {
        assert_eq!(lines_of(&"\n".repeat(MAX_LINES - 1)), CLEAN);
        assert_eq!(lines_of(&"\n".repeat(MAX_LINES)), [MAX_LINES + 1]);
        let tests = format!("{TESTS}tests {{\n{}}}\n", "\n".repeat(MAX_LINES));
        assert_eq!(lines_of(&["\n".repeat(MAX_LINES - 2), tests].concat()), CLEAN);
    }

    #[test]
    fn the_network_is_a_longer_page() {
        let (path, lines) = ONE_PAGE;
        assert_eq!(check(path, &"//!\n".repeat(lines)), []);
        assert_eq!(check(path, &"//!\n".repeat(lines + 1)).len(), 1);
    }

    #[test]
    fn nothing_is_left_for_later() {
        for word in
            ["// TO~DO", "// FIX~ME", "to~do!()", "unimple~mented!()", "#[ig~nore]", "#[ig~nore = \"slow\"]"]
        {
            assert_eq!(lines_of(&format!("fn f() {{}}\n{word}\n")), [3], "{word}");
        }
        assert_eq!(lines_of("let method = all.ignore();\n"), CLEAN);
    }

    #[test]
    fn an_example_prints_its_errors_in_words() {
        let failures = |main: &str| check("crates/a/examples/b.rs", &format!("//! It.\n{main} {{}}\n")).len();
        assert_eq!(failures("fn main() -> Result<(), Error>"), 1);
        assert_eq!(failures("fn main() -> anyhow::Result<()>"), 0);
        assert_eq!(failures("fn main()"), 0);
    }

    #[test]
    fn unsafe_code_is_forbidden_but_in_the_kernels() {
        for (name, text, passes) in [
            ("mnist2x2-model", "//! It.\n#![forbid(unsafe_code)]\n", true),
            ("mnist2x2-model", "//! It.\n", false),
            ("mnist2x2-kernels", "//! It.\n", true),
            ("mnist2x2-web", "//! It.\n", true),
        ] {
            for root in ["lib.rs", "main.rs", "bin/one.rs"] {
                let failures = check(&format!("crates/{name}/src/{root}"), text);
                assert_eq!(failures.is_empty(), passes, "{name} {root}");
            }
        }
    }
}
