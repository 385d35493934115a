//! `export --format onnx`: encoder, decoder, and what reads pictures with them.

use mnist2x2::data::{MEAN, STD};
use mnist2x2::formats::{RUN_ONNX, to_onnx};
use mnist2x2::{Config, Parameters};
use serde_json::json;

/// Names and bytes of the files of a folder, in the order in which they are written.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// The files of the folder.
pub(super) fn files(parameters: &Parameters) -> anyhow::Result<Files> {
    let onnx = to_onnx(parameters)?;
    Ok(vec![
        ("preprocessor_config.json".into(), preprocessor(parameters.config())),
        ("run_onnx.py".into(), RUN_ONNX.into()),
        ("encoder_model.onnx".into(), onnx.encoder),
        ("decoder_model.onnx".into(), onnx.decoder),
    ])
}

/// How a picture becomes what the encoder takes, in the words of Hugging Face's image processors.
pub(super) fn preprocessor(config: &Config) -> Vec<u8> {
    let fields = json!({
        "do_resize": true,
        "size": { "height": config.image_height(), "width": config.image_width() },
        "do_rescale": true,
        "rescale_factor": 1.0 / 255.0,
        "do_normalize": true,
        "image_mean": [f64::from(MEAN)],
        "image_std": [f64::from(STD)],
        "num_channels": 1,
        "max_digits": config.max_digits(),
    });
    format!("{fields:#}\n").into()
}
