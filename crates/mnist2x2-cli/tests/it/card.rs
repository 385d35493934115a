//! The model card of the built-in model says what `eval` counts.

use crate::support::Bench;

const CARD: &str = include_str!("../../../mnist2x2-infer/model/README.md");

/// The count in the first row of the card's table that begins with `name`: `| name, ... | 12.34 % (1,234 of 10,000) |`.
fn on_card(name: &str) -> u64 {
    let row = CARD.lines().find(|line| line.starts_with(&format!("| {name}"))).expect("a row of the card");
    let counted =
        row.split_once('(').and_then(|(_, rest)| rest.split_once(" of ")).expect("`(count of all)`");
    counted.0.replace(',', "").parse().expect("a number")
}

#[test]
fn the_card_says_what_eval_counts() {
    let Some(mnist) = std::env::var_os("MNIST_DIR").filter(|dir| !dir.is_empty()) else {
        eprintln!("skipped: MNIST_DIR names no folder with MNIST");
        return;
    };
    let bench = Bench::new();
    let output = bench.command("eval --json --data-dir").arg(mnist).output().unwrap();
    let eval: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(eval["sequences_correct"], on_card("sequences right"), "{eval}");
    assert_eq!(eval["digits_correct"], on_card("digits right"), "{eval}");
}

#[test]
fn the_citation_names_the_version() {
    let citation = include_str!("../../../../CITATION.cff");
    let version = citation.lines().find_map(|line| line.strip_prefix("version: "));
    assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_card_names_the_weights() {
    let info = Bench::new().done("info").stdout;
    let digest =
        info.lines().find_map(|line| line.strip_prefix("sha256")).expect("info says which weights").trim();
    assert!(CARD.contains(digest), "the card does not name {digest}");
}
