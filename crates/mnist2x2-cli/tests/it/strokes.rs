//! Drawings of pen strokes, as `eval --strokes` reads them.

use std::fmt::Write;
use std::fs;

use crate::support::Bench;

/// Writes ones by two writers, turn by turn, as UNIPEN.
pub(crate) fn write_ones(bench: &Bench, count: u32) {
    let mut text = String::new();
    for number in 0..count {
        let (writer, x) = (1 + number % 2, 240 + number % 5);
        write!(text, ".SEGMENT DIGIT {number} ? \"1\"\n.COMMENT 1 {writer} {number}\n").unwrap();
        write!(text, ".PEN_DOWN\n{x} 420\n{x} 90\n.PEN_UP\n").unwrap();
    }
    fs::write(bench.path("pens"), text).unwrap();
}

#[test]
fn drawings_are_counted_with_intervals_and_in_every_variant() {
    let bench = Bench::new();
    write_ones(&bench, 23);
    let json = bench.done("eval --strokes pens --variants --json --threads 2").json();
    assert_eq!(json.len(), 1);
    let json = &json[0];
    assert_eq!((&json["name"], &json["dataset"]), (&"as judged".into(), &"strokes".into()), "{json}");
    assert_eq!((&json["sequences"], &json["digits"]), (&5.into(), &20.into()), "three digits fill no canvas");
    assert_eq!(json["sequence_accuracy"], 1.0, "ones are read: {json}");
    assert!(
        json["sequence_interval"][0].as_f64().unwrap() < 0.6 && json["digit_interval"][1] == 1.0,
        "{json}"
    );
    let names: Vec<&str> =
        json["variants"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    for name in ["strokes", "brush 8", "brush 40", "half size", "off centre", "inverted", "guide lines"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(json["variants"].as_array().unwrap().iter().all(|row| row["sequences"] == 5), "{json}");
}

#[test]
fn writers_and_canvases_are_chosen() {
    let bench = Bench::new();
    write_ones(&bench, 23);
    let error = bench.fails(1, "eval --strokes nowhere");
    assert!(error.contains("nowhere does not exist") && error.contains("download-pendigits"), "{error}");
    for (options, canvases) in
        [("", 5), ("--writers 2", 2), ("--writers 1-2 --grids 3", 3), ("--grids 99", 5)]
    {
        let table = bench.done(&format!("eval --strokes pens {options}")).stdout;
        assert!(
            table.starts_with(&format!("drawings    {canvases} of consecutive digits of pens")),
            "{table}"
        );
        assert!(table.contains("; \"as judged\": 800 x 800 pixels, a brush of 15"), "{table}");
        assert!(table.lines().nth(2).unwrap().starts_with("as judged"), "{table}");
    }
    let error = bench.fails(1, "eval --strokes pens --writers 3-9");
    assert!(error.contains("pens: these writers fill no canvas"), "{error}");
    for wrong in [
        "--writers 1",
        "--grids 3",
        "--variants",
        "--strokes pens --writers 9-3",
        "--strokes pens --report page",
    ] {
        assert_eq!(bench.run(&format!("eval {wrong}")).code, 2, "{wrong}");
    }
}
