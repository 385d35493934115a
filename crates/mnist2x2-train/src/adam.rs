//! The optimiser.

use rayon::prelude::*;

use crate::Optimiser;
use crate::workers::{STRETCH, Workers};

/// Adam (D. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1) with decoupled weight decay
/// (I. Loshchilov and F. Hutter, *Decoupled Weight Decay Regularization*, 2019, algorithm 2) over the flat parameters. Its
/// state is part of every checkpoint, so that a run can be resumed exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    settings: Optimiser,
    /// Whether each parameter decays.
    decays: Vec<bool>,
    /// Steps taken: t of the paper.
    pub(crate) steps: u64,
    /// Decaying average of gradients: m of the paper.
    pub(crate) first_moment: Vec<f32>,
    /// Decaying average of squared gradients: v of the paper.
    pub(crate) second_moment: Vec<f32>,
}

impl AdamW {
    /// An optimiser before its first step, for as many parameters as `decays` has entries: whether weight decay takes from
    /// each.
    pub fn new(settings: Optimiser, decays: Vec<bool>) -> Self {
        let zeros = vec![0.0; decays.len()];
        Self { settings, decays, steps: 0, first_moment: zeros.clone(), second_moment: zeros }
    }

    /// Moves `values` one step against `gradient`, at `rate` times the learning rate, each thread its own stretch of them.
    ///
    /// # Panics
    /// If the two have another length than the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], rate: f64, workers: &Workers) {
        assert_eq!([values.len(), gradient.len()], [self.first_moment.len(); 2]);
        let Optimiser { learning_rate, beta1, beta2, epsilon, weight_decay } = self.settings;
        let learning_rate = rate * learning_rate;
        self.steps += 1;
        // The corrections for starting the averages at zero are the same for all parameters and computed once, in f64.
        let t = self.steps as f64;
        let step_size = (learning_rate / (1.0 - beta1.powf(t))) as f32;
        let root_correction = (1.0 / (1.0 - beta2.powf(t)).sqrt()) as f32;
        let (beta1, beta2, epsilon) = (beta1 as f32, beta2 as f32, epsilon as f32);
        let kept = [1.0, (1.0 - learning_rate * weight_decay) as f32];
        let stretches = (
            values.par_chunks_mut(STRETCH),
            gradient.par_chunks(STRETCH),
            self.first_moment.par_chunks_mut(STRETCH),
            self.second_moment.par_chunks_mut(STRETCH),
            self.decays.par_chunks(STRETCH),
        );
        let update = |(values, gradient, first, second, decays): Stretch| {
            let moments = first.iter_mut().zip(second);
            for (((value, &g), (m, v)), &decays) in values.iter_mut().zip(gradient).zip(moments).zip(decays) {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                let step = step_size * *m / (v.sqrt() * root_correction + epsilon);
                *value = *value * kept[usize::from(decays)] - step;
            }
        };
        workers.run(|| stretches.into_par_iter().for_each(update));
    }
}

/// A stretch of values, of their gradient, of both moments, and of which decay.
type Stretch<'a> = (&'a mut [f32], &'a [f32], &'a mut [f32], &'a mut [f32], &'a [bool]);

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `torch.optim.AdamW([p], lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=decay)` in f64 for p = (1, -2)
    /// under the gradients (0.5, -1), (-0.25, 3), (2, 0.125).
    #[test]
    fn three_steps_are_pytorchs() {
        for (weight_decay, torch) in [(0.0, ADAM), (0.5, ADAM_W)] {
            let settings =
                Optimiser { learning_rate: 0.2, beta1: 0.8, beta2: 0.9, epsilon: 1e-3, weight_decay };
            let mut adam = AdamW::new(settings, vec![true, true]);
            let workers = Workers::new(Some(1)).unwrap();
            let mut values = [1.0, -2.0];
            for (gradient, expected) in [[0.5, -1.0], [-0.25, 3.0], [2.0, 0.125]].iter().zip(torch) {
                adam.step(&mut values, gradient, 0.5, &workers);
                for (value, expected) in values.iter().zip(expected) {
                    assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
                }
            }
        }
    }
    const ADAM: [[f32; 2]; 3] =
        [[0.900_199_6, -1.900_099_9], [0.878_831_7, -1.953_620_3], [0.809_578, -1.996_165_2]];
    const ADAM_W: [[f32; 2]; 3] =
        [[0.850_199_6, -1.800_099_9], [0.786_321_7, -1.763_615_3], [0.677_751_9, -1.717_979_4]];

    #[test]
    fn what_does_not_decay_only_follows_its_gradient() {
        let settings = Optimiser { weight_decay: 0.5, ..crate::Recipe::reference(0).optimiser };
        let mut adam = AdamW::new(settings, vec![true, false]);
        let mut values = [1.0, 1.0];
        adam.step(&mut values, &[0.0, 0.0], 1.0, &Workers::new(Some(1)).unwrap());
        assert_eq!(values, [0.9995, 1.0]);
    }
}
