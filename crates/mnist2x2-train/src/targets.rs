//! What the model is told to say.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax;
use mnist2x2_model::Seq2Seq;

use crate::{Error, Recipe};

/// The distributions over tokens that the loss is taken against.
#[derive(Debug)]
pub(crate) struct Targets {
    label_smoothing: f64,
    teaching: Option<Teaching>,
}

/// Whose opinions, in the mean, make which share of each target.
#[derive(Debug)]
struct Teaching {
    teachers: Vec<Seq2Seq>,
    share: f64,
    temperature: f64,
}

impl Teaching {
    /// The mean of what the teachers say.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32 -> (B, T, V)
    fn opinion(&self, images: &Tensor, tokens: &Tensor) -> Result<Tensor, Error> {
        let mut sum = None;
        for teacher in &self.teachers {
            let opinion = softmax(&(teacher.forward(images, tokens)? / self.temperature)?, D::Minus1)?;
            sum = Some(match sum {
                None => opinion,
                Some(sum) => (sum + opinion)?,
            });
        }
        let sum = sum.expect("there is a teacher wherever there is teaching");
        Ok((sum / self.teachers.len() as f64)?)
    }
}

impl Targets {
    /// The right token and nothing else.
    pub(crate) fn certain() -> Self {
        Self { label_smoothing: 0.0, teaching: None }
    }

    /// Those of `recipe`; `teachers` are needed if it distils.
    pub(crate) fn new(recipe: &Recipe, teachers: &[Seq2Seq]) -> Result<Self, Error> {
        let problem = |problem: &str| Error::Recipe { field: "distillation", problem: problem.into() };
        let teaching = match (teachers.is_empty(), recipe.distillation > 0.0) {
            (false, true) => Some(Teaching {
                teachers: teachers.iter().map(Seq2Seq::frozen).collect::<Result<_, _>>()?,
                share: recipe.distillation,
                temperature: recipe.distillation_temperature,
            }),
            (true, false) => None,
            (true, true) => return Err(problem("is above 0, but there is no teacher")),
            (false, false) => return Err(problem("is 0, but there is a teacher")),
        };
        Ok(Self { label_smoothing: recipe.label_smoothing, teaching })
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
        let rows = labels.flatten_all()?;
        let right = smoothed(vocabulary, self.label_smoothing, labels.device())?.embedding(&rows)?; // (B T, V)
        let (batch, length) = labels.dims2()?;
        let right = right.reshape((batch, length, vocabulary))?; // (B, T, V)
        let Some(teaching) = &self.teaching else { return Ok(right) };
        let opinion = teaching.opinion(images, tokens)?;
        Ok(((right * (1.0 - teaching.share))? + (opinion * teaching.share)?)?)
    }
}

/// For each token the distribution that leaves it all but `smoothing`, which is spread over all: (V, V).
fn smoothed(vocabulary: usize, smoothing: f64, device: &Device) -> Result<Tensor, Error> {
    let certain = Tensor::eye(vocabulary, DType::F32, device)?;
    Ok(certain.affine(1.0 - smoothing, smoothing / vocabulary as f64)?)
}

#[cfg(test)]
mod tests {
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
        let recipe = Recipe { label_smoothing: 0.13, ..Recipe::reference(0) };
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
        let recipe = Recipe { distillation: 0.25, distillation_temperature: 2.5, ..Recipe::reference(0) };
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
        let distils = Recipe { distillation: 0.5, ..Recipe::reference(0) };
        for (recipe, teachers) in [(distils, vec![]), (Recipe::reference(0), vec![teacher(4)])] {
            let message = Targets::new(&recipe, &teachers).unwrap_err().to_string();
            assert!(message.contains("`distillation`"), "{message}");
        }
    }
}
