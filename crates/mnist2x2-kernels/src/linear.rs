//! A linear map inside a packed parameter slice: `y = x W^T + b` with `PyTorch`'s weight (outputs, inputs).

use std::ops::Range;

use pulp::Simd;

use crate::gemm::{Gemm, Matrix, Start};
use crate::simd::add_column_sums;
use crate::transpose::transpose;

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

    /// How long the transposed copy of the weight is that [`Self::forward`] makes.
    pub(crate) fn scratch_len(&self) -> usize {
        self.weight.len()
    }

    /// `y = x W^T + b`, plus `residual` where there is one; x (R, inputs), y and residual (R, outputs).
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        simd: S,
        params: &[f32],
        x: &[f32],
        residual: Option<&[f32]>,
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        let transposed = &mut scratch[..self.weight.len()];
        let weight = (&params[self.weight.clone()], self.inputs);
        transpose([self.outputs, self.inputs], weight, (&mut *transposed, self.outputs));
        let bias = &params[self.bias.clone()];
        let start = residual.map_or(Start::Bias(bias), |residual| Start::Residual(bias, residual));
        let shape = [y.len() / self.outputs, self.inputs, self.outputs];
        let a = Matrix::rows(x, self.inputs);
        Gemm { shape, a, b: (transposed, self.outputs), c: (y, self.outputs), start }.run(simd);
    }

    /// Adds `dy^T x` to the gradient of the weight and the column sums of `dy` to that of the bias.
    #[inline(always)]
    pub(crate) fn parameter_gradients<S: Simd>(&self, simd: S, x: &[f32], dy: &[f32], d_params: &mut [f32]) {
        let shape = [self.outputs, dy.len() / self.outputs, self.inputs];
        let a = Matrix::transposed(dy, self.outputs);
        let c = (&mut d_params[self.weight.clone()], self.inputs);
        Gemm { shape, a, b: (x, self.inputs), c, start: Start::Keep }.run(simd);
        add_column_sums(simd, dy, &mut d_params[self.bias.clone()]);
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
        let b = (&params[self.weight.clone()], self.inputs);
        Gemm { shape, a: Matrix::rows(dy, self.outputs), b, c: (dx, self.inputs), start }.run(simd);
    }
}
