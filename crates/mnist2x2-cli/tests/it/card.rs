//! The model card of the built-in model says what `eval` counts.

use mnist2x2::Recognizer;
use mnist2x2::infer::Documents;
use serde_json::Value;

use crate::support::Bench;

const CARD: &str = Recognizer::BUILT_IN_DOCUMENTS.card;

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
    let eval: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(eval["sequences_correct"], on_card("sequences right"), "{eval}");
    assert_eq!(eval["digits_correct"], on_card("digits right"), "{eval}");
    let shipped: Value = serde_json::from_str(Recognizer::BUILT_IN_DOCUMENTS.evaluation).unwrap();
    for field in [
        "model_sha256",
        "dataset",
        "grids",
        "layout",
        "sequences",
        "sequences_correct",
        "digits_correct",
        "confusion",
    ] {
        assert_eq!(eval[field], shipped[field], "{field}");
    }
}

#[test]
fn the_citation_names_the_version() {
    let citation = include_str!("../../../../CITATION.cff");
    let version = citation.lines().find_map(|line| line.strip_prefix("version: "));
    assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_cards_and_figures_are_of_these_weights() {
    for (model, Documents { card, evaluation, .. }) in
        [("", Recognizer::BUILT_IN_DOCUMENTS), ("--model line", Recognizer::BUILT_IN_LINE_DOCUMENTS)]
    {
        let info = Bench::new().done(&format!("info {model}")).stdout;
        let digest = info
            .lines()
            .find_map(|line| line.strip_prefix("sha256"))
            .expect("info says which weights")
            .trim();
        assert!(card.contains(digest), "the card does not name {digest}");
        let evaluation: Value = serde_json::from_str(evaluation).unwrap();
        assert_eq!(evaluation["model_sha256"], digest);
        assert!(card.contains("\n## What it fails at\n\n"), "the list that exported cards take over");
    }
}
