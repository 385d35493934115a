//! Other layouts than the published one, from training to reading.

use std::fs;

use crate::support::Bench;

/// A model of other digits than 2 x 2: said wherever it matters, and compared with nothing of 2 x 2.
#[test]
fn other_shapes_are_named() {
    let bench = Bench::new();
    fs::write(bench.path("my.toml"), "[model]\nrows = 1\ncols = 3\n").unwrap();
    let run = bench.done("train --data-dir mnist --limit 8 --epochs 1 --config my.toml --out wide");
    assert!(run.stderr.contains("grids of 1 x 3 "), "{}", run.stderr);
    assert!(!run.stderr.contains("published"), "{}", run.stderr);
    let again = bench.done("train --data-dir mnist --limit 8 --no-test --config wide --out again");
    assert!(again.stderr.contains("grids of 1 x 3 "), "a run's folder has its settings: {}", again.stderr);
    assert_eq!(bench.read("again/model.safetensors"), bench.read("wide/model.safetensors"));
    bench.write_grid("grid.png");
    // A picture of another shape is read in portions, and what is printed names its own.
    let run = bench.done("predict --json --model wide grid.png");
    assert_eq!(run.json()[0]["layout"], "2x2", "{}", run.stdout);
    assert_eq!(run.json()[0]["digits"].as_str().unwrap().len(), 4, "{}", run.stdout);
    bench.done("sample --data-dir mnist --model wide --grids 1 --out sheet.png");
    let sheet = image::open(bench.path("sheet.png")).unwrap();
    assert_eq!(sheet.width(), 8 + 3 * 28 + 8, "one grid of three digits and the gaps beside it");
}

/// What is measured is what was asked for.
#[test]
fn the_speed_of_any_layout_recipe_and_level_is_measured() {
    let bench = Bench::new();
    for (options, parameters, batch) in [
        ("train --layout 3x1 --recipe default", 249_677, 64),
        ("decode --layout line:3 --batch 7", 249_933, 7),
    ] {
        let run = bench.done(&format!("bench {options} --level scalar --seconds 1 --json"));
        let report = run.json().remove(0);
        assert_eq!((&report["level"], &report["batch"]), (&"scalar".into(), &batch.into()), "{report}");
        assert_eq!(report["parameters"], parameters, "{report}");
        let [speed, share] = ["grids_per_second", "limit_share"].map(|key| report[key].as_f64().unwrap());
        assert!(speed > 0.0 && share > 0.0 && report["peak_gflops"].is_number(), "{report}");
    }
}

/// Sequences of other lengths than one: trained, evaluated, repeated and resumed like grids, without any file of settings.
#[test]
fn other_layouts_are_trained_evaluated_and_shown() {
    let bench = Bench::new();
    let train = "train --data-dir mnist --epoch-grids 64 --epochs 1 --set batch_size=32";
    for (options, layout, said, longest) in [
        ("--layout 3x5 --blanks 0.33", "3x5", "grids of 3 x 5 own digits, 33.00 % of the cells empty", 15),
        ("--layout line:3 --architecture line", "line:3", "lines of 1 to 3 own digits", 3),
        ("--layout scatter:4", "scatter:4", "pictures of 0 to 4 scattered own digits", 4),
    ] {
        let out = layout.replace(':', "-");
        let run = bench.done(&format!("{train} {options} --out {out}"));
        assert!(run.stderr.contains(said) && run.stdout.contains(said), "{}{}", run.stderr, run.stdout);
        assert!(run.stdout.contains("by length") && run.stdout.contains(" too many"), "{}", run.stdout);
        let eval = bench
            .done(&format!("eval --model {out} --data-dir mnist --json --report {out}-page"))
            .json()
            .remove(0);
        assert_eq!((&eval["layout"], &eval["grids"]), (&layout.into(), &"reference".into()), "{eval}");
        assert_eq!(eval["blanks"].as_f64().unwrap() > 0.0, layout == "3x5", "{eval}");
        assert!(
            eval["per_position"].as_array().unwrap().len() <= longest && eval["insertions"].is_number(),
            "{eval}"
        );
        assert!(eval["per_length"].as_array().unwrap().len() > 1, "{eval}");
        let page = String::from_utf8(bench.read(&format!("{out}-page/index.html"))).unwrap();
        assert!(page.contains("Accuracy by length"));
        let again = bench.done(&format!("train --data-dir mnist --no-test --config {out} --out {out}-again"));
        assert!(again.stderr.contains(said), "{}", again.stderr);
        assert_eq!(
            bench.read(&format!("{out}-again/model.safetensors")),
            bench.read(&format!("{out}/model.safetensors"))
        );
        bench.done(&format!("sample --data-dir mnist --model {out} --grids 2 --out {out}.png"));
        bench.done(&format!(
            "sample --data-dir mnist {} --grids 2 --out other.png",
            options.split(" --arch").next().unwrap()
        ));
        assert_eq!(
            bench.read("other.png"),
            bench.read(&format!("{out}.png")),
            "the model's layout is that one"
        );
    }
    let config = String::from_utf8(bench.read("line-3/config.json")).unwrap();
    assert!(config.contains("\"arrangement\": \"line\"") && config.contains("\"digits\": 3"), "{config}");
    // Fewer digits on the same canvas; and what the model cannot read.
    let fewer = bench.done("eval --model line-3 --layout line:2 --data-dir mnist --json").json().remove(0);
    assert_eq!((&fewer["layout"], fewer["per_length"].as_array().unwrap().len()), (&"line:2".into(), 2));
    let error = bench.fails(1, "eval --model line-3 --layout line:4 --data-dir mnist");
    assert!(
        error.contains(
            "the model reads lines of 1 to 3 handwritten digits, and cannot be asked for lines of 1 to 4"
        ),
        "{error}"
    );
    let error = bench.fails(1, "eval --layout 4x4 --data-dir mnist");
    assert!(
        error.contains("layout 2x2: does not fit into a picture of") || error.contains("layout 4x4"),
        "{error}"
    );
    bench.write_grid("grid.png");
    let read = bench.done("predict --model line-3 --json grid.png").json().remove(0);
    assert_eq!(read["lines"].as_array().unwrap().len(), 2, "digit by digit: {read}");
}

#[test]
fn the_two_published_shapes_are_presets_side_by_side() {
    let bench = Bench::new();
    let train = "train --data-dir mnist --epoch-grids 8 --epochs 1 --no-test";
    let by_name = bench.done(&format!("{train} --architecture reference-4x4 --out a"));
    assert!(
        by_name.stderr.contains("grids of 4 x 4 own digits") && by_name.stderr.contains("253837 parameters"),
        "{}",
        by_name.stderr
    );
    bench.done(&format!("{train} --layout 4x4 --out b"));
    assert_eq!(bench.read("a/model.safetensors"), bench.read("b/model.safetensors"));
    bench.done(&format!("{train} --out c"));
    bench.done(&format!("{train} --layout 2x2 --blanks 0 --out d"));
    assert_eq!(bench.read("c/config.json"), bench.read("d/config.json"), "what is published stays as it is");
    assert_eq!(bench.read("c/model.safetensors"), bench.read("d/model.safetensors"));
}
