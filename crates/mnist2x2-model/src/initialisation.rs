//! The values of a tensor before training.

use mnist2x2_random::Random;
use serde::{Deserialize, Serialize};

use crate::layout::TensorSpec;

/// What a tensor is, as far as its initial values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Every element is 1: the scale of a norm.
    One,
    /// Every element is 0: the shift of a norm.
    Zero,
    /// The matrix of a linear layer.
    Weight {
        /// How many values it adds up for each output.
        inputs: usize,
    },
    /// The bias of a linear layer.
    Bias {
        /// As for its weight.
        inputs: usize,
    },
    /// Vectors that are looked up: tokens and positions.
    Embedding,
}

/// How a model's tensors are filled before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initialisation {
    /// PyTorch's defaults: weights and biases U(-b, b) with b = 1 / sqrt(inputs), embeddings N(0, 1).
    PyTorch,
    /// Weights N(0, 1 / inputs) without what lies beyond two standard deviations, so that a layer keeps the variance of
    /// what it reads (K. He and others, *Delving Deep into Rectifiers*, 2015, section 2.2, without its factor for rectifiers); biases 0; embeddings N(0, 0.02^2) (A.
    /// Radford and others, *Improving Language Understanding by Generative Pre-Training*, 2018).
    Truncated,
}

impl Initialisation {
    /// The values of one tensor, drawn from the stream of `seed` and its name.
    pub(crate) fn values(self, spec: &TensorSpec, seed: u64) -> Vec<f32> {
        let mut random = Random::keyed(seed, &spec.name, 0, 0);
        let mut draw = || match (self, spec.init) {
            (_, Init::One) => 1.0,
            (_, Init::Zero) | (Self::Truncated, Init::Bias { .. }) => 0.0,
            (Self::PyTorch, Init::Weight { inputs } | Init::Bias { inputs }) => {
                let bound = 1.0 / (inputs as f64).sqrt();
                random.uniform(-bound, bound)
            }
            (Self::PyTorch, Init::Embedding) => random.normal(),
            (Self::Truncated, Init::Weight { inputs }) => {
                truncated_normal(&mut random) / (inputs as f64).sqrt()
            }
            (Self::Truncated, Init::Embedding) => 0.02 * random.normal(),
        };
        (0..spec.count()).map(|_| draw() as f32).collect()
    }
}

/// A number from N(0, 1), drawn again while it lies beyond two standard deviations.
fn truncated_normal(random: &mut Random) -> f64 {
    loop {
        let normal = random.normal();
        if normal.abs() <= 2.0 {
            return normal;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initialisation: Initialisation, init: Init) -> Vec<f32> {
        let spec = TensorSpec { name: "a.weight".into(), shape: vec![300, 50], init };
        initialisation.values(&spec, 4)
    }

    fn deviation(values: &[f32]) -> f32 {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    }

    #[test]
    fn spreads_are_those_of_the_schemes() {
        let (weight, bias) = (Init::Weight { inputs: 25 }, Init::Bias { inputs: 25 });
        for (initialisation, init, expected, most) in [
            (Initialisation::PyTorch, weight, 0.2 / 3.0_f32.sqrt(), 0.2),
            (Initialisation::PyTorch, bias, 0.2 / 3.0_f32.sqrt(), 0.2),
            (Initialisation::PyTorch, Init::Embedding, 1.0, 6.0),
            // A normal distribution cut at two standard deviations has 0.88 of its spread left.
            (Initialisation::Truncated, weight, 0.88 * 0.2, 0.4),
            (Initialisation::Truncated, bias, 0.0, 0.0),
            (Initialisation::Truncated, Init::Embedding, 0.02, 0.12),
            (Initialisation::Truncated, Init::One, 0.0, 1.0),
        ] {
            let values = values(initialisation, init);
            let found = deviation(&values);
            assert!((found - expected).abs() <= 0.02 * expected, "{initialisation:?} {init:?}: {found}");
            assert!(values.iter().all(|x| x.abs() <= most), "{initialisation:?} {init:?}");
        }
    }
}
