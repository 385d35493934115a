//! The optimiser (Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1).

use rayon::prelude::*;

use crate::Recipe;
use crate::workers::{STRETCH, Workers};

/// Adam over the flat parameters. Its state is part of every checkpoint, so that a run can be resumed exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    learning_rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    /// Steps taken: t of the paper.
    pub(crate) steps: u64,
    /// Decaying average of gradients: m of the paper.
    pub(crate) first_moment: Vec<f32>,
    /// Decaying average of squared gradients: v of the paper.
    pub(crate) second_moment: Vec<f32>,
}

impl Adam {
    /// The optimiser of `recipe` for `count` parameters, before its first step.
    pub fn new(recipe: &Recipe, count: usize) -> Self {
        let Recipe { learning_rate, beta1, beta2, epsilon, .. } = *recipe;
        let zeros = vec![0.0; count];
        Self {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            steps: 0,
            first_moment: zeros.clone(),
            second_moment: zeros,
        }
    }

    /// Moves `values` one step against `gradient`, each thread its own stretch of them.
    ///
    /// # Panics
    /// If the two have another length than the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], workers: &Workers) {
        assert_eq!([values.len(), gradient.len()], [self.first_moment.len(); 2]);
        self.steps += 1;
        // The corrections for starting the averages at zero are the same for all parameters and computed once, in f64.
        let t = self.steps as f64;
        let step_size = (self.learning_rate / (1.0 - self.beta1.powf(t))) as f32;
        let root_correction = (1.0 / (1.0 - self.beta2.powf(t)).sqrt()) as f32;
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let stretches = (
            values.par_chunks_mut(STRETCH),
            gradient.par_chunks(STRETCH),
            self.first_moment.par_chunks_mut(STRETCH),
            self.second_moment.par_chunks_mut(STRETCH),
        );
        let update = |(values, gradient, first, second): (&mut [f32], &[f32], &mut [f32], &mut [f32])| {
            for ((value, &g), (m, v)) in values.iter_mut().zip(gradient).zip(first.iter_mut().zip(second)) {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *value -= step_size * *m / (v.sqrt() * root_correction + epsilon);
            }
        };
        workers.run(|| stretches.into_par_iter().for_each(update));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `torch.optim.Adam([p], lr=0.1, betas=(0.8, 0.9), eps=1e-3)` in f64 for p = (1, -2) under the
    /// gradients (0.5, -1), (-0.25, 3), (2, 0.125).
    #[test]
    fn three_steps_are_pytorchs() {
        let recipe =
            Recipe { learning_rate: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 1e-3, ..Recipe::reference(0) };
        let mut adam = Adam::new(&recipe, 2);
        let workers = Workers::new(Some(1)).unwrap();
        let mut values = [1.0, -2.0];
        for (gradient, expected) in [[0.5, -1.0], [-0.25, 3.0], [2.0, 0.125]].iter().zip(TORCH) {
            adam.step(&mut values, gradient, &workers);
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
            }
        }
    }
    const TORCH: [[f32; 2]; 3] =
        [[0.900_199_6, -1.900_099_9], [0.878_831_7, -1.953_620_3], [0.809_578, -1.996_165_2]];
}
