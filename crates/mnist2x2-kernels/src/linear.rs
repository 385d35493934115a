//! A linear map inside a packed parameter slice: `y = x W^T + b` with `PyTorch`'s weight (outputs, inputs).
//!
//! A forward pass multiplies by rows of `W^T`, a backward pass by rows of `W`. So the parameters come twice, and whoever uses them
//! more than once transposes them once.

use std::ops::Range;

use pulp::Simd;

use crate::gemm::{Gemm, Matrix, Repeat, Start};
use crate::simd::add_column_sums;
use crate::transpose::transpose;

/// The packed parameters of a sub-layer, with the weights of these maps, in their order, transposed.
pub(crate) fn transposed<const N: usize>(maps: [&Linear; N], params: &[f32]) -> Vec<f32> {
    let mut transposed = Vec::with_capacity(params.len());
    for map in maps {
        let Range { start, end } = map.weight;
        transposed.extend_from_slice(&params[transposed.len()..start]);
        transposed.resize(end, 0.0);
        let (weight, to) = ((&params[start..end], map.inputs), (&mut transposed[start..], map.outputs));
        transpose([map.outputs, map.inputs], weight, to);
    }
    transposed.extend_from_slice(&params[transposed.len()..]);
    transposed
}

/// Where the weight and the bias of a linear map lie in a packed slice, and its sizes.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl Linear {
    /// A map whose weight and bias begin at these places.
    pub(crate) fn at(weight: usize, bias: usize, [outputs, inputs]: [usize; 2]) -> Self {
        Self { weight: weight..weight + outputs * inputs, bias: bias..bias + outputs, inputs, outputs }
    }

    /// `y = x W^T + b`, plus `residual` where there is one; x (R, inputs), y and residual (R, outputs). The parameters come from
    /// [`transposed`].
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        simd: S,
        transposed: &[f32],
        x: &[f32],
        residual: Option<&[f32]>,
        y: &mut [f32],
    ) {
        let bias = &transposed[self.bias.clone()];
        let start = residual.map_or(Start::Bias(bias), |residual| Start::Residual(bias, residual));
        let shape = [y.len() / self.outputs, self.inputs, self.outputs];
        let (a, b) = (Matrix::rows(x, self.inputs), (&transposed[self.weight.clone()], self.outputs));
        Gemm { shape, a, b, c: (y, self.outputs), start, repeat: Repeat::ONCE }.run(simd);
    }

    /// The gradient of the weight becomes `dy^T x`, and that of the bias the column sums of `dy`; with [`Start::Keep`] they are
    /// added.
    #[inline(always)]
    pub(crate) fn parameter_gradients<S: Simd>(
        &self,
        simd: S,
        (x, dy): (&[f32], &[f32]),
        start: Start,
        d_params: &mut [f32],
    ) {
        let bias = &mut d_params[self.bias.clone()];
        if matches!(start, Start::Zero) {
            bias.fill(0.0);
        }
        add_column_sums(simd, dy, bias);
        let shape = [self.outputs, dy.len() / self.outputs, self.inputs];
        let a = Matrix::transposed(dy, self.outputs);
        let c = (&mut d_params[self.weight.clone()], self.inputs);
        Gemm { shape, a, b: (x, self.inputs), c, start, repeat: Repeat::ONCE }.run(simd);
    }

    /// `dx = dy W`, or `dx += dy W` with [`Start::Keep`].
    #[inline(always)]
    pub(crate) fn input_gradient<S: Simd>(
        &self,
        simd: S,
        params: &[f32],
        dy: &[f32],
        start: Start,
        dx: &mut [f32],
    ) {
        let shape = [dy.len() / self.outputs, self.outputs, self.inputs];
        let (a, b) = (Matrix::rows(dy, self.outputs), (&params[self.weight.clone()], self.inputs));
        Gemm { shape, a, b, c: (dx, self.inputs), start, repeat: Repeat::ONCE }.run(simd);
    }
}
