//! The feed-forward sub-layer.

use pulp::{Simd, WithSimd};

use crate::gelu::gelu_with_derivative;
use crate::gemm::Start;
use crate::layer_norm::{STATISTICS, layer_norm, layer_norm_backward};
use crate::layout::MlpLayout;
use crate::linear::Linear;
use crate::scratch::{ROWS_AT_A_TIME, Scratch, packed_len, split, split_ref};
use crate::simd::{Level, multiply};

/// `y = x + fc2(gelu(fc1(norm(x))))`, over any number of rows.
///
/// # Shapes
/// x, y and their gradients (R, D), contiguous, where R counts every token of every sequence; parameters as
/// [`MlpLayout`] says.
#[derive(Clone, Debug)]
pub struct Mlp {
    width: usize,
    hidden: usize,
    level: Level,
    layout: MlpLayout,
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    /// The sub-layer of width D = `width` and inner width `hidden` on the best instruction set of this machine.
    pub fn new(width: usize, hidden: usize) -> Self {
        let layout = MlpLayout::new(width, hidden);
        let fc1 = Linear::at(layout.fc1_weight.start, layout.fc1_bias.start, [hidden, width]);
        let fc2 = Linear::at(layout.fc2_weight.start, layout.fc2_bias.start, [width, hidden]);
        Self { width, hidden, level: Level::best(), layout, fc1, fc2 }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &MlpLayout {
        &self.layout
    }

    /// Lengths of norm(x), its statistics, the derivative of the GELU and its value.
    fn saved_lens(&self, rows: usize) -> [usize; 4] {
        [rows * self.width, rows * STATISTICS, rows * self.hidden, rows * self.hidden]
    }

    /// How many numbers [`Self::forward`] saves for [`Self::backward`], for R rows.
    pub fn saved_len(&self, rows: usize) -> usize {
        packed_len(self.saved_lens(rows))
    }

    #[inline(always)]
    fn norm<'a>(&self, params: &'a [f32]) -> [&'a [f32]; 2] {
        [&params[self.layout.norm_weight.clone()], &params[self.layout.norm_bias.clone()]]
    }

    /// The forward pass over R rows; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        rows: usize,
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (x, y) = (&x[..rows * self.width], &mut y[..rows * self.width]);
        self.level.run(Forward { mlp: self, rows, params, x, y, saved, scratch });
    }

    /// The forward pass where no backward pass follows.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn infer(&self, rows: usize, params: &[f32], x: &[f32], y: &mut [f32], scratch: &mut Scratch) {
        let (len, block) = (rows * self.width, ROWS_AT_A_TIME * self.width);
        for (x, y) in x[..len].chunks(block).zip(y[..len].chunks_mut(block)) {
            let rows = x.len() / self.width;
            scratch.without_saving(self.saved_len(rows), |saved, scratch| {
                self.forward(rows, params, x, y, saved, scratch);
            });
        }
    }

    /// The backward pass: overwrites `dx`, adds to `d_params`. `x` and `saved` are the forward pass's.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    #[expect(
        clippy::too_many_arguments,
        reason = "a backward pass reads all that its forward pass read and wrote"
    )]
    pub fn backward(
        &self,
        rows: usize,
        params: &[f32],
        x: &[f32],
        saved: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let len = rows * self.width;
        let (x, dy, dx) = (&x[..len], &dy[..len], &mut dx[..len]);
        self.level.run(Backward { mlp: self, rows, params, x, saved, dy, dx, d_params, scratch });
    }
}

struct Forward<'a> {
    mlp: &'a Mlp,
    rows: usize,
    params: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    saved: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { mlp, rows, params, x, y, saved, scratch } = self;
        let [normed, statistics, derivative, activated] = split(saved, mlp.saved_lens(rows));
        let [weight] = scratch.parts([mlp.fc1.scratch_len()]);
        layer_norm(simd, mlp.norm(params), x, normed, statistics);
        mlp.fc1.forward(simd, params, normed, None, derivative, weight);
        gelu_with_derivative(simd, derivative, activated);
        mlp.fc2.forward(simd, params, activated, Some(x), y, weight);
    }
}

struct Backward<'a> {
    mlp: &'a Mlp,
    rows: usize,
    params: &'a [f32],
    x: &'a [f32],
    saved: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    d_params: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { mlp, rows, params, x, saved, dy, dx, d_params, scratch } = self;
        let [normed, statistics, derivative, activated] = split_ref(saved, mlp.saved_lens(rows));
        let [d_hidden, d_normed] = scratch.parts([rows * mlp.hidden, rows * mlp.width]);

        mlp.fc2.parameter_gradients(simd, activated, dy, d_params);
        mlp.fc2.input_gradient(simd, params, dy, Start::Zero, d_hidden);
        multiply(simd, derivative, d_hidden);
        mlp.fc1.parameter_gradients(simd, normed, d_hidden, d_params);
        mlp.fc1.input_gradient(simd, params, d_hidden, Start::Zero, d_normed);
        let d_norm = &mut d_params[mlp.layout.norm_weight.start..mlp.layout.norm_bias.end];
        layer_norm_backward(simd, mlp.norm(params)[0], (x, statistics), (d_normed, dy), dx, d_norm);
    }
}
