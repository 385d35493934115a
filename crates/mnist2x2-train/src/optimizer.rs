//! From a gradient to a step.
//!
//! Two rules, one for each kind of parameter: AdamW for what is added or looked up, and for matrices either AdamW or Muon.

use std::cell::RefCell;

use mnist2x2_kernels::{Orthogonalizer, Scratch, vectorize};
use mnist2x2_model::{Init, Parameters};
use serde::{Deserialize, Serialize};

use crate::error::check_setting;
use crate::{Error, Workers};

/// The settings of an [`Optimizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSettings {
    /// How matrices move.
    #[serde(alias = "matrices")]
    pub matrix_optimizer: MatrixOptimizer,
    /// The largest step size.
    pub learning_rate: f64,
    /// Decay of the average of gradients.
    pub beta1: f64,
    /// Decay of the average of squared gradients.
    pub beta2: f64,
    /// Added to the root of the average of squared gradients.
    pub epsilon: f64,
    /// The share of every matrix, times the learning rate, that is taken off in each step.
    pub weight_decay: f64,
    /// Decay of the average of gradients under [`MatrixOptimizer::Muon`].
    pub momentum: f64,
}

/// How a parameter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatrixOptimizer {
    /// D. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1, with the decoupled weight decay
    /// of I. Loshchilov and F. Hutter, *Decoupled Weight Decay Regularization*, 2019, algorithm 2.
    AdamW,
    /// K. Jordan and others, *Muon: An optimizer for hidden layers in neural networks*, 2024, with weight decay and steps
    /// scaled to the size of Adam's (J. Liu and others, *Muon is Scalable for LLM Training*, 2025, section 2.2), so that both
    /// rules share one learning rate.
    Muon,
}

impl OptimizerSettings {
    /// Adam with PyTorch's defaults.
    pub fn adam() -> Self {
        Self {
            matrix_optimizer: MatrixOptimizer::AdamW,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            momentum: 0.95,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        for (setting, value) in
            [("optimizer.learning_rate", self.learning_rate), ("optimizer.epsilon", self.epsilon)]
        {
            check_setting(setting, value, value > 0.0 && value.is_finite(), "above 0 and finite")?;
        }
        for (setting, value) in [
            ("optimizer.beta1", self.beta1),
            ("optimizer.beta2", self.beta2),
            ("optimizer.momentum", self.momentum),
        ] {
            check_setting(setting, value, (0.0..1.0).contains(&value), "at least 0 and below 1")?;
        }
        let decay = self.weight_decay;
        check_setting(
            "optimizer.weight_decay",
            decay,
            decay >= 0.0 && decay.is_finite(),
            "at least 0 and finite",
        )
    }
}

/// Moves the flat parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    settings: OptimizerSettings,
    /// The tensors, in flat order.
    tensors: Vec<Tensor>,
}

/// What an [`Optimizer`] remembers from step to step: part of every checkpoint, so that a run can be resumed exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState {
    /// Steps taken: t of the papers.
    pub steps: u64,
    /// Decaying average of gradients: m of the papers.
    pub first_moment: Vec<f32>,
    /// Decaying average of squared gradients: v of the paper; stays zero where Muon moves.
    pub second_moment: Vec<f32>,
}

/// What the optimizer knows of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tensor {
    count: usize,
    /// Rows and columns of what multiplies, which decays, because a later norm undoes its scale; nothing for norms, biases,
    /// and vectors that are looked up.
    matrix: Option<[usize; 2]>,
}

impl Optimizer {
    /// An optimizer of `parameters`.
    pub fn new(settings: OptimizerSettings, parameters: &Parameters) -> Self {
        let tensors = parameters.specs().map(|spec| {
            let multiplies = matches!(spec.init, Init::Weight { .. });
            let matrix = spec.shape.as_slice().try_into().ok().filter(|_| multiplies);
            Tensor { count: spec.count(), matrix }
        });
        Self { settings, tensors: tensors.collect() }
    }

    fn count(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.count).sum()
    }

    /// The state before the first step.
    pub fn initial_state(&self) -> OptimizerState {
        let zeros = vec![0.0; self.count()];
        OptimizerState { steps: 0, first_moment: zeros.clone(), second_moment: zeros }
    }

    /// Moves `values` one step against `gradient`, at `rate` times the learning rate, each tensor in one thread.
    ///
    /// # Panics
    /// If one of them or of the moments in `state` has another length than the optimizer was made for.
    pub fn step(
        &self,
        state: &mut OptimizerState,
        values: &mut [f32],
        gradient: &[f32],
        rate: f64,
        workers: &Workers,
    ) {
        let OptimizerState { steps, first_moment, second_moment } = state;
        let lengths = [values.len(), gradient.len(), first_moment.len(), second_moment.len()];
        assert_eq!(lengths, [self.count(); 4]);
        *steps += 1;
        let step = Step::new(&self.settings, rate * self.settings.learning_rate, *steps);
        let (mut values, mut gradient) = (values, gradient);
        let (mut first, mut second) = (&mut first_moment[..], &mut second_moment[..]);
        let part = |&tensor: &Tensor| {
            let range = ..tensor.count;
            Some(Part {
                tensor,
                values: values.split_off_mut(range)?,
                gradient: gradient.split_off(range)?,
                first: first.split_off_mut(range)?,
                second: second.split_off_mut(range)?,
            })
        };
        let parts: Vec<Part> = self.tensors.iter().map_while(part).collect();
        workers.for_each(parts, |part| step.apply(part));
    }
}

/// One tensor with its gradient and state.
struct Part<'a> {
    tensor: Tensor,
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

/// What is the same for all parameters in a step, computed once in f64.
struct Step {
    matrix_optimizer: MatrixOptimizer,
    learning_rate: f32,
    /// The learning rate with the correction for starting the average of gradients at zero.
    corrected_rate: f32,
    /// The correction for starting the average of squared gradients at zero.
    root_correction: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    momentum: f32,
    /// What decay leaves of a matrix.
    kept: f32,
}

impl Step {
    fn new(settings: &OptimizerSettings, learning_rate: f64, steps: u64) -> Self {
        let OptimizerSettings { matrix_optimizer, beta1, beta2, epsilon, weight_decay, momentum, .. } =
            *settings;
        let t = steps as f64;
        Self {
            matrix_optimizer,
            learning_rate: learning_rate as f32,
            corrected_rate: (learning_rate / (1.0 - beta1.powf(t))) as f32,
            root_correction: (1.0 / (1.0 - beta2.powf(t)).sqrt()) as f32,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            epsilon: epsilon as f32,
            momentum: momentum as f32,
            kept: (1.0 - learning_rate * weight_decay) as f32,
        }
    }

    fn apply(&self, part: Part) {
        match (part.tensor.matrix, self.matrix_optimizer) {
            (None, _) => self.adam_w(part, 1.0),
            (Some(_), MatrixOptimizer::AdamW) => self.adam_w(part, self.kept),
            (Some(size), MatrixOptimizer::Muon) => self.muon(part, size),
        }
    }

    fn adam_w(&self, part: Part, kept: f32) {
        let Part { values, gradient, first, second, .. } = part;
        let Self { corrected_rate, root_correction, beta1, beta2, epsilon, .. } = *self;
        vectorize(|| {
            for ((value, &g), (m, v)) in values.iter_mut().zip(gradient).zip(first.iter_mut().zip(second)) {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *value = kept * *value - corrected_rate * *m / (v.sqrt() * root_correction + epsilon);
            }
        });
    }

    /// Against the orthogonal matrix nearest to the average of gradients, as it will be after the next of the same kind (Y.
    /// Nesterov's look ahead).
    fn muon(&self, part: Part, [rows, columns]: [usize; 2]) {
        let Part { values, gradient, first, .. } = part;
        let momentum = self.momentum;
        let mut direction = vec![0.0; gradient.len()];
        vectorize(|| {
            for ((d, m), &g) in direction.iter_mut().zip(first.iter_mut()).zip(gradient) {
                *m = momentum * *m + (1.0 - momentum) * g;
                *d = momentum * *m + (1.0 - momentum) * g;
            }
        });
        SCRATCH.with_borrow_mut(|scratch| Orthogonalizer::new(rows, columns).run(&mut direction, scratch));
        // An element of an orthogonal matrix is about 1 / sqrt(longer side), one of Adam's steps about 0.2.
        let rate = self.learning_rate * 0.2 * (rows.max(columns) as f32).sqrt();
        let places = values.iter_mut().zip(&direction);
        vectorize(|| places.for_each(|(value, d)| *value = self.kept * *value - rate * d));
    }
}

thread_local! {
    /// Working memory of each thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRIX: Tensor = Tensor { count: 2, matrix: Some([1, 2]) };

    /// Values of `torch.optim.AdamW([p], lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=decay)` in f64 for p = (1, -2)
    /// under the gradients (0.5, -1), (-0.25, 3), (2, 0.125).
    #[test]
    fn three_steps_are_pytorchs() {
        for (weight_decay, torch) in [(0.0, ADAM), (0.5, ADAM_W)] {
            let settings = OptimizerSettings {
                learning_rate: 0.2,
                beta1: 0.8,
                beta2: 0.9,
                epsilon: 1e-3,
                weight_decay,
                ..OptimizerSettings::adam()
            };
            let adam = Optimizer { settings, tensors: vec![MATRIX] };
            let mut state = adam.initial_state();
            let workers = Workers::new(Some(1)).unwrap();
            let mut values = [1.0, -2.0];
            for (gradient, expected) in [[0.5, -1.0], [-0.25, 3.0], [2.0, 0.125]].iter().zip(torch) {
                adam.step(&mut state, &mut values, gradient, 0.5, &workers);
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

    fn workers() -> Workers {
        Workers::new(Some(1)).unwrap()
    }

    #[test]
    fn only_matrices_decay() {
        for matrix_optimizer in [MatrixOptimizer::AdamW, MatrixOptimizer::Muon] {
            let settings =
                OptimizerSettings { weight_decay: 0.5, matrix_optimizer, ..OptimizerSettings::adam() };
            let tensors = vec![MATRIX, Tensor { count: 1, matrix: None }];
            let optimizer = Optimizer { settings, tensors };
            let mut values = [1.0, 1.0, 1.0];
            optimizer.step(&mut optimizer.initial_state(), &mut values, &[0.0; 3], 1.0, &workers());
            for (value, expected) in values.iter().zip([0.9995, 0.9995, 1.0_f32]) {
                assert!((value - expected).abs() < 1e-7, "{matrix_optimizer:?}: {values:?}");
            }
        }
    }

    /// Along a row of one matrix Muon's first step is the gradient's direction; its size is set by the rate alone.
    #[test]
    fn muon_steps_along_the_orthogonal_direction() {
        let settings = OptimizerSettings {
            matrix_optimizer: MatrixOptimizer::Muon,
            learning_rate: 0.1,
            ..OptimizerSettings::adam()
        };
        for size in [1.0, 1e-5] {
            let optimizer = Optimizer { settings: settings.clone(), tensors: vec![MATRIX] };
            let mut values = [0.0, 0.0];
            optimizer.step(
                &mut optimizer.initial_state(),
                &mut values,
                &[3.0 * size, -4.0 * size],
                1.0,
                &workers(),
            );
            assert!((values[0] * 4.0 + values[1] * 3.0).abs() < 1e-6, "{values:?}");
            let length = values[0].hypot(values[1]) / (0.1 * 0.2 * 2.0_f32.sqrt());
            assert!((0.65..1.25).contains(&length) && values[0] < 0.0, "{values:?}");
        }
    }
}
