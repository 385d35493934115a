//! Laws of a recognizer: empty cells count nothing, and many grids are read as one by one.

use candle_core::Device;
use image::GrayImage;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, Point, Strokes, stitch_u8, synthetic};
use mnist2x2_formats::Weights;
use mnist2x2_infer::Recognizer;
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
