//! The head: logits, and the loss they are trained by.

use candle_core::Result;
use pulp::Simd;

use crate::cross_entropy::cross_entropy;
use crate::gemm::Start;
use crate::linear::{Linear, transposed};
use crate::packed::HeadLayout;
use crate::scratch::Scratch;
use crate::sizes::{check_sizes, numbers_in};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `logits = x W^T + b`.
///
/// # Shapes
/// x (R, D), logits (R, V), contiguous, where R counts every token of every sequence; parameters as [`HeadLayout`] says.
/// Sizes are `[R]`.
#[derive(Clone, Debug)]
pub struct Head {
    layout: HeadLayout,
    linear: Linear,
}

impl Head {
    /// The head over V = `vocabulary` tokens for vectors of D = `width`.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new(vocabulary: usize, width: usize) -> Result<Self> {
        let layout = HeadLayout::new(vocabulary, width);
        check_sizes("head", &[vocabulary, width], layout.size())?;
        let linear = Linear::at(layout.weight.start, layout.bias.start, [vocabulary, width]);
        Ok(Self { layout, linear })
    }

    /// The loss of these logits.
    pub fn loss(self) -> HeadLoss {
        HeadLoss(self)
    }
}

impl SubLayer<1> for Head {
    type Sizes = [usize; 1];

    fn lens(&self, [rows]: [usize; 1]) -> Lens<1> {
        let [x, y] = [self.linear.inputs, self.linear.outputs].map(|width| numbers_in([rows, width]));
        Lens { params: self.layout.size(), inputs: [x], y, saved: 0 }
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        transposed([&self.linear], &params[..self.layout.size()])
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Forward<1>, _: &mut Scratch) {
        let Forward { transposed, inputs: [x], y, .. } = pass;
        self.linear.forward(simd, transposed, x, None, y);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Backward<1>, _: &mut Scratch) {
        let Backward { params, inputs: [x], dy, dx: [dx], d_params, .. } = pass;
        self.linear.parameter_gradients(simd, (x, dy), Start::Zero, d_params);
        self.linear.input_gradient(simd, params, dy, Start::Zero, dx);
    }
}

/// The mean cross-entropy of the logits of a [`Head`] against target distributions.
///
/// # Shapes
/// The inputs are x (R, D) and targets (R, V), each row adding up to 1, which get no gradient; the result is one number.
/// Rows of zeros are of no token: they count nothing. Sizes are `[R]`.
#[derive(Clone, Debug)]
pub struct HeadLoss(Head);

impl SubLayer<2> for HeadLoss {
    type Sizes = [usize; 1];

    const DATA: [bool; 2] = [false, true];

    fn lens(&self, sizes: [usize; 1]) -> Lens<2> {
        let Lens { params, inputs: [x], y: logits, .. } = self.0.lens(sizes);
        Lens { params, inputs: [x, logits], y: 1, saved: logits }
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        self.0.transposed(params)
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, rows: [usize; 1], pass: Forward<2>, scratch: &mut Scratch) {
        let Forward { transposed, inputs: [x, targets], y: loss, saved } = pass;
        let logits = Forward { transposed, inputs: [x], y: &mut *saved, saved: &mut [] };
        self.0.forward_on(simd, rows, logits, scratch);
        let (vocabulary, mut sum) = (self.0.linear.outputs, 0.0);
        for (logits, target) in saved.chunks_exact_mut(vocabulary).zip(targets.chunks_exact(vocabulary)) {
            if is_token(target) {
                sum += cross_entropy(simd, logits, target);
            } else {
                logits.fill(0.0);
            }
        }
        loss[0] = sum / tokens_in(targets, vocabulary);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Backward<2>, scratch: &mut Scratch) {
        let Backward { params, inputs: [x, targets], saved, dy: d_loss, dx: [dx, d_targets], d_params } =
            pass;
        let [d_logits] = scratch.parts([saved.len()]);
        let scale = d_loss[0] / tokens_in(targets, self.0.linear.outputs);
        d_logits.iter_mut().zip(saved).for_each(|(d, saved)| *d = saved * scale);
        self.0.linear.parameter_gradients(simd, (x, d_logits), Start::Zero, d_params);
        self.0.linear.input_gradient(simd, params, d_logits, Start::Zero, dx);
        d_targets.fill(0.0); // they get none
    }
}

/// Whether a row of targets is of a token, and not of what fills up a sequence.
fn is_token(target: &[f32]) -> bool {
    target.iter().any(|&share| share != 0.0)
}

/// How many rows of `targets` are of tokens; 1 if none is, so that their loss is 0.
fn tokens_in(targets: &[f32], vocabulary: usize) -> f32 {
    targets.chunks_exact(vocabulary).filter(|target| is_token(target)).count().max(1) as f32
}
