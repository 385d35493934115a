//! The loss: cross-entropy against certain, smoothed or distilled targets.

use candle_core::{D, DType, Tensor};
use candle_nn::ops::softmax;
use mnist2x2_data::Batch;
use mnist2x2_model::Seq2Seq;

use crate::batch::{image_tensor, token_tensors};
use crate::{Error, Recipe};

/// Mean cross-entropy over all positions of all sequences, with teacher forcing.
pub(crate) fn batch_loss(model: &Seq2Seq, batch: &Batch, targets: &Targets) -> Result<Tensor, Error> {
    let images = image_tensor(batch, 0..batch.len, model.parameters().device())?;
    memory_loss(model, batch, &images, &model.encode(&images)?, targets)
}

/// The same, given the images (B, height, width) and what they are encoded as (B, N, D).
pub(crate) fn memory_loss(
    model: &Seq2Seq,
    batch: &Batch,
    images: &Tensor,
    memory: &Tensor,
    targets: &Targets,
) -> Result<Tensor, Error> {
    let (tokens, labels) = token_tensors(batch, images.device())?;
    let targets = targets.of(images, &tokens, &labels, model.config().vocabulary)?;
    Ok(model.decoder_loss(&tokens, &targets, memory)?)
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
}

impl Distillation {
    /// The mean of the teachers' probabilities.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32 -> (B, T, V)
    fn probabilities(&self, images: &Tensor, tokens: &Tensor) -> Result<Tensor, Error> {
        let mut sum = None;
        for teacher in &self.teachers {
            let logits = (teacher.forward(images, tokens)? / self.temperature)?;
            let probabilities = softmax(&logits, D::Minus1)?;
            sum = Some(match sum {
                None => probabilities,
                Some(sum) => (sum + probabilities)?,
            });
        }
        let sum = sum.expect("there is a teacher wherever there is distillation");
        Ok((sum / self.teachers.len() as f64)?)
    }
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
        let distillation = (!teachers.is_empty()).then_some(Distillation { teachers, weight, temperature });
        let targets = Self { label_smoothing: recipe.label_smoothing, distillation };
        targets.check_teachers(recipe)?;
        Ok(targets)
    }

    /// Refuses a recipe that distills without a teacher, and a teacher of a recipe that does not distill.
    pub(crate) fn check_teachers(&self, recipe: &Recipe) -> Result<(), Error> {
        let problem = match (self.distillation.is_some(), recipe.distillation_weight > 0.0) {
            (false, true) => "is above 0, but there is no teacher; call `Trainer::with_teachers`",
            (true, false) => "is 0, but there is a teacher",
            _ => return Ok(()),
        };
        Err(Error::setting("distillation_weight", problem))
    }

    /// The targets of grids whose right tokens are `labels`.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` and `labels` (B, T) of u32 -> (B, T, V)
    pub(crate) fn of(
        &self,
        images: &Tensor,
        tokens: &Tensor,
        labels: &Tensor,
        vocabulary: usize,
    ) -> Result<Tensor, Error> {
        let (smoothing, (batch, length)) = (self.label_smoothing, labels.dims2()?);
        let certain = Tensor::eye(vocabulary, DType::F32, labels.device())?; // (V, V)
        let smoothed = certain.affine(1.0 - smoothing, smoothing / vocabulary as f64)?;
        let right = smoothed.embedding(&labels.flatten_all()?)?.reshape((batch, length, vocabulary))?; // (B, T, V)
        let Some(distillation) = &self.distillation else { return Ok(right) };
        let (weight, taught) = (distillation.weight, distillation.probabilities(images, tokens)?);
        Ok(((right * (1.0 - weight))? + (taught * weight)?)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use mnist2x2_model::{Config, Parameters};

    use super::*;

    fn images(batch: usize) -> Tensor {
        let config = Config::tiny();
        let count = batch * config.image_height() * config.image_width();
        let pixels: Vec<f32> = (0..count).map(|i| (i % 7) as f32 / 3.0 - 1.0).collect();
        let size = (batch, config.image_height(), config.image_width());
        Tensor::from_vec(pixels, size, &Device::Cpu).unwrap()
    }

    /// Two sequences of four tokens: what the decoder is given, and what is right.
    fn tokens() -> (Tensor, Tensor) {
        let tensor = |ids: [[u32; 4]; 2]| Tensor::new(&ids, &Device::Cpu).unwrap();
        (tensor([[10, 3, 7, 1], [10, 0, 0, 9]]), tensor([[3, 7, 1, 11], [0, 0, 9, 11]]))
    }

    fn targets(targets: &Targets) -> Vec<Vec<Vec<f32>>> {
        let (tokens, labels) = tokens();
        targets.of(&images(2), &tokens, &labels, 13).unwrap().to_vec3().unwrap()
    }

    #[test]
    fn smoothed_targets_are_distributions_with_the_right_token_on_top() {
        let recipe = Recipe { label_smoothing: 0.13, ..Recipe::reference() };
        let found = targets(&Targets::new(&recipe, &[]).unwrap());
        for (sequence, labels) in found.iter().zip(tokens().1.to_vec2::<u32>().unwrap()) {
            for (distribution, right) in sequence.iter().zip(labels) {
                for (token, share) in (0..).zip(distribution) {
                    let expected = if token == right { 0.88 } else { 0.01 };
                    assert!((share - expected).abs() < 1e-6, "{token} of {right}: {share}");
                }
            }
        }
    }

    fn teacher(seed: u64) -> Seq2Seq {
        Seq2Seq::new(Parameters::init(&Config::tiny(), seed, &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn teachers_give_their_share() {
        let teachers = [teacher(4), teacher(5)];
        let opinions = teachers.each_ref().map(|teacher| {
            let logits = (teacher.forward(&images(2), &tokens().0).unwrap() / 2.5).unwrap();
            softmax(&logits, D::Minus1).unwrap()
        });
        let [first, second] = &opinions;
        let opinion = ((first + second).unwrap() / 2.0).unwrap().to_vec3::<f32>().unwrap();
        let recipe =
            Recipe { distillation_weight: 0.25, distillation_temperature: 2.5, ..Recipe::reference() };
        let mixed = targets(&Targets::new(&recipe, &teachers).unwrap());
        let certain = targets(&Targets::certain());
        for ((mixed, certain), opinion) in
            mixed.iter().flatten().zip(certain.iter().flatten()).zip(opinion.iter().flatten())
        {
            for ((mixed, certain), opinion) in mixed.iter().zip(certain).zip(opinion) {
                assert!((mixed - (0.75 * certain + 0.25 * opinion)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_teacher_without_a_share_or_a_share_without_a_teacher_is_refused() {
        let distills = Recipe { distillation_weight: 0.5, ..Recipe::reference() };
        for (recipe, teachers) in [(distills, vec![]), (Recipe::reference(), vec![teacher(4)])] {
            let message = Targets::new(&recipe, &teachers).unwrap_err().to_string();
            assert!(message.contains("`distillation_weight`"), "{message}");
        }
    }
}
