//! Laws of a calibrated recognizer: the same digits, other confidences.

use candle_core::Device;
use image::{DynamicImage, GrayImage, Luma};
use mnist2x2_formats::files::Disk;
use mnist2x2_infer::{Calibration, Exposure, Reading, Recognizer, Temperature};
use mnist2x2_model::{Config, Parameters};
use mnist2x2_picture::{ModelInput, Picture};

fn calibration(temperature: f64) -> Calibration {
    let temperature = Temperature::new(temperature).unwrap();
    Calibration { temperature, grids: 1, nll_before: 1.0, nll_after: 0.5, exposure: Exposure::None }
}

/// A folder with an untrained model.
fn model_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let parameters = Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap();
    mnist2x2_formats::save(&parameters, folder.path()).unwrap();
    folder
}

fn load(folder: &tempfile::TempDir) -> Recognizer {
    Recognizer::load(folder.path(), &Device::Cpu).unwrap()
}

fn read(recognizer: &Recognizer) -> Reading {
    let image = GrayImage::from_fn(84, 28, |x, y| Luma([(x * y * 7 % 251) as u8]));
    let picture = Picture::new(&DynamicImage::from(image));
    recognizer.read_input(&ModelInput::resized(&picture, recognizer.shape())).unwrap()
}

#[test]
fn the_answer_is_the_same_at_any_temperature_and_surer_at_a_lower_one() {
    let recognizer = load(&model_folder());
    assert!(recognizer.calibration().is_none());
    let plain = read(&recognizer);
    let mut confidence = f32::INFINITY;
    for temperature in [0.03, 0.4, 1.0, 6.0] {
        let reading = read(&recognizer.clone().with_calibration(calibration(temperature)));
        assert_eq!(reading.digits, plain.digits);
        assert!(reading.confidence < confidence, "{} at {temperature}", reading.confidence);
        assert!(reading.alternatives.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
        confidence = reading.confidence;
    }
    assert_eq!(read(&recognizer.with_calibration(calibration(1.0))), plain);
}

#[test]
fn a_recognizer_is_calibrated_by_the_file_beside_its_weights() {
    let folder = model_folder();
    assert_eq!(load(&folder).temperature(), Temperature::ONE);
    calibration(2.5).save_on(&Disk::default(), folder.path()).unwrap();
    assert_eq!(load(&folder).calibration(), Some(&calibration(2.5)));
    std::fs::write(folder.path().join(Calibration::FILE), "{}").unwrap();
    let message = Recognizer::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("calibration.json: missing field `temperature`"), "{message}");
}

#[cfg(feature = "weights")]
#[test]
fn the_built_in_model_is_calibrated() {
    let built_in = Recognizer::built_in(&Device::Cpu).unwrap();
    let calibration = built_in.calibration().unwrap();
    assert!(calibration.grids > 0 && calibration.nll_after <= calibration.nll_before, "{calibration:?}");
}
