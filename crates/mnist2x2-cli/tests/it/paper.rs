//! Simulated pictures of paper, as `sample --paper` writes and `eval --paper` reads them.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageReader};

use crate::strokes::write_ones;
use crate::support::Bench;

#[test]
fn files_are_called_by_what_they_show_and_stored_as_their_kind_says() {
    let bench = Bench::new();
    write_ones(&bench, 23);
    bench.done("sample --paper exif,12bit,clean --count 2 --strokes pens --out pictures");
    let names = bench.names("pictures");
    assert_eq!(names.len(), 2 * (4 + 1 + 1), "{names:?}");
    assert!(names.contains(&"12bit-0001-1111.png".into()), "{names:?}");
    for (tag, orientation) in [
        (6, Orientation::Rotate90),
        (8, Orientation::Rotate270),
        (3, Orientation::Rotate180),
        (2, Orientation::FlipHorizontal),
    ] {
        let bytes = bench.read(&format!("pictures/exif-{tag}-0000-1111.jpg"));
        let mut decoder =
            ImageReader::new(Cursor::new(&bytes)).with_guessed_format().unwrap().into_decoder().unwrap();
        assert_eq!(decoder.orientation().unwrap(), orientation);
    }
    let twelve = bench.read("pictures/12bit-0000-1111.png");
    let twelve = ImageReader::new(Cursor::new(&twelve)).with_guessed_format().unwrap().decode().unwrap();
    assert_eq!(twelve.color(), ColorType::L16);
    assert!(twelve.to_luma16().pixels().all(|pixel| pixel[0] < 4_096));
}

#[test]
fn what_is_read_is_counted_by_kind_and_strength() {
    let bench = Bench::new();
    write_ones(&bench, 23);
    let command = "eval --paper clean,light-0.5,none --count 2 --strokes pens --threads 2";
    let json = bench.done(&format!("{command} --report page --json")).json();
    let json = &json[0];
    assert_eq!((&json["paper"], &json["writing"]), (&"tuning".into(), &"pen strokes".into()), "{json}");
    assert_eq!((&json["pictures"], &json["kinds"][1]["kind"]), (&6.into(), &"light".into()), "{json}");
    for kind in json["kinds"].as_array().unwrap() {
        let [right, wrong, sure] =
            ["right", "wrong", "confidently_wrong"].map(|name| kind[name].as_u64().unwrap());
        assert!(right + wrong == 2 && sure <= wrong, "{kind}");
        assert_eq!(kind["mistakes"].as_array().unwrap().len() as u64, wrong, "{kind}");
    }
    assert_eq!(json["kinds"][2]["right"], 2, "nothing is read of a blank sheet: {json}");
    let page = String::from_utf8(bench.read("page/index.html")).unwrap();
    assert!(page.contains("Pictures by kind and strength") && page.contains("<td>0.5</td>"), "{page}");
    let table = bench.done(command).stdout;
    assert!(table.lines().any(|line| line.starts_with("none") && line.contains("100.00 %")), "{table}");
}

#[test]
fn kinds_that_are_not_there_are_named_with_those_that_are() {
    let bench = Bench::new();
    write_ones(&bench, 23);
    let error = bench.fails(2, "sample --paper fog --strokes pens --out pictures");
    assert!(error.contains("no such kind") && error.contains("hard-shadow"), "{error}");
    let error = bench.fails(1, "sample --paper light-0.46 --strokes pens --out pictures");
    assert!(error.contains("light-0.46: not of this --set"), "{error}");
    let error = bench.fails(1, "eval --paper clean --set held-back --strokes pens");
    assert!(error.contains("no digits by writers 21"), "{error}");
}
