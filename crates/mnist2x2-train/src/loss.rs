//! The loss: cross-entropy against certain, smoothed or distilled targets.

use candle_core::{D, Tensor};
use candle_nn::ops::softmax;
use mnist2x2_data::Batch;
use mnist2x2_infer::layout_of;
use mnist2x2_model::transformer::cross_entropy;
use mnist2x2_model::{Config, Gradients, Seq2Seq};
use mnist2x2_tokenizer::{FINISH, PAD, START};

use crate::batch::{image_tensor, token_tensors};
use crate::{Error, Recipe};

/// Mean cross-entropy over all digits and ends of all sequences, with teacher forcing, given the images (B, height, width) and
/// what they are encoded as (B, N, D). What fills sequences up counts nothing.
pub(crate) fn memory_loss(
    model: &Seq2Seq,
    batch: &Batch,
    images: &Tensor,
    memory: &Tensor,
    targets: &Targets,
) -> Result<Tensor, Error> {
    let (tokens, labels) = token_tensors(batch, images.device())?;
    match targets.of(images, &tokens, &labels, model.config().vocabulary)? {
        Distributions::Mixed(mixed) => Ok(model.decoder_loss(&tokens, &mixed, memory)?),
        Distributions::Apart(apart) => apart.loss(&model.decode(&tokens, memory)?),
    }
}

/// The loss of a batch and its gradient.
pub(crate) fn differentiate(
    model: &Seq2Seq,
    batch: &Batch,
    targets: &Targets,
) -> Result<(f32, Gradients), Error> {
    let images = image_tensor(batch, 0..batch.len, model.parameters().device())?;
    let (tokens, labels) = token_tensors(batch, images.device())?;
    match targets.of(&images, &tokens, &labels, model.config().vocabulary)? {
        Distributions::Mixed(mixed) => Ok(model.differentiate(&images, &tokens, &mixed)?),
        Distributions::Apart(apart) => {
            let loss = apart.loss(&model.forward(&images, &tokens)?)?;
            Ok((loss.to_scalar()?, model.parameters().gradients(&loss)?))
        }
    }
}

/// What the loss of a batch is taken against, (B, T, V) each.
enum Distributions {
    /// One for each token, into which labels and teachers are mixed.
    Mixed(Tensor),
    /// Labels and teachers apart, where a temperature divides the logits for the teachers alone.
    Apart(Apart),
}

/// The right tokens, and what teachers say at a temperature.
struct Apart {
    right: Tensor,
    taught: Tensor,
    weight: f64,
    temperature: f64,
}

impl Apart {
    /// The loss of logits (B, T, V).
    fn loss(&self, logits: &Tensor) -> Result<Tensor, Error> {
        let Self { right, taught, weight, temperature } = self;
        let (hard, soft) = (cross_entropy(logits, right)?, cross_entropy(&(logits / *temperature)?, taught)?);
        // Gradients of the second shrink with the square of the temperature.
        Ok(((hard * (1.0 - weight))? + (soft * (weight * temperature * temperature))?)?)
    }
}

/// The distributions over tokens that the loss is taken against.
#[derive(Debug)]
pub(crate) struct Targets {
    label_smoothing: f64,
    distillation: Option<Distillation>,
}

/// The teachers, whose mean probabilities have a weight in each target.
#[derive(Debug)]
struct Distillation {
    teachers: Vec<Seq2Seq>,
    weight: f64,
    temperature: f64,
    /// See [`Targets::checked_by_labels`].
    is_checked: bool,
}

impl Distillation {
    /// The mean of the teachers' probabilities at the temperature. A teacher of single digits reads each cell of a full grid by
    /// itself.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32 -> (B, T, V)
    fn probabilities(&self, images: &Tensor, tokens: &Tensor) -> Result<Tensor, Error> {
        let mut sum = None;
        for teacher in &self.teachers {
            let reads_cells =
                images.dims()[1..] != [teacher.config().image_height(), teacher.config().image_width()];
            let logits =
                if reads_cells { read_cells(teacher, images)? } else { teacher.forward(images, tokens)? };
            let probabilities = softmax(&(logits / self.temperature)?, D::Minus1)?;
            sum = Some(match sum {
                None => probabilities,
                Some(sum) => (sum + probabilities)?,
            });
        }
        let sum = sum.expect("there is a teacher wherever there is distillation");
        Ok((sum / self.teachers.len() as f64)?)
    }
}

/// Refuses a teacher that reads neither what the student reads nor, in a full grid, a cell of it.
pub(crate) fn check_layout_of_teacher(student: &Config, teacher: &Config) -> Result<(), Error> {
    let pictures =
        |config: &Config| (layout_of(config).to_string(), config.arrangement, config.cell, config.vocabulary);
    let of_a_cell = Config { rows: 1, cols: 1, ..student.clone() };
    if pictures(teacher) == pictures(student)
        || student.arrangement.is_grid() && pictures(teacher) == pictures(&of_a_cell)
    {
        return Ok(());
    }
    let problem = format!(
        "reads {}, but the model that it is to teach reads {}; a teacher reads the same, or, for full grids, 1x1",
        layout_of(teacher),
        layout_of(student)
    );
    Err(Error::setting("teacher", problem))
}

/// Logits by a model of single digits for each cell of full grids, row by row, and then for their end, of which it is certain.
///
/// # Shapes
/// `images` (B, height, width) -> (B, cells + 1, V)
fn read_cells(model: &Seq2Seq, images: &Tensor) -> Result<Tensor, Error> {
    let Config { cell, vocabulary, .. } = *model.config();
    let (batch, height, width) = images.dims3()?;
    let [rows, cols] = [height / cell, width / cell];
    let cells = images.reshape((batch, rows, cell, cols, cell))?.transpose(2, 3)?; // (B, rows, cols, cell, cell)
    let cells = cells.reshape((batch * rows * cols, cell, cell))?;
    let start = Tensor::full(START, (batch * rows * cols, 1), images.device())?;
    let digits = model.forward(&cells, &start)?.reshape((batch, rows * cols, vocabulary))?;
    let end =
        (0..vocabulary as u32).map(|token| if token == FINISH { 0.0 } else { f32::NEG_INFINITY }).collect();
    let end =
        Tensor::from_vec(end, (1, 1, vocabulary), images.device())?.broadcast_as((batch, 1, vocabulary))?;
    Ok(Tensor::cat(&[digits, end], 1)?)
}

impl Targets {
    /// The right token and nothing else.
    pub(crate) fn certain() -> Self {
        Self::smoothed(0.0)
    }

    /// The right token with all but `label_smoothing` of the probability, which is spread over all tokens.
    pub(crate) fn smoothed(label_smoothing: f64) -> Self {
        Self { label_smoothing, distillation: None }
    }

    /// Those of `recipe`; `teachers` are needed if it distills.
    pub(crate) fn new(recipe: &Recipe, teachers: &[Seq2Seq]) -> Result<Self, Error> {
        let teachers = teachers.iter().map(Seq2Seq::frozen).collect::<Result<Vec<_>, _>>()?;
        let (weight, temperature) = (recipe.distillation_weight, recipe.distillation_temperature);
        let distillation = (!teachers.is_empty()).then_some(Distillation {
            teachers,
            weight,
            temperature,
            is_checked: false,
        });
        let targets = Self { label_smoothing: recipe.label_smoothing, distillation };
        targets.check_distillation(recipe)?;
        Ok(targets)
    }

    /// The same, but teachers count as far as they are right: they teach p * taught + (1 - p) * label, where p is the probability
    /// that they give the label.
    pub(crate) fn checked_by_labels(mut self) -> Self {
        self.distillation.iter_mut().for_each(|distillation| distillation.is_checked = true);
        self
    }

    /// Refuses a recipe that distills without a teacher, and a teacher of a recipe that does not distill.
    pub(crate) fn check_distillation(&self, recipe: &Recipe) -> Result<(), Error> {
        let problem = match (self.distillation.is_some(), recipe.distillation_weight > 0.0) {
            (false, true) => "is above 0, but there is no teacher; call `Trainer::with_teachers`",
            (true, false) => "is 0, but there is a teacher",
            _ => return Ok(()),
        };
        Err(Error::setting("distillation_weight", problem))
    }

    /// What the loss is taken against.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` and `labels` (B, T) of u32
    fn of(
        &self,
        images: &Tensor,
        tokens: &Tensor,
        labels: &Tensor,
        vocabulary: usize,
    ) -> Result<Distributions, Error> {
        let right = self.right(labels, vocabulary)?;
        let Some(distillation) = &self.distillation else { return Ok(Distributions::Mixed(right)) };
        let Distillation { weight, temperature, is_checked, .. } = *distillation;
        // Where a sequence has ended there is nothing to teach.
        let is_token =
            of_tokens(labels, vocabulary, 1, |token, _| f32::from(u8::from(token != PAD as usize)))?;
        let mut taught = distillation.probabilities(images, tokens)?.broadcast_mul(&is_token)?;
        if is_checked {
            let certain = Self::certain().right(labels, vocabulary)?;
            let belief = (&taught * &certain)?.sum_keepdim(D::Minus1)?; // p: (B, T, 1)
            let doubt = belief.affine(-1.0, 1.0)?;
            taught = (taught.broadcast_mul(&belief)? + certain.broadcast_mul(&doubt)?)?;
        }
        if (temperature - 1.0).abs() == 0.0 {
            return Ok(Distributions::Mixed(((right * (1.0 - weight))? + (taught * weight)?)?));
        }
        Ok(Distributions::Apart(Apart { right, taught, weight, temperature }))
    }

    /// The distributions without teachers: each right token has all but the smoothing, which is spread over all. What fills
    /// up a sequence has none: its row is all zeros.
    ///
    /// # Shapes
    /// `labels` (B, T) of u32 -> (B, T, V)
    fn right(&self, labels: &Tensor, vocabulary: usize) -> Result<Tensor, Error> {
        let [certain, spread] =
            [1.0 - self.label_smoothing, self.label_smoothing / vocabulary as f64].map(|share| share as f32);
        of_tokens(labels, vocabulary, vocabulary, |right, token| {
            if right == PAD as usize { 0.0 } else { f32::from(u8::from(token == right)) * certain + spread }
        })
    }
}

/// What `row` says of each token, `width` numbers, looked up in a table of them: a lookup is all that it asks of candle, of which
/// each operation is code in the page without a server.
///
/// # Shapes
/// `tokens` (B, T) of u32 -> (B, T, width)
fn of_tokens(
    tokens: &Tensor,
    vocabulary: usize,
    width: usize,
    row: impl Fn(usize, usize) -> f32,
) -> Result<Tensor, Error> {
    let (batch, length) = tokens.dims2()?;
    let table = (0..vocabulary * width).map(|at| row(at / width, at % width)).collect();
    let table = Tensor::from_vec(table, (vocabulary, width), tokens.device())?;
    Ok(table.embedding(&tokens.flatten_all()?)?.reshape((batch, length, width))?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::{GridShape, GridSource, Layout, Loader, synthetic};
    use mnist2x2_model::{Config, LayoutKind, Parameters};

    use super::*;
    use crate::batch::token_count;

    /// Two grids of 1 x 3 digits.
    fn batch() -> Batch {
        let (digits, shape) = (synthetic::digits(Split::Train, 30, 0), GridShape { rows: 1, cols: 3 });
        let loader = Loader::new(digits.into(), GridSource::Fresh { grids: 2 }, shape, 2, 0).unwrap();
        loader.epoch(0).batch(0)
    }

    fn batch_loss(model: &Seq2Seq, batch: &Batch, targets: &Targets) -> Result<Tensor, Error> {
        let images = image_tensor(batch, 0..batch.len, &Device::Cpu)?;
        memory_loss(model, batch, &images, &model.encode(&images)?, targets)
    }

    fn model(seed: u64) -> Seq2Seq {
        Seq2Seq::new(Parameters::init(&Config::tiny(), seed, &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn smoothed_targets_are_distributions_with_the_right_token_on_top() {
        let recipe = Recipe { label_smoothing: 0.13, ..Recipe::reference() };
        let (_, labels) = token_tensors(&batch(), &Device::Cpu).unwrap();
        let found = Targets::new(&recipe, &[]).unwrap().right(&labels, 13).unwrap();
        let found = found.to_vec3::<f32>().unwrap();
        for (sequence, labels) in found.iter().zip(labels.to_vec2::<u32>().unwrap()) {
            for (distribution, right) in sequence.iter().zip(labels) {
                for (token, share) in (0..).zip(distribution) {
                    let expected = if token == right { 0.88 } else { 0.01 };
                    assert!((share - expected).abs() < 1e-6, "{token} of {right}: {share}");
                }
            }
        }
    }

    /// The logits of `model` for [`batch`], in f64.
    fn logits(model: &Seq2Seq) -> Vec<Vec<f64>> {
        let (tokens, _) = token_tensors(&batch(), &Device::Cpu).unwrap();
        let images = image_tensor(&batch(), 0..2, &Device::Cpu).unwrap();
        let logits = model.forward(&images, &tokens).unwrap().flatten_to(1).unwrap();
        logits.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
    }

    fn log_probabilities(logits: &[f64], temperature: f64) -> Vec<f64> {
        let sum: f64 = logits.iter().map(|logit| (logit / temperature).exp()).sum();
        logits.iter().map(|logit| logit / temperature - sum.ln()).collect()
    }

    /// (1 - w) times the cross-entropy with the right tokens, and w T^2 times that of the student at T with the mean of the
    /// teachers at T (G. Hinton, O. Vinyals and J. Dean, 2015, section 2).
    #[test]
    fn the_temperature_divides_both_sides_and_its_square_makes_up_for_it() {
        let (student, teachers) = (model(3), [model(4), model(5)]);
        let (_, labels) = token_tensors(&batch(), &Device::Cpu).unwrap();
        let labels = labels.flatten_all().unwrap().to_vec1::<u32>().unwrap();
        let opinions = teachers.each_ref().map(logits);
        for (weight, temperature) in [(0.25, 2.5), (0.25, 1.0), (0.75, 0.5)] {
            let row = |(place, logits): (usize, Vec<f64>)| {
                let (hard, soft) = (log_probabilities(&logits, 1.0), log_probabilities(&logits, temperature));
                let taught = opinions.each_ref().map(|of| log_probabilities(&of[place], temperature));
                let opinion = |v: usize| f64::midpoint(taught[0][v].exp(), taught[1][v].exp());
                let cross: f64 = (0..13).map(|v| opinion(v) * soft[v]).sum();
                let squared = temperature * temperature;
                -(1.0 - weight) * hard[labels[place] as usize] - weight * squared * cross
            };
            let expected = logits(&student).into_iter().enumerate().map(row).sum::<f64>() / 8.0;
            let recipe = Recipe {
                distillation_weight: weight,
                distillation_temperature: temperature,
                ..Recipe::reference()
            };
            let targets = Targets::new(&recipe, &teachers).unwrap();
            let loss = batch_loss(&student, &batch(), &targets).unwrap();
            let found = f64::from(loss.to_scalar::<f32>().unwrap());
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}, at {temperature}");
            let flat = student.parameters().gradient(&loss).unwrap();
            assert!(flat.iter().any(|&g| g != 0.0) && flat.iter().all(|g| g.is_finite()));
        }
    }

    /// What is taught has the weight that the teacher gives the right token, and the label has the rest.
    #[test]
    fn a_label_overrules_a_teacher_as_far_as_it_does_not_know_it() {
        let recipe = Recipe { distillation_weight: 0.75, ..Recipe::reference() };
        let (tokens, labels) = token_tensors(&batch(), &Device::Cpu).unwrap();
        let images = image_tensor(&batch(), 0..2, &Device::Cpu).unwrap();
        let targets = Targets::new(&recipe, &[model(4)]).unwrap().checked_by_labels();
        let Distributions::Mixed(found) = targets.of(&images, &tokens, &labels, 13).unwrap() else {
            panic!("a temperature of 1 needs one distribution")
        };
        let found = found.flatten_to(1).unwrap().to_vec2::<f32>().unwrap();
        let labels = labels.flatten_all().unwrap().to_vec1::<u32>().unwrap();
        for ((found, label), logits) in found.iter().zip(labels).zip(logits(&model(4))) {
            let taught: Vec<f64> = log_probabilities(&logits, 1.0).into_iter().map(f64::exp).collect();
            let belief = taught[label as usize];
            for (token, share) in (0..).zip(found) {
                let certain = f64::from(u8::from(token == label));
                let taught = belief * taught[token as usize] + (1.0 - belief) * certain;
                let expected = 0.25 * certain + 0.75 * taught;
                assert!((f64::from(*share) - expected).abs() < 1e-6, "{token}: {share}, not {expected}");
            }
        }
    }

    /// Pictures of 0 to 3 digits, and of each one alone: the same loss and gradient as their mean over tokens.
    #[test]
    fn what_fills_up_a_sequence_counts_nothing() {
        let digits = synthetic::digits(Split::Train, 30, 0).into();
        let layout = Layout::from(GridShape { rows: 1, cols: 3 }).with_blanks(0.5).unwrap();
        let loader = Loader::new(digits, GridSource::Fresh { grids: 6 }, layout, 6, 0).unwrap();
        let (epoch, parameters) =
            (loader.epoch(0), Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap());
        let batch = epoch.batch(0);
        assert!(batch.lengths.iter().any(|&length| length != batch.lengths[0]), "{:?}", batch.lengths);
        let distills = Recipe { distillation_weight: 0.5, label_smoothing: 0.1, ..Recipe::reference() };
        let warm = Recipe { distillation_temperature: 2.0, ..distills.clone() };
        let all_targets = [
            Targets::certain(),
            Targets::smoothed(0.1),
            Targets::new(&distills, &[model(4)]).unwrap(),
            Targets::new(&warm, &[model(4)]).unwrap(),
            Targets::new(&distills, &[model(4)]).unwrap().checked_by_labels(),
            Targets::new(&warm, &[model(4)]).unwrap().checked_by_labels(),
        ];
        for model in [Seq2Seq::new(parameters.clone()).unwrap(), Seq2Seq::plain(parameters).unwrap()] {
            for targets in &all_targets {
                let evaluate = |batch: &Batch| {
                    let loss = batch_loss(&model, batch, targets).unwrap();
                    let loss = (loss.to_scalar().unwrap(), model.parameters().gradient(&loss).unwrap());
                    let (value, gradients) = differentiate(&model, batch, targets).unwrap();
                    let found = (value, model.parameters().flat_gradient(&gradients).unwrap());
                    assert_eq!(found, loss, "the way back along a tape, or through candle's graph");
                    loss
                };
                let (loss, gradient) = evaluate(&batch);
                let total = token_count(&batch) as f32;
                let (mut mean, mut sum) = (0.0, vec![0.0; gradient.len()]);
                for one in (0..6).map(|place| epoch.part(0, place..place + 1)) {
                    let (share, (alone, slope)) = (token_count(&one) as f32 / total, evaluate(&one));
                    mean += share * alone;
                    sum.iter_mut().zip(slope).for_each(|(sum, slope)| *sum += share * slope);
                }
                assert!((loss - mean).abs() < 1e-5, "{loss}, not {mean}: {targets:?}");
                let worst = gradient.iter().zip(&sum).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "a gradient is off by {worst}");
            }
        }
    }

    /// Each cell of a grid by itself: what the student's targets are is what the teacher says of pictures of that cell alone.
    #[test]
    fn a_reader_of_single_digits_teaches_each_cell_of_a_full_grid() {
        let one = Config { rows: 1, cols: 1, patch_width: 14, ..Config::tiny() };
        let teacher = Seq2Seq::new(Parameters::init(&one, 5, &Device::Cpu).unwrap()).unwrap();
        let shape = GridShape { rows: 2, cols: 3 };
        let digits = synthetic::digits(Split::Train, 30, 0).into();
        let loader = Loader::new(digits, GridSource::Fresh { grids: 2 }, shape, 2, 0).unwrap();
        let batch = loader.epoch(0).batch(0);
        let images = image_tensor(&batch, 0..2, &Device::Cpu).unwrap();
        let (tokens, labels) = token_tensors(&batch, &Device::Cpu).unwrap();
        let recipe = Recipe { distillation_weight: 1.0, ..Recipe::reference() };
        let targets = Targets::new(&recipe, std::slice::from_ref(&teacher)).unwrap();
        let Distributions::Mixed(found) = targets.of(&images, &tokens, &labels, 13).unwrap() else {
            panic!("a temperature of 1 needs one distribution")
        };
        let found = found.to_vec3::<f32>().unwrap();
        for (grid, found) in found.iter().enumerate() {
            for (cell, found) in found[..6].iter().enumerate() {
                let cut = images.narrow(0, grid, 1).unwrap().narrow(1, cell / 3 * 28, 28).unwrap();
                let cut = cut.narrow(2, cell % 3 * 28, 28).unwrap();
                let start = Tensor::new(&[[START]], &Device::Cpu).unwrap();
                let expected = softmax(&teacher.forward(&cut, &start).unwrap(), D::Minus1).unwrap();
                let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-6, "grid {grid}, cell {cell}: off by {worst}");
            }
            let end: Vec<u32> = found[6].iter().map(|share| share.to_bits()).collect();
            assert_eq!(
                end,
                (0..13).map(|token| if token == FINISH { 1.0_f32.to_bits() } else { 0 }).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_teacher_reads_what_its_student_reads_or_a_cell_of_it() {
        let tiny = Config::tiny();
        let one = Config { rows: 1, cols: 1, ..tiny.clone() };
        let wider = Config { width: 48, ..tiny.clone() };
        for teacher in [&tiny, &one, &wider] {
            check_layout_of_teacher(&tiny, teacher).unwrap();
        }
        let line = Config { arrangement: LayoutKind::Line, ..tiny.clone() };
        let higher = Config { rows: 2, ..tiny.clone() };
        for (student, teacher) in
            [(&tiny, &line), (&line, &one), (&line, &tiny), (&one, &tiny), (&tiny, &higher)]
        {
            let message = check_layout_of_teacher(student, teacher).unwrap_err().to_string();
            assert!(message.contains("`teacher` reads "), "{message}");
        }
    }

    #[test]
    fn a_teacher_without_a_share_or_a_share_without_a_teacher_is_refused() {
        let distills = Recipe { distillation_weight: 0.5, ..Recipe::reference() };
        for (recipe, teachers) in [(distills, vec![]), (Recipe::reference(), vec![model(4)])] {
            let message = Targets::new(&recipe, &teachers).unwrap_err().to_string();
            assert!(message.contains("`distillation_weight`"), "{message}");
        }
    }
}
