//! The recognizer as a module of WebAssembly, for a page without a server: it takes and gives the JSON of the HTTP API, and learns
//! from corrections.
//!
//! [`exports`] is what the page calls; `page/worker.js` does it.
#![deny(unsafe_code)]

pub mod learning;
pub mod exports;

use candle_core::Device;
use mnist2x2_formats::Weights;
use mnist2x2_infer::api::{Drawing, Found, Prediction, ReadOptions};
use mnist2x2_infer::{Error, Recognizer};
use mnist2x2_picture::Arrangement;

/// Reads a drawing, a [`Drawing`] as JSON.
///
/// # Errors
/// [`Error::Drawing`] if it is none or makes no sense, else as [`Found::read`].
pub fn read_drawing(recognizer: &Recognizer, json: &[u8]) -> Result<Prediction, Error> {
    let drawing: Drawing = serde_json::from_slice(json).map_err(|error| Error::Drawing(error.to_string()))?;
    drawing.check(recognizer.shape().cells())?;
    predict(recognizer, &Found::in_drawing(recognizer, &drawing)?, Arrangement::Auto)
}

/// Reads a picture's file, whose digits lie as `layout` says.
///
/// # Errors
/// [`Error::Picture`] if it cannot be decoded or there is no such layout, else as [`Found::read`].
pub fn read_picture(recognizer: &Recognizer, layout: &str, file: &[u8]) -> Result<Prediction, Error> {
    let layout = layout.parse()?;
    predict(recognizer, &Found::in_picture(recognizer, file, layout)?, layout)
}

/// The model of grids with other weights, a `.safetensors`; all else stays as it is in `base`. Its calibration stays, too: synthetic
/// digits, of which nearly all are read right, would call every reading certain.
///
/// # Errors
/// [`Error::Weights`] if these are no weights of such a model.
pub fn with_tensors(base: &Recognizer, tensors: &[u8]) -> Result<Recognizer, Error> {
    base.with_weights(Weights::from_safetensors(tensors, base.model().config(), &Device::Cpu)?)
}

fn predict(recognizer: &Recognizer, found: &Found, layout: Arrangement) -> Result<Prediction, Error> {
    let answer = found.read(recognizer, ReadOptions::all(layout))?;
    Ok(Prediction { answer, model: recognizer.digest().into() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;

    #[test]
    fn answers_are_those_of_the_recognizer_with_all_that_the_page_shows() {
        let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
        let stroke = json!([[140, 40], [150, 240]]);
        let drawing = json!({ "cells": [[stroke], [], [], []], "width": 280, "height": 280 }).to_string();
        let answer = to_value(read_drawing(&recognizer, drawing.as_bytes()).unwrap()).unwrap();
        assert_eq!((&answer["digits"], &answer["model"]), (&json!("1___"), &json!(recognizer.digest())));
        assert_eq!(answer["seen"]["width"], 56);
        assert_eq!(answer["attention"].as_array().map(Vec::len), Some(4));

        let file = include_bytes!("../../../assets/grid.png");
        let mut answer = to_value(read_picture(&recognizer, "auto", file).unwrap()).unwrap();
        let all = answer.as_object_mut().unwrap();
        assert!(["seen", "attention", "model"].iter().all(|&name| all.remove(name).is_some()));
        assert_eq!(answer, to_value(recognizer.read_bytes(file).unwrap()).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
        let drawing = |cells: Value| {
            let json = json!({ "cells": cells, "width": 1, "height": 1 }).to_string();
            read_drawing(&recognizer, json.as_bytes()).unwrap_err().to_string()
        };
        assert!(drawing(json!([[]])).contains("there are 1, and 4 are needed"));
        assert!(drawing(json!("none")).contains("invalid type"));
        let picture = |layout| read_picture(&recognizer, layout, b"no picture").unwrap_err().to_string();
        assert!(picture("auto").contains("PNG, JPEG"), "{}", picture("auto"));
        assert!(picture("sideways").contains("sideways"), "{}", picture("sideways"));
    }
}
