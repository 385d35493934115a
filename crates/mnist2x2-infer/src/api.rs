//! What the HTTP API and the page without a server take and give, as JSON.

mod drawing;

use mnist2x2_picture::{self as picture, Arrangement, Findings, FoundDigit, ModelInput, Picture};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Reading, Recognizer, cross_attention};

pub use drawing::{Drawing, MAX_POINTS, MAX_STROKES, Stroke};

/// What a model is, as `GET /api/model` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// SHA-256 of the weights, in hexadecimal.
    pub digest: String,
    /// Where it came from, for people.
    pub source: String,
    /// How many numbers were learned.
    pub parameters: usize,
    /// The rows of the grid that it reads.
    pub rows: usize,
    /// The columns of the grid that it reads.
    pub cols: usize,
    /// Whether its confidences were calibrated to match frequencies.
    pub calibrated: bool,
}

impl ModelInfo {
    /// A model that reads grids of `rows` x `cols` cells, without parameters and not calibrated.
    pub fn new(digest: impl Into<String>, source: impl Into<String>, rows: usize, cols: usize) -> Self {
        let (digest, source) = (digest.into(), source.into());
        Self { digest, source, parameters: 0, rows, cols, calibrated: false }
    }

    /// What `recognizer` is, which people are told comes from `source`.
    pub fn of(recognizer: &Recognizer, source: &str) -> Self {
        let shape = recognizer.shape();
        let parameters = recognizer.model().parameters().count();
        let calibrated = recognizer.calibration().is_some();
        Self { parameters, calibrated, ..Self::new(recognizer.digest(), source, shape.rows, shape.cols) }
    }

    /// How many digits there can be.
    pub fn cells(&self) -> usize {
        self.rows * self.cols
    }
}

/// What is wanted beside the reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The picture that the model is given.
    #[serde(rename = "seen")]
    pub image: bool,
    /// The decoder's attention to the patches of that picture; nothing if the digits do not lie in the model's own grid.
    pub attention: bool,
    /// How the digits of a picture lie: `auto`, `line`, or rows and columns such as `2x2`.
    #[serde(deserialize_with = "parsed")]
    pub layout: Arrangement,
}

impl ReadOptions {
    /// All that there is, of a picture whose digits lie like that.
    pub fn all(layout: Arrangement) -> Self {
        Self { image: true, attention: true, layout }
    }
}

fn parsed<'de, D: Deserializer<'de>>(from: D) -> Result<Arrangement, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The digits and how sure the model is of them.
    #[serde(flatten)]
    pub reading: Reading,
    /// The picture that the model was given, if [`ReadOptions::image`].
    #[serde(rename = "seen", skip_serializing_if = "Option::is_none")]
    pub image: Option<InputImage>,
    /// The weight of each patch for each digit written, if [`ReadOptions::attention`]: (T, N), each row summing to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Vec<Vec<f32>>>,
}

impl From<Reading> for Answer {
    /// The reading and nothing beside it.
    fn from(reading: Reading) -> Self {
        Self { reading, image: None, attention: None }
    }
}

/// An answer and the digest of the model that gave it, as `POST /api/predict` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// [`ModelInfo::digest`].
    pub model: String,
}

/// The picture that a model was given: light ink on a dark ground.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputImage {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The gray levels row by row, from 0 for ground to 255 for ink; in JSON as base64 (RFC 4648, section 4).
    #[serde(serialize_with = "base64")]
    pub pixels: Vec<u8>,
}

fn base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    use base64::Engine;
    to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// What is to be read of an input.
#[derive(Clone, Debug)]
pub enum Found {
    /// The digits of a picture.
    Picture(Findings),
    /// The cells of a drawing, as the model takes them.
    Drawing(ModelInput),
}

impl Found {
    /// What is to be read of a picture's file, whose digits lie like that.
    ///
    /// # Errors
    /// As [`Picture::from_bytes`].
    pub fn in_picture(recognizer: &Recognizer, file: &[u8], layout: Arrangement) -> Result<Self, Error> {
        Ok(Self::Picture(recognizer.find(&Picture::from_bytes(file)?, layout)))
    }

    /// What is to be read of a drawing.
    ///
    /// # Errors
    /// As [`picture::Drawing::from_cells`].
    pub fn in_drawing(recognizer: &Recognizer, drawing: &Drawing) -> Result<Self, Error> {
        let (Drawing { cells, width, height }, shape) = (drawing, recognizer.shape());
        let drawing = picture::Drawing::from_cells(cells, *width, *height, shape)?;
        Ok(Self::Drawing(ModelInput::from_drawing(&drawing, shape)))
    }

    /// Reads it, and gives what else is wanted.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    pub fn read(&self, recognizer: &Recognizer, options: ReadOptions) -> Result<Answer, Error> {
        let reading = match self {
            Self::Picture(found) => recognizer.read_findings(std::slice::from_ref(found))?.swap_remove(0),
            Self::Drawing(input) => recognizer.read_input(input)?,
        };
        self.answer(recognizer, reading, options)
    }

    /// A reading of it with what else is wanted.
    ///
    /// # Errors
    /// [`Error::Seq2Seq`] if the device fails.
    pub fn answer(
        &self,
        recognizer: &Recognizer,
        reading: Reading,
        options: ReadOptions,
    ) -> Result<Answer, Error> {
        let mut answer = Answer::from(reading);
        if !options.image && !options.attention {
            return Ok(answer);
        }
        let (input, whole) = match self {
            Self::Drawing(input) => (Some(input.clone()), true),
            Self::Picture(found) => match found_as_read(found, &answer.reading) {
                Some(found) => (found.lined_up(), found.shape() == Some(recognizer.shape())),
                None => (None, false),
            },
        };
        let Some(input) = input else { return Ok(answer) };
        if options.image {
            let (width, height) = (input.shape().width(), input.shape().height());
            answer.image = Some(InputImage { width, height, pixels: input.pixels().to_vec() });
        }
        // Digits that were read in portions have no one picture that the model looked at.
        if options.attention && whole {
            answer.attention = Some(cross_attention(recognizer.model(), &input.normalized())?);
        }
        Ok(answer)
    }
}

/// The way to see a picture that was read, digit by digit: digits that touch and were read in one piece are cut apart.
fn found_as_read(found: &Findings, reading: &Reading) -> Option<Findings> {
    if !reading.has_digits() {
        return Some(found.clone());
    }
    let is_part = |[x, y, width, height]: [u32; 4], [left, top, wide, high]: [u32; 4]| {
        (y, height) == (top, high) && x >= left && x + width <= left + wide
    };
    let count = |digit: &FoundDigit| {
        let places = reading.cells.iter().filter_map(|cell| cell.bounds);
        places.filter(|&place| is_part(place, digit.bounds)).count()
    };
    let as_read = |way: &Findings| {
        let parted = way.parted(count);
        let bounds = parted.lines.iter().flatten().map(|digit| digit.as_ref().map(|digit| digit.bounds));
        let is_read = parted.lines.iter().map(Vec::len).eq(reading.lines.iter().map(String::len))
            && bounds.eq(reading.cells.iter().map(|cell| cell.bounds));
        is_read.then_some(parted)
    };
    as_read(found).or_else(|| found.others().iter().find_map(as_read))
}
