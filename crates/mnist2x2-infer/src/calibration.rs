//! Confidences that can be taken at their word: a temperature, and what it was fitted on.
//!
//! A network that was trained to be sure is often too sure. Dividing its logits by one number, the temperature, before
//! the softmax changes no likeliest token and can make probabilities match frequencies (Guo, Pleiss, Sun and Weinberger,
//! *On Calibration of Modern Neural Networks*, 2017, section 4.2).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mnist2x2_formats::files::Disk;
use serde::{Deserialize, Serialize};

use crate::Error;

/// By what logits are divided before the softmax: a finite number above 0.
///
/// Above 1 it makes every probability more even, below 1 more extreme.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct Temperature(f64);

impl Temperature {
    /// Leaves probabilities as they are.
    pub const ONE: Self = Self(1.0);

    /// The temperature `value`.
    ///
    /// # Errors
    /// [`Error::Temperature`] unless `value` is finite and above 0.
    pub fn new(value: f64) -> Result<Self, Error> {
        if value > 0.0 && value.is_finite() { Ok(Self(value)) } else { Err(Error::Temperature { value }) }
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The softmax of `logits` (V) at this temperature: from a token to the logarithm of its probability, in nats.
    ///
    /// All is relative to the likeliest token, so that no temperature overflows, and that token's own share is left out
    /// of the sum, so that what is all but certain keeps its small distance from certainty.
    pub(crate) fn log_softmax(self, logits: &[f32]) -> impl Fn(usize) -> f64 {
        let top = argmax(logits);
        let scaled = move |token: usize| (f64::from(logits[token]) - f64::from(logits[top])) / self.0;
        let others = (0..logits.len()).filter(|&token| token != top);
        let normalizer = others.map(|token| scaled(token).exp()).sum::<f64>().ln_1p();
        move |token| scaled(token) - normalizer
    }
}

impl TryFrom<f64> for Temperature {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self, Error> {
        Self::new(value)
    }
}

/// The index of the largest of `logits`, the first of several: no answer depends on chance.
pub(crate) fn argmax(logits: &[f32]) -> usize {
    let better = |best: usize, next: usize| if logits[next] > logits[best] { next } else { best };
    (0..logits.len()).reduce(better).unwrap_or(0)
}

/// A fitted temperature, and how it was found: `calibration.json` in a model folder.
///
/// It promises that of all grids *like those it was fitted on* that are read with confidence c, about the share c is
/// right in every digit. Single cells and alternatives are read at the same temperature, but nothing was fitted to them.
/// Of other pictures, such as another pen's or a photograph's, it promises nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// By what the model's logits are divided.
    pub temperature: Temperature,
    /// Grids that it was fitted on, of digits that the run did not train on.
    pub grids: u64,
    /// Mean negative log-likelihood, at temperature 1 and in nats, of each of those grids being read right or wrong as it
    /// was.
    pub nll_before: f64,
    /// The same at this temperature.
    pub nll_after: f64,
    /// Whether the model that training began with had been trained on the digits of those grids.
    #[serde(default, skip_serializing_if = "Exposure::is_none")]
    pub exposure: Exposure,
}

/// Whether a model was trained on the digits that it is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Exposure {
    /// It was not.
    #[default]
    None,
    /// Nobody can tell: then what it reads of them may be too good.
    Unknown,
    /// It was: what it reads of them is too good.
    Trained,
}

impl Exposure {
    /// Whether it was certainly not.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Calibration {
    /// Its file in a model folder.
    pub const FILE: &str = "calibration.json";

    /// The calibration in the model folder `folder`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Calibration`] if it cannot be understood.
    pub fn load(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(Self::FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::from_json(&bytes, &path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// A calibration from the bytes of its file, which messages call `path`.
    pub(crate) fn from_json(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::Calibration { path: path.into(), problem: error.to_string() })
    }

    /// Writes it to the model folder `folder` on `disk`, in place of any that is there.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be written.
    pub fn save_on(&self, disk: &Disk, folder: &Path) -> Result<(), Error> {
        let path = folder.join(Self::FILE);
        let text = format!("{:#}\n", serde_json::json!(self));
        disk.write(&path, text.as_bytes()).map_err(|source| Error::Write { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_softmax_is_whole_at_the_most_extreme_temperatures() {
        let logits = [3.0, -2.0, 30.0, 29.0];
        for temperature in [f64::MIN_POSITIVE, 1e-3, 1.0, 50.0, f64::MAX] {
            let log_softmax = Temperature::new(temperature).unwrap().log_softmax(&logits);
            let sum: f64 = (0..4).map(|token| log_softmax(token).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum} at {temperature}");
            assert!((0..4).all(|token| log_softmax(token) <= log_softmax(2)));
        }
    }

    #[test]
    fn doubt_that_rounding_beside_1_would_lose_is_kept() {
        let log_probability = Temperature::ONE.log_softmax(&[0.0, 100.0])(1);
        assert!((log_probability / -(-100.0_f64).exp() - 1.0).abs() < 1e-12, "{log_probability}");
    }

    #[test]
    fn impossible_temperatures_are_refused() {
        for value in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = Temperature::new(value).unwrap_err().to_string();
            assert!(message.ends_with("is not a finite number above 0"), "{message}");
        }
    }

    #[test]
    fn a_calibration_comes_back_and_every_damage_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Calibration::load(folder.path()).unwrap(), None);
        let temperature = Temperature::new(1.0 / 3.0).unwrap();
        let saved = Calibration {
            temperature,
            grids: 7,
            nll_before: 0.1,
            nll_after: 1e-17,
            exposure: Exposure::None,
        };
        saved.save_on(&Disk::default(), folder.path()).unwrap();
        assert_eq!(Calibration::load(folder.path()).unwrap(), Some(saved));

        let path = folder.path().join(Calibration::FILE);
        let json = fs::read_to_string(&path).unwrap();
        let with_temperature = |text: &str| json.replace("0.3333333333333333", text);
        let cases = [
            ("{".into(), "EOF"),
            (with_temperature("0.0"), "temperature 0 is not"),
            (with_temperature("-1.5"), "temperature -1.5 is not"),
            (with_temperature("NaN"), "expected value"),
            (with_temperature("null"), "invalid type: null"),
            (with_temperature("1e999"), "number out of range"),
            (json.replace("grids", "grid"), "unknown field `grid`"),
            (json.replace("  \"grids\": 7,\n", ""), "missing field `grids`"),
        ];
        for (text, expected) in cases {
            fs::write(&path, text).unwrap();
            let message = Calibration::load(folder.path()).unwrap_err().to_string();
            assert!(message.contains("calibration.json: ") && message.contains(expected), "{message}");
        }
    }
}
