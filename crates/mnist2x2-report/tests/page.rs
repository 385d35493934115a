//! Laws of the page, over readings of every kind.

use image::GrayImage;
use mnist2x2_data::GridShape;
use mnist2x2_report::{Attention, Clusters, Error, PageTable, Report, tables_page};
use mnist2x2_train::{Evaluation, Prediction};

const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

fn graded(read: [Option<u8>; 3], confidence: f64) -> Prediction {
    let cell_confidences = vec![confidence; 3];
    Prediction { labels: vec![1, 2, 3], predicted: read.to_vec(), confidence, cell_confidences }
}

fn right(confidence: f64) -> Prediction {
    graded([Some(1), Some(2), Some(3)], confidence)
}

fn wrong(confidence: f64) -> Prediction {
    graded([Some(1), Some(7), None], confidence)
}

fn picture(_: usize) -> GrayImage {
    GrayImage::from_fn(84, 28, |x, y| image::Luma([(x * 3 + y) as u8]))
}

fn attention(grid: usize) -> Attention {
    let of_digit = |digit: usize| (0..10).map(|patch| if patch == digit { 0.55 } else { 0.05 }).collect();
    Attention { grid, rows: 2, cols: 5, weights: (0..3).map(of_digit).collect() }
}

/// Each cell shows a digit of its own.
fn clusters(graded: &[Prediction]) -> Clusters {
    Clusters { unit: "digit", ids: (0..3 * graded.len() as u32).collect() }
}

fn page_of(graded: &[Prediction], attention: &[Attention]) -> Result<String, Error> {
    let facts = [("<model>".to_owned(), "\"a\" & 'b'".to_owned())];
    let (title, data) = ("<i>Reading</i>", "synthetic </title>");
    let (facts, evaluation, clusters) = (&facts[..], &Evaluation::of(graded, 0.0), &clusters(graded));
    let picture = &picture;
    Report { title, data, facts, layout: SHAPE.into(), graded, evaluation, clusters, picture, attention }
        .html()
}

fn page(graded: &[Prediction]) -> String {
    let attention: Vec<_> = graded.first().map(|_| attention(0)).into_iter().collect();
    page_of(graded, &attention).unwrap()
}

/// Everything of the page but pictures, in which any letters may occur.
fn without_pictures(page: &str) -> String {
    let mut parts = page.split("base64,");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('"').map_or("", |(_, rest)| rest))
}

fn kinds() -> Vec<Vec<Prediction>> {
    let mixed =
        (0..40).map(|i| if i % 5 == 0 { wrong(f64::from(i) / 40.0) } else { right(f64::from(i) / 40.0) });
    vec![
        vec![],
        vec![right(1.0)],
        vec![wrong(0.0)],
        vec![right(0.9); 30],
        vec![wrong(1.0); 30],
        vec![right(f64::NAN), wrong(f64::INFINITY), right(0.5)],
        vec![Prediction { labels: vec![], predicted: vec![], confidence: 0.5, cell_confidences: vec![] }],
        vec![Prediction {
            labels: vec![1, 2, 3, 200],
            predicted: vec![Some(99)],
            confidence: 0.5,
            cell_confidences: vec![],
        }],
        mixed.collect(),
    ]
}

#[test]
fn every_kind_of_readings_has_a_page_of_numbers() {
    for graded in kinds() {
        let text = without_pictures(&page(&graded));
        for word in ["NaN", "inf", "-0.00"] {
            assert!(!text.contains(word), "{word} in the page of {graded:?}: {text}");
        }
        assert_eq!(text.matches("<h2>").count(), 6, "{graded:?}");
    }
}

#[test]
fn what_is_put_in_never_becomes_markup() {
    let page = page(&kinds().pop().unwrap());
    assert!(page.contains("&lt;i&gt;Reading&lt;/i&gt;") && page.contains("synthetic &lt;/title&gt;"));
    assert!(page.contains("&lt;model&gt;") && page.contains("&quot;a&quot; &amp; &#39;b&#39;"));
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let text = without_pictures(&page(&kinds().pop().unwrap()));
    for word in ["http", "//", "<script", "@import", "url(", "<link", "onload"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn every_tag_is_closed_in_its_turn() {
    for graded in kinds() {
        let page = page(&graded);
        let mut open = Vec::new();
        for tag in page.split('<').skip(2).map(|tag| tag.split('>').next().unwrap()) {
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, [""; 0]);
    }
}

#[test]
fn the_same_readings_make_the_same_page() {
    for graded in kinds() {
        assert_eq!(page(&graded), page(&graded));
    }
}

#[test]
fn every_mistake_has_its_picture_with_a_frame_around_each_wrong_cell() {
    let page = page_of(&[right(0.9), wrong(0.8), wrong(0.7)], &[]).unwrap();
    assert_eq!(page.matches("<image").count(), 2);
    assert_eq!(page.matches("class=\"over\"").count(), 2 * 2);
    assert!(page.contains("Grid 1 shows 1, 2, 3 and was read as 1, 7, no digit"));
    assert!(page.find("Grid 1 shows") < page.find("Grid 2 shows"), "the more confident first");
}

#[test]
fn attention_has_a_panel_for_each_digit_and_a_square_for_each_patch() {
    let page = page_of(&[right(0.9)], &[attention(0)]).unwrap();
    assert_eq!(page.matches("<image").count(), 3);
    assert_eq!(page.matches("class=\"patch\"").count(), 3 * 10);
    assert!(page.contains("width=\"16.8\" height=\"14\""), "84 x 28 pixels in 5 x 2 patches");
    assert!(page.contains("most, 55.00 %, on the patch in row 1, column 3"));
}

#[test]
fn attention_that_does_not_fit_is_refused() {
    let with = |change: fn(&mut Attention)| {
        let mut attention = attention(0);
        change(&mut attention);
        page_of(&[right(0.9)], &[attention]).unwrap_err().to_string()
    };
    assert!(with(|attention| attention.grid = 1).contains("no such grid among the 1 grid graded"));
    assert!(with(|attention| attention.weights.clear()).contains("no weights"));
    assert!(with(|attention| attention.cols = 4).contains("digit 0 has 10 weights; 2 x 4 patches"));
    assert!(with(|attention| attention.rows = usize::MAX).contains("digit 0 has 10 weights"));
    assert!(
        with(|attention| attention.weights[1][2] = f32::NAN).contains("digit 1 has weights out of 0 to 1")
    );
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let graded = [right(0.9), wrong(0.9)];
    let empty = |_| GrayImage::new(0, 0);
    let report = Report {
        title: "",
        data: "",
        facts: &[],
        layout: SHAPE.into(),
        graded: &graded,
        evaluation: &Evaluation::of(&graded, 0.0),
        clusters: &clusters(&graded),
        picture: &empty,
        attention: &[],
    };
    assert!(matches!(report.html(), Err(Error::Picture { grid: 1, .. })));
}

#[test]
fn a_page_of_tables_has_its_facts_and_every_cell_escaped() {
    let rows = vec![vec!["a<b".into(), "1".into()], vec!["c".into(), "2".into()]];
    let table = PageTable { caption: "Counts & more", columns: &["kind", "number"], rows };
    let page = tables_page("T", &[("model".into(), "mine".into())], vec![table]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<td>mine</td>"));
    assert!(page.contains("a&lt;b") && page.contains("<td>2</td>") && page.contains("Counts &amp; more"));
}

#[test]
fn sequences_of_any_length_have_a_page() {
    let read = |labels: &[u8], predicted: &[u8]| Prediction {
        labels: labels.to_vec(),
        predicted: predicted.iter().copied().map(Some).collect(),
        confidence: 0.8,
        cell_confidences: vec![0.9; predicted.len()],
    };
    let graded = [
        read(&[1, 2], &[1, 2]),
        read(&[3], &[3, 7]),
        read(&[], &[]),
        read(&[4, 5, 6], &[4, 6]),
        read(&[8], &[9]),
    ];
    let page = Report {
        title: "",
        data: "",
        facts: &[],
        layout: "line:4".parse().unwrap(),
        graded: &graded,
        evaluation: &Evaluation::of(&graded, 0.0),
        clusters: &Clusters { unit: "digit", ids: (0..7).collect() },
        picture: &picture,
        attention: &[],
    };
    let text = without_pictures(&page.html().unwrap());
    assert_eq!(text.matches("<h2>").count(), 7, "one more, about lengths");
    assert!(
        text.contains(
            "Of 7 digits, 1 were read as others, 1 are missing in the readings, and 1 are too many"
        ),
        "{text}"
    );
    assert!(
        text.contains("layout line:4") && !text.contains("class=\"over\""),
        "there are no cells to frame"
    );
    assert!(
        text.contains("shows 3 and was read as 3, 7") && text.contains("shows 4, 5, 6 and was read as 4, 6"),
        "{text}"
    );
    assert!(!text.contains("NaN"), "{text}");
}
