//! What the model is told to say.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax;
use mnist2x2_model::Seq2Seq;

use crate::{Error, Recipe};

/// The distributions over tokens that the loss is taken against.
#[derive(Debug)]
pub(crate) struct Targets {
    label_smoothing: f64,
    teacher: Option<Teacher>,
}

/// Whose opinion makes which share of each target.
#[derive(Debug)]
struct Teacher {
    model: Seq2Seq,
    share: f64,
    temperature: f64,
}

impl Targets {
    /// The right token and nothing else.
    pub(crate) fn certain() -> Self {
        Self { label_smoothing: 0.0, teacher: None }
    }

    /// Those of `recipe`; `teacher` is needed if it distils.
    pub(crate) fn new(recipe: &Recipe, teacher: Option<&Seq2Seq>) -> Result<Self, Error> {
        let problem = |problem: &str| Error::Recipe { field: "distillation", problem: problem.into() };
        let teacher = match (teacher, recipe.distillation > 0.0) {
            (Some(teacher), true) => Some(Teacher {
                model: teacher.frozen()?,
                share: recipe.distillation,
                temperature: recipe.distillation_temperature,
            }),
            (None, false) => None,
            (None, true) => return Err(problem("is above 0, but there is no teacher")),
            (Some(_), false) => return Err(problem("is 0, but there is a teacher")),
        };
        Ok(Self { label_smoothing: recipe.label_smoothing, teacher })
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
        let Some(Teacher { model, share, temperature }) = &self.teacher else { return Ok(right) };
        let logits = (model.forward(images, tokens)? / *temperature)?;
        let opinion = softmax(&logits, D::Minus1)?; // (B, T, V)
        Ok(((right * (1.0 - share))? + (opinion * *share)?)?)
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
        let found = targets(&Targets::new(&recipe, None).unwrap());
        for (sequence, labels) in found.iter().zip(tokens().1.to_vec2::<u32>().unwrap()) {
            for (distribution, right) in sequence.iter().zip(labels) {
                for (token, share) in (0..).zip(distribution) {
                    let expected = if token == right { 0.88 } else { 0.01 };
                    assert!((share - expected).abs() < 1e-6, "{token} of {right}: {share}");
                }
            }
        }
    }

    #[test]
    fn a_teacher_gives_its_share() {
        let teacher = Seq2Seq::new(Parameters::init(&Config::tiny(), 4, &Device::Cpu).unwrap()).unwrap();
        let logits = (teacher.forward(&images(2), &tokens().0).unwrap() / 2.5).unwrap();
        let opinion = softmax(&logits, D::Minus1).unwrap();
        let opinion = opinion.to_vec3::<f32>().unwrap();
        let recipe = Recipe { distillation: 0.25, distillation_temperature: 2.5, ..Recipe::reference(0) };
        let mixed = targets(&Targets::new(&recipe, Some(&teacher)).unwrap());
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
        let teacher = Seq2Seq::new(Parameters::init(&Config::tiny(), 4, &Device::Cpu).unwrap()).unwrap();
        let distils = Recipe { distillation: 0.5, ..Recipe::reference(0) };
        for (recipe, teacher) in [(distils, None), (Recipe::reference(0), Some(&teacher))] {
            let message = Targets::new(&recipe, teacher).unwrap_err().to_string();
            assert!(message.contains("`distillation`"), "{message}");
        }
    }
}
