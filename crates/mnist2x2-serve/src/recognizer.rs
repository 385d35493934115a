//! [`RecognizerReader`]: the trained model as a [`Reader`].

use mnist2x2_infer::{Reading, Recognizer, cross_attention};
use mnist2x2_picture::{self as picture, Findings, FoundDigit, ModelInput, Picture};
use rayon::prelude::*;

use crate::{Answer, Content, Drawing, Error, Input, InputImage, ModelInfo, ReadOptions, Reader};

/// Inputs that one thread reads at a time. The model reads several with less work than one by one, but the
/// keys and values of many outgrow the processor's second cache: with 16 it takes 1.3 times as long for each as with 4.
const CHUNK: usize = 4;

/// A trained model behind the server.
#[derive(Debug)]
pub struct RecognizerReader {
    recognizer: Recognizer,
    info: ModelInfo,
}

impl RecognizerReader {
    /// `recognizer`, which people are told comes from `source`.
    pub fn new(recognizer: Recognizer, source: &str) -> Self {
        let shape = recognizer.shape();
        let info = ModelInfo {
            digest: recognizer.digest().into(),
            source: source.into(),
            parameters: recognizer.model().parameters().count(),
            rows: shape.rows,
            cols: shape.cols,
            calibrated: recognizer.calibration().is_some(),
        };
        Self { recognizer, info }
    }

    /// What is to be read of an input.
    fn found(&self, input: &Input) -> Result<Found, Error> {
        let shape = self.recognizer.shape();
        let found = match &input.content {
            Content::Picture(bytes) => Picture::from_bytes(bytes)
                .map(|picture| Found::Picture(self.recognizer.find(&picture, input.options.layout))),
            Content::Drawing(Drawing { cells, width, height }) => {
                let drawing = picture::Drawing::from_cells(cells, *width, *height, shape);
                drawing.map(|drawing| Found::Drawing(ModelInput::from_drawing(&drawing, shape)))
            }
        };
        found.map_err(|error| Error::Input(error.to_string()))
    }

    /// An answer or an error for each input, in which this was found.
    fn read_chunk(&self, chunk: &[Input], found: Vec<Result<Found, Error>>) -> Vec<Result<Answer, Error>> {
        let (mut findings, mut drawings) = (Vec::new(), Vec::new());
        for found in found.iter().flatten() {
            match found {
                Found::Picture(found) => findings.push(found.clone()),
                Found::Drawing(input) => drawings.push(input.clone()),
            }
        }
        let mut of_pictures = self.recognizer.read_findings(&findings).map(Vec::into_iter);
        let mut of_drawings = self.recognizer.read_batch(&drawings).map(Vec::into_iter);
        let answers = found.into_iter().zip(chunk).map(|(found, input)| {
            let found = found?;
            let readings =
                if matches!(found, Found::Picture(_)) { &mut of_pictures } else { &mut of_drawings };
            let reading = readings.as_mut().map_err(|error| Error::Model(error.to_string()))?.next();
            let reading = reading.ok_or_else(|| Error::Model("gave too few readings".into()))?;
            self.answer(reading, &found, input.options)
        });
        answers.collect()
    }

    /// The reading with what else is wanted.
    fn answer(&self, reading: Reading, found: &Found, options: ReadOptions) -> Result<Answer, Error> {
        let mut answer = Answer::from(reading);
        if !options.image && !options.attention {
            return Ok(answer);
        }
        let (input, whole) = match found {
            Found::Drawing(input) => (Some(input.clone()), true),
            Found::Picture(found) => match found_as_read(found, &answer.reading) {
                Some(found) => (found.lined_up(), found.shape() == Some(self.recognizer.shape())),
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
            let attention = cross_attention(self.recognizer.model(), &input.normalized());
            answer.attention = Some(attention.map_err(|error| Error::Model(error.to_string()))?);
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

/// What is to be read of an input.
enum Found {
    Picture(Findings),
    Drawing(ModelInput),
}

impl Reader for RecognizerReader {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>> {
        // Looking at a picture takes longer than reading it, so each has a thread of its own.
        let found: Vec<_> = batch.par_iter().map(|input| self.found(input)).collect();
        let chunks = batch.par_chunks(CHUNK).zip(found.into_par_iter().chunks(CHUNK));
        chunks.flat_map_iter(|(chunk, found)| self.read_chunk(chunk, found)).collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use mnist2x2_formats::Weights;
    use mnist2x2_infer::Recognizer;
    use mnist2x2_model::{Config, Device, Parameters};

    use super::*;

    fn reader() -> RecognizerReader {
        let config = Config { encoder_layers: 1, ..Config::tiny() };
        let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
        RecognizerReader::new(Recognizer::new(Weights::new(parameters, "d")).unwrap(), "a test")
    }

    /// A line in the middle cell of three.
    fn drawing() -> Drawing {
        Drawing { cells: vec![vec![], vec![vec![[2.0, 1.0], [2.5, 9.0]]], vec![]], width: 5.0, height: 10.0 }
    }

    #[test]
    fn each_input_gets_its_own_answer_or_error() {
        let options = ReadOptions { image: true, attention: true, ..ReadOptions::default() };
        let two_cells = Drawing { cells: vec![vec![]; 2], ..drawing() };
        let batch = [
            (Content::Picture(Bytes::from_static(b"no picture")), ReadOptions::default()),
            (Content::Drawing(drawing()), options),
            (Content::Drawing(two_cells), options),
            (Content::Drawing(drawing()), ReadOptions::default()),
        ]
        .map(|(content, options)| Input { content, options });
        let answers = reader().read(&batch);
        assert!(matches!(&answers[0], Err(Error::Input(why)) if why.contains("PNG, JPEG")), "{answers:?}");
        assert!(matches!(&answers[2], Err(Error::Input(why)) if why.contains("3 are needed")), "{answers:?}");
        let (full, bare) = (answers[1].as_ref().unwrap(), answers[3].as_ref().unwrap());
        assert_eq!(full.reading, bare.reading);
        assert!(bare.image.is_none() && bare.attention.is_none());
        let digits: Vec<Option<u8>> = full.reading.cells.iter().map(|cell| cell.digit).collect();
        assert!(digits[0].is_none() && digits[2].is_none(), "empty cells stay empty: {digits:?}");
        let seen = full.image.as_ref().unwrap();
        assert_eq!((seen.width, seen.height), (84, 28));
        let inked = |x: usize| (0..28).any(|y| seen.pixels[y * 84 + x] > 0);
        assert!((0..84).all(|x| !inked(x) || (28..56).contains(&x)), "ink outside the middle cell");
        assert!(inked(42) || inked(41) || inked(43));
        let attention = full.attention.as_ref().unwrap();
        assert!(attention.iter().all(|row| row.len() == 14 && (row.iter().sum::<f32>() - 1.0).abs() < 1e-4));
    }
}
