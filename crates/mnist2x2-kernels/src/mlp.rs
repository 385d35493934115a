//! The feed-forward sub-layer.

use std::ops::Range;

use candle_core::Result;
use pulp::Simd;

use crate::gelu::gelu_with_derivative;
use crate::gemm::Start;
use crate::layer_norm::{STATISTICS, layer_norm, layer_norm_backward};
use crate::linear::{Linear, transposed};
use crate::packed::MlpLayout;
use crate::scratch::{ROWS_AT_A_TIME, Scratch, packed_len, split, split_ref};
use crate::simd::multiply;
use crate::sizes::{check_sizes, numbers_in};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `y = x + fc2(gelu(fc1(norm(x))))`, over any number of rows.
///
/// # Shapes
/// x, y and their gradients (R, D), contiguous, where R counts every token of every sequence; parameters as
/// [`MlpLayout`] says. Sizes are `[R]`.
#[derive(Clone, Debug)]
pub struct Mlp {
    layout: MlpLayout,
    /// The weight of the norm, then its bias.
    norm: Range<usize>,
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// The sub-layer of width D = `width` and inner width `hidden`.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new(width: usize, hidden: usize) -> Result<Self> {
        let layout = MlpLayout::new(width, hidden);
        check_sizes("mlp", &[width, hidden], layout.size())?;
        let norm = layout.norm_weight.start..layout.norm_bias.end;
        let fc1 = Linear::at(layout.fc1_weight.start, layout.fc1_bias.start, [hidden, width]);
        let fc2 = Linear::at(layout.fc2_weight.start, layout.fc2_bias.start, [width, hidden]);
        Ok(Self { layout, norm, fc1, fc2 })
    }

    /// Lengths of norm(x), its statistics, the derivative of the GELU and its value.
    fn saved_lens(&self, rows: usize) -> [usize; 4] {
        [self.fc1.inputs, STATISTICS, self.fc1.outputs, self.fc1.outputs]
            .map(|width| numbers_in([rows, width]))
    }
}

impl SubLayer<1> for Mlp {
    type Sizes = [usize; 1];

    fn lens(&self, [rows]: [usize; 1]) -> Lens<1> {
        let len = numbers_in([rows, self.fc1.inputs]);
        let saved = packed_len(self.saved_lens(rows));
        Lens { params: self.layout.size(), inputs: [len], y: len, saved }
    }

    fn at_a_time(&self, _: [usize; 1]) -> usize {
        ROWS_AT_A_TIME
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        transposed([&self.fc1, &self.fc2], &params[..self.layout.size()])
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, [rows]: [usize; 1], pass: Forward<1>, _: &mut Scratch) {
        let Forward { transposed, inputs: [x], y, saved } = pass;
        let [normed, statistics, derivative, activated] = split(saved, self.saved_lens(rows));
        layer_norm(simd, &transposed[self.norm.clone()], x, normed, statistics);
        self.fc1.forward(simd, transposed, normed, None, derivative);
        gelu_with_derivative(simd, derivative, activated);
        self.fc2.forward(simd, transposed, activated, Some(x), y);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, [rows]: [usize; 1], pass: Backward<1>, scratch: &mut Scratch) {
        let Backward { params, inputs: [x], saved, dy, dx: [dx], d_params } = pass;
        let [normed, statistics, derivative, activated] = split_ref(saved, self.saved_lens(rows));
        let [d_hidden, d_normed] = scratch.parts([derivative.len(), normed.len()]);

        self.fc2.parameter_gradients(simd, (activated, dy), Start::Zero, d_params);
        self.fc2.input_gradient(simd, params, dy, Start::Zero, d_hidden);
        multiply(simd, derivative, d_hidden);
        self.fc1.parameter_gradients(simd, (normed, d_hidden), Start::Zero, d_params);
        self.fc1.input_gradient(simd, params, d_hidden, Start::Zero, d_normed);
        let (norm, d_norm) = (&params[self.norm.clone()], &mut d_params[self.norm.clone()]);
        layer_norm_backward(simd, norm, (x, statistics), (d_normed, dy), dx, d_norm);
    }
}
