//! Picture in, digits and confidences out.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use mnist2x2_data::{GridShape, Layout, SIDE, normalize};
use mnist2x2_formats::{Adaptation, Weights};
use mnist2x2_model::{Config, LayoutKind, Seq2Seq};
use mnist2x2_picture::{Arrangement, Drawing, ModelInput, Picture};
use mnist2x2_tokenizer::VOCABULARY;

use crate::beam::search;
use crate::decoding::Sequence;
use crate::layout::layout_of;
use crate::{Calibration, Error, Reading, Temperature};

/// How many sequences a reading names beside its answer.
const ALTERNATIVES: usize = 4;

/// A trained model that reads pictures.
///
/// ```no_run
/// use mnist2x2_infer::Recognizer;
///
/// let recognizer = Recognizer::load("runs/mine".as_ref(), &candle_core::Device::Cpu)?;
/// let reading = recognizer.read_file("grid.png".as_ref())?;
/// println!("{} ({:.1} %)", reading.digits, 100.0 * reading.confidence);
/// # Ok::<(), mnist2x2_infer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recognizer {
    model: Seq2Seq,
    digest: String,
    adaptation: Adaptation,
    calibration: Option<Calibration>,
    line: Option<Arc<Recognizer>>,
}

/// What is written down about a model that is shipped: texts of files beside its weights.
#[cfg(feature = "weights")]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Documents {
    /// Its card, in Markdown.
    pub card: &'static str,
    /// A line of JSON for each epoch of its training.
    pub metrics: &'static str,
    /// What `mnist2x2 eval --json` counted.
    pub evaluation: &'static str,
}

impl Recognizer {
    /// A recognizer with these weights, not calibrated: its confidences are the model's own, at temperature 1.
    ///
    /// # Errors
    /// [`Error::Model`] if the model's vocabulary or cells are not those of digits.
    pub fn new(weights: Weights) -> Result<Self, Error> {
        let Weights { parameters, digest, adaptation, .. } = weights;
        let Config { vocabulary, cell, .. } = *parameters.config();
        for (field, found, needed) in [("vocabulary", vocabulary, VOCABULARY), ("cell", cell, SIDE)] {
            if found != needed {
                return Err(Error::Model { field, found, needed });
            }
        }
        let model = Seq2Seq::new(parameters.frozen()?)?;
        Ok(Self { model, digest, adaptation, calibration: None, line: None })
    }

    /// The same with its confidences calibrated; the digits that it reads stay the same.
    #[must_use]
    pub fn with_calibration(self, calibration: Calibration) -> Self {
        Self { calibration: Some(calibration), ..self }
    }

    /// The same with a model of lines at its side: it reads digits that touch, and gives a second opinion on all others.
    #[must_use]
    pub fn with_line(self, line: Self) -> Self {
        Self { line: Some(Arc::new(line)), ..self }
    }

    /// The same with other weights: its calibration and the model of lines at its side stay.
    ///
    /// # Errors
    /// As [`Recognizer::new`].
    pub fn with_weights(&self, weights: Weights) -> Result<Self, Error> {
        Ok(Self { calibration: self.calibration, line: self.line.clone(), ..Self::new(weights)? })
    }

    /// The model that reads pictures of any number of digits: itself, or the one at its side.
    pub(crate) fn line(&self) -> Option<&Self> {
        if self.is_in_cells() { self.line.as_deref() } else { Some(self) }
    }

    /// Whether it reads grids.
    pub(crate) fn is_in_cells(&self) -> bool {
        matches!(self.model.config().arrangement, LayoutKind::Grid | LayoutKind::Sparse)
    }

    /// The model in a folder, a `.safetensors` or a `.pt`; calibrated if it is a folder with a `calibration.json`.
    ///
    /// # Errors
    /// As [`Weights::load`], [`Recognizer::new`] and [`Calibration::load`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, Error> {
        let recognizer = Self::new(Weights::load(path, device)?)?;
        let calibration = if path.is_dir() { Calibration::load(path)? } else { None };
        Ok(Self { calibration, ..recognizer })
    }

    /// The model of grids shipped with this crate, calibrated, with that of lines at its side.
    ///
    /// # Errors
    /// [`Error::Weights`] if the device fails.
    #[cfg(feature = "weights")]
    pub fn built_in(device: &Device) -> Result<Self, Error> {
        Ok(Self::built_in_grid(device)?.with_line(Self::built_in_line(device)?))
    }

    /// The same alone: enough for what is no picture, in less time.
    ///
    /// # Errors
    /// [`Error::Weights`] if the device fails.
    #[cfg(feature = "weights")]
    pub fn built_in_grid(device: &Device) -> Result<Self, Error> {
        let tensors = include_bytes!("../model/model.safetensors");
        let calibration = include_bytes!("../model/calibration.json");
        Self::from_bytes([tensors, calibration], &Config::reference(), device)
    }

    /// The model of lines shipped with this crate, calibrated: 1 to 8 digits in a row, which may touch.
    ///
    /// # Errors
    /// [`Error::Weights`] if the device fails.
    #[cfg(feature = "weights")]
    pub fn built_in_line(device: &Device) -> Result<Self, Error> {
        let tensors = include_bytes!("../line/model.safetensors");
        let calibration = include_bytes!("../line/calibration.json");
        Self::from_bytes([tensors, calibration], &Config::line(), device)
    }

    /// The model in the bytes of its two files: tensors and calibration.
    #[cfg(feature = "weights")]
    fn from_bytes(files: [&[u8]; 2], config: &Config, device: &Device) -> Result<Self, Error> {
        let [tensors, calibration] = files;
        let calibration = Calibration::from_json(calibration, "the built-in calibration.json".as_ref())?;
        Ok(Self::new(Weights::from_safetensors(tensors, config, device)?)?.with_calibration(calibration))
    }

    /// The `run.toml` of the model shipped with this crate.
    #[cfg(feature = "weights")]
    pub const BUILT_IN_RECORD: &str = include_str!("../model/run.toml");
    /// And that of the model of lines.
    #[cfg(feature = "weights")]
    pub const BUILT_IN_LINE_RECORD: &str = include_str!("../line/run.toml");
    /// What else is written down about the model shipped with this crate.
    #[cfg(feature = "weights")]
    pub const BUILT_IN_DOCUMENTS: Documents = Documents {
        card: include_str!("../model/README.md"),
        metrics: include_str!("../model/metrics.jsonl"),
        evaluation: include_str!("../model/evaluation.json"),
    };
    /// And about the model of lines.
    #[cfg(feature = "weights")]
    pub const BUILT_IN_LINE_DOCUMENTS: Documents = Documents {
        card: include_str!("../line/README.md"),
        metrics: include_str!("../line/metrics.jsonl"),
        evaluation: include_str!("../line/evaluation.json"),
    };

    /// The model itself.
    pub fn model(&self) -> &Seq2Seq {
        &self.model
    }

    /// SHA-256 of the weights, in hexadecimal: which model this is.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What was done to read the weights.
    pub fn adaptation(&self) -> &Adaptation {
        &self.adaptation
    }

    /// What makes its confidences match frequencies; `None` if they are the model's own.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// The temperature that it reads at: 1 if it is not calibrated.
    pub fn temperature(&self) -> Temperature {
        self.calibration.map_or(Temperature::ONE, |calibration| calibration.temperature)
    }

    /// Reads the image file at `path`.
    ///
    /// # Errors
    /// As [`Picture::open`] and [`Recognizer::read`].
    pub fn read_file(&self, path: &Path) -> Result<Reading, Error> {
        self.read(&Picture::open(path)?)
    }

    /// Reads an image file of handwriting.
    ///
    /// # Errors
    /// As [`Picture::from_bytes`] and [`Recognizer::read`].
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Reading, Error> {
        self.read(&Picture::from_bytes(bytes)?)
    }

    /// Reads a picture of handwriting, whatever arrangement its digits have.
    ///
    /// # Errors
    /// [`Error::Seq2Seq`] if the device fails, [`Error::NotFinite`] if the model's numbers overflow.
    pub fn read(&self, picture: &Picture) -> Result<Reading, Error> {
        self.read_arranged(picture, Arrangement::Auto)
    }

    /// Reads a picture of handwriting whose digits lie like that.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    pub fn read_arranged(&self, picture: &Picture, arrangement: Arrangement) -> Result<Reading, Error> {
        Ok(self.read_findings(&[self.find(picture, arrangement)])?.swap_remove(0))
    }

    /// Reads a drawing from its strokes.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    pub fn read_drawing(&self, drawing: &Drawing) -> Result<Reading, Error> {
        self.read_input(&ModelInput::from_drawing(drawing, self.shape()))
    }

    /// Reads a grid as it is.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    pub fn read_input(&self, input: &ModelInput) -> Result<Reading, Error> {
        Ok(self.read_batch(std::slice::from_ref(input))?.swap_remove(0))
    }

    /// Reads grids as they are, all at once: quicker than one after the other. The readings are in their order.
    ///
    /// # Errors
    /// As [`Recognizer::read`].
    ///
    /// # Panics
    /// If a grid is not of [`Recognizer::shape`].
    pub fn read_batch(&self, inputs: &[ModelInput]) -> Result<Vec<Reading>, Error> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let arrangement = self.model.config().arrangement;
        if !self.is_in_cells() {
            return Err(Error::Layout { layout: self.layout().to_string() });
        }
        assert!(inputs.iter().all(|input| input.shape() == self.shape()), "grids of the model's shape");
        let empty: Vec<&[bool]> = inputs.iter().map(ModelInput::empty).collect();
        let pixels = inputs.iter().flat_map(ModelInput::normalized).collect();
        // A model that was trained on empty cells writes nothing for them.
        let known: &[&[bool]] = if arrangement.is_grid() { &empty } else { &[] };
        let found = self.search(pixels, inputs.len(), known)?.into_iter().zip(&empty);
        Ok(found
            .map(|((answer, others), empty)| match arrangement {
                LayoutKind::Grid => Reading::of(&answer, &others, empty),
                _ => Reading::of_sparse(&answer, &others, empty),
            })
            .collect())
    }

    /// Reads pictures that are as the model takes them, all at once: gray values, 0 paper to 255 ink, row by row, of
    /// [`Recognizer::shape`]'s height and width. What a picture shows is laid out as [`Recognizer::layout`] says; a reading has
    /// one cell for each digit that was read, in reading order, and none for empty cells of a grid.
    ///
    /// # Errors
    /// [`Error::Canvas`] if a picture has another number of pixels, and as [`Recognizer::read`].
    pub fn read_canvases(&self, canvases: &[&[u8]]) -> Result<Vec<Reading>, Error> {
        let (height, width) = (self.shape().height(), self.shape().width());
        if let Some(canvas) = canvases.iter().find(|canvas| canvas.len() != height * width) {
            return Err(Error::Canvas { found: canvas.len(), height, width });
        }
        if canvases.is_empty() {
            return Ok(Vec::new());
        }
        let pixels = canvases.iter().flat_map(|canvas| canvas.iter().map(|&gray| normalize(gray))).collect();
        let found = self.search(pixels, canvases.len(), &[])?.into_iter();
        Ok(found.map(|(answer, others)| Reading::of_sequence(&answer, &others)).collect())
    }

    /// Reads one picture that is as the model takes it; see [`Recognizer::read_canvases`].
    ///
    /// # Errors
    /// As [`Recognizer::read_canvases`].
    pub fn read_canvas(&self, canvas: &[u8]) -> Result<Reading, Error> {
        Ok(self.read_canvases(&[canvas])?.swap_remove(0))
    }

    /// The greedy sequence of each of `count` pictures of normalized pixels, and the likeliest others.
    fn search(
        &self,
        pixels: Vec<f32>,
        count: usize,
        empty: &[&[bool]],
    ) -> Result<Vec<(Sequence, Vec<Sequence>)>, Error> {
        let (height, width) = (self.shape().height(), self.shape().width());
        let device = self.model.parameters().device();
        let images = Tensor::from_vec(pixels, (count, height, width), device)?; // (B, height, width)
        let memory = self.model.encode(&images)?; // (B, N, D)
        let beams = search(&self.model, &memory, empty, ALTERNATIVES + 1, self.temperature())?;
        let split = beams.into_iter().map(|beam| {
            let (answer, others): (Vec<_>, Vec<_>) = beam.into_iter().partition(|found| found.is_greedy);
            let others = others.into_iter().take(ALTERNATIVES).map(|found| found.sequence).collect();
            answer.into_iter().next().map(|answer| (answer.sequence, others)).ok_or(Error::NotFinite)
        });
        split.collect()
    }

    /// How the digits lie in the pictures that it reads.
    pub fn layout(&self) -> Layout {
        layout_of(self.model.config())
    }

    /// Rows and columns of the digits that it reads; of a layout without cells, the size of its pictures in cells of 28 pixels.
    pub fn shape(&self) -> GridShape {
        let config = self.model.config();
        GridShape { rows: config.image_height() / SIDE, cols: config.image_width() / SIDE }
    }
}
