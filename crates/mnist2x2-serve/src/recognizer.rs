//! [`RecognizerReader`]: the trained model as a [`Reader`].

use mnist2x2_infer::Recognizer;
use mnist2x2_infer::api::{Answer, Found, ModelInfo};
use rayon::prelude::*;

use crate::{Content, Error, Input, Reader};

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
        let info = ModelInfo::of(&recognizer, source);
        Self { recognizer, info }
    }

    /// What is to be read of an input.
    fn found(&self, input: &Input) -> Result<Found, Error> {
        let found = match &input.content {
            Content::Picture(file) => Found::in_picture(&self.recognizer, file, input.options.layout),
            Content::Drawing(drawing) => Found::in_drawing(&self.recognizer, drawing),
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
            found
                .answer(&self.recognizer, reading, input.options)
                .map_err(|error| Error::Model(error.to_string()))
        });
        answers.collect()
    }
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
    use mnist2x2_infer::api::{Drawing, ReadOptions};
    use mnist2x2_model::{Config, Device, Parameters};
    use mnist2x2_picture::Arrangement;

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
        let options = ReadOptions::all(Arrangement::Auto);
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
