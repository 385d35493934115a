//! Laws of a recognizer: empty cells count nothing, and many grids are read as one by one.

use candle_core::Device;
use image::GrayImage;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, Layout, Point, Strokes, stitch_u8, synthetic};
use mnist2x2_formats::Weights;
use mnist2x2_infer::{Error, Recognizer, config_for};
use mnist2x2_model::{Config, Parameters};
use mnist2x2_picture::{Drawing, ModelInput, Picture};

#[test]
fn empty_cells_are_told_and_cost_no_confidence() {
    let parameters = Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap();
    let weights = Weights::new(parameters, "");
    let recognizer = Recognizer::new(weights).unwrap();
    let shape = recognizer.shape();
    assert_eq!(shape, GridShape { rows: 1, cols: 3 });
    let stroke = |x: f32| vec![[x, 0.2], [x + 0.2, 0.5], [x, 0.8]];
    let read = |strokes: &[Vec<Point>]| {
        let drawing = Drawing::new(Strokes::new(strokes.to_vec()).unwrap(), 3.0, 1.0).unwrap();
        recognizer.read_drawing(&drawing).unwrap()
    };
    let two = read(&[stroke(0.4), stroke(2.4)]);
    let digits: Vec<char> = two.digits.chars().collect();
    assert_eq!((digits.len(), digits[1], two.cells[1].digit), (3, '_', None));
    let product: f32 = [0, 2].map(|cell| two.cells[cell].confidence).iter().product();
    assert!((two.confidence - product).abs() < 1e-6, "{two:?}");
    let mut texts: Vec<&str> = two.alternatives.iter().map(|other| other.digits.as_str()).collect();
    texts.push(&two.digits);
    texts.sort_unstable();
    assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "no sequence twice: {texts:?}");
    let none = read(&[]);
    assert!(none.digits == "___" && none.alternatives.is_empty(), "{none:?}");
    assert!((none.confidence - 1.0).abs() < 1e-9);
}

#[test]
fn a_batch_is_read_as_one_by_one() {
    let parameters = Parameters::init(&Config::tiny(), 4, &Device::Cpu).unwrap();
    let recognizer = Recognizer::new(Weights::new(parameters, "")).unwrap();
    let digits = synthetic::digits(Split::Test, 15, 0);
    let grids: Vec<ModelInput> = (0..5_u32)
        .map(|i| {
            let mut grays = vec![0; recognizer.shape().pixels()];
            stitch_u8(&digits, &[3 * i, 3 * i + 1, 3 * i + 2], recognizer.shape(), &mut grays);
            let image = GrayImage::from_raw(84, 28, grays).unwrap();
            ModelInput::from_picture(&Picture::new(&image.into()), recognizer.shape())
        })
        .collect();
    for (one, many) in grids.iter().zip(recognizer.read_batch(&grids).unwrap()) {
        let one = recognizer.read_input(one).unwrap();
        assert_eq!(one.digits, many.digits);
        assert!((one.confidence - many.confidence).abs() < 1e-5);
    }
}

/// A model of this layout that knows nothing, and three pictures of noise of its size.
fn of_layout(text: &str, blanks: f64) -> (Recognizer, Vec<Vec<u8>>) {
    let layout = text.parse::<Layout>().unwrap().with_blanks(blanks).unwrap();
    let config = config_for(Config { patch_width: 14, ..Config::tiny() }, layout);
    let recognizer =
        Recognizer::new(Weights::new(Parameters::init(&config, 5, &Device::Cpu).unwrap(), "")).unwrap();
    assert_eq!((recognizer.layout().to_string(), recognizer.shape()), (text.into(), layout.shape()));
    let pixels = layout.shape().pixels();
    let canvases = (0..3).map(|i| (0..pixels).map(|p| ((p * (7 + i) + i) % 256) as u8).collect()).collect();
    (recognizer, canvases)
}

#[test]
fn canvases_are_read_one_by_one_as_together() {
    for (layout, longest) in [("line:5", 5), ("scatter:10", 10), ("1x3", 3)] {
        let (recognizer, canvases) = of_layout(layout, 0.0);
        let views: Vec<&[u8]> = canvases.iter().map(Vec::as_slice).collect();
        let together = recognizer.read_canvases(&views).unwrap();
        assert_eq!(together.len(), 3);
        for (canvas, reading) in views.iter().zip(&together) {
            let alone = recognizer.read_canvas(canvas).unwrap();
            assert_eq!((&alone.digits, alone.cells.len()), (&reading.digits, reading.digits.len()));
            assert!((alone.confidence - reading.confidence).abs() < 1e-5);
            assert!(alone.cells.len() <= longest && (1..=4).contains(&alone.alternatives.len()), "{alone:?}");
            let product: f32 = alone.cells.iter().map(|cell| cell.confidence).product();
            assert!(alone.confidence <= product + 1e-6, "the end is part of the sequence: {alone:?}");
        }
        let error = recognizer.read_canvas(&canvases[0][1..]).unwrap_err();
        assert!(matches!(error, Error::Canvas { .. }), "{error}");
        assert!(recognizer.read_canvases(&[]).unwrap().is_empty());
    }
}

#[test]
fn a_model_without_cells_reads_no_grid() {
    let (recognizer, _) = of_layout("line:2", 0.0);
    let input = ModelInput::from_picture(&Picture::new(&GrayImage::new(56, 28).into()), recognizer.shape());
    let message = recognizer.read_input(&input).unwrap_err().to_string();
    assert!(message.contains("reads the layout line:2"), "{message}");
}

#[test]
fn a_model_of_grids_with_empty_cells_gives_its_digits_to_the_others() {
    let (recognizer, _) = of_layout("1x3", 1.0 / 3.0);
    let stroke = |x: f32| vec![[x, 0.2], [x + 0.2, 0.5], [x, 0.8]];
    let drawing = Drawing::new(Strokes::new(vec![stroke(0.4), stroke(2.4)]).unwrap(), 3.0, 1.0).unwrap();
    let reading = recognizer.read_drawing(&drawing).unwrap();
    let input = ModelInput::from_drawing(&drawing, recognizer.shape());
    let written = recognizer.read_canvas(input.pixels()).unwrap();
    assert_eq!((reading.cells.len(), reading.cells[1].digit, reading.cells[1].confidence), (3, None, 1.0));
    let expected: Vec<_> = written.cells.iter().take(2).map(|cell| cell.digit).collect();
    let found: Vec<_> =
        [0, 2].map(|cell| reading.cells[cell].digit).into_iter().take(expected.len()).collect();
    assert_eq!(found, expected);
    assert!((reading.confidence - written.confidence).abs() < 1e-6);
}

#[test]
fn a_picture_without_digits_has_the_layout_none_and_is_not_sure() {
    let parameters = Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap();
    let recognizer = Recognizer::new(Weights::new(parameters, "")).unwrap();
    let blank = Picture::new(&GrayImage::from_pixel(90, 30, image::Luma([255])).into());
    for layout in ["auto", "line", "1x3", "2x2"] {
        let reading = recognizer.read_arranged(&blank, layout.parse().unwrap()).unwrap();
        assert!(!reading.has_digits() && !reading.sure, "{layout}: {reading:?}");
        assert_eq!((reading.layout.as_str(), reading.digits.as_str()), ("none", ""), "{layout}");
    }
}
