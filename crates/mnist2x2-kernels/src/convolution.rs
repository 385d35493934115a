//! A convolution and its non-linearity (T. Xiao and others, *Early Convolutions Help Transformers See Better*, 2021, put
//! a few of them before the first patch).

use pulp::{Simd, WithSimd};

use crate::gelu::gelu_with_derivative;
use crate::gemm::Start;
use crate::layout::ConvolutionLayout;
use crate::linear::Linear;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::simd::{Level, multiply};
use crate::windows::Windows;

/// `y = gelu(weight * x + bias)`, where `*` looks at x through windows of 3 x 3 pixels.
///
/// The windows of a few maps at a time become the rows of a matrix, so that the convolution is one product and its
/// gradients are two; the backward pass looks through them again instead of keeping them, nine times the size of x.
///
/// # Shapes
/// x (B, height, width, C) and y (B, height / stride, width / stride, O), both sides rounded up, contiguous; parameters as
/// [`ConvolutionLayout`] says.
#[derive(Clone, Debug)]
pub struct Convolution {
    level: Level,
    layout: ConvolutionLayout,
    windows: Windows,
    linear: Linear,
}

impl Convolution {
    /// The convolution of maps of `height` x `width` pixels from `channels` to `outputs` numbers a pixel.
    ///
    /// # Panics
    /// If `stride` is zero.
    pub fn new([height, width]: [usize; 2], [channels, outputs]: [usize; 2], stride: usize) -> Self {
        assert!(stride > 0, "windows must move");
        let layout = ConvolutionLayout::new(channels, outputs);
        let windows = Windows { height, width, channels, stride };
        let linear = Linear::at(layout.weight.start, layout.bias.start, [outputs, windows.window_len()]);
        Self { level: Level::best(), layout, windows, linear }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &ConvolutionLayout {
        &self.layout
    }

    /// Rows, columns and channels of the result.
    pub fn shape(&self) -> [usize; 3] {
        let [rows, columns] = self.windows.grid();
        [rows, columns, self.linear.outputs]
    }

    /// How many numbers one map has.
    pub(crate) fn map_len(&self) -> usize {
        self.windows.map_len()
    }

    /// How many numbers [`Self::forward`] saves for [`Self::backward`], for B maps; as many as the result has.
    pub fn saved_len(&self, batch: usize) -> usize {
        batch * self.result_len()
    }

    fn result_len(&self) -> usize {
        self.windows.count() * self.linear.outputs
    }

    /// Maps that are taken at a time, so that a small one does not make a small product.
    fn maps_at_a_time(&self) -> usize {
        ROWS_AT_A_TIME.div_ceil(self.windows.count())
    }

    /// How many numbers the windows of so many maps show.
    fn shown_len(&self, maps: usize) -> usize {
        maps * self.windows.count() * self.windows.window_len()
    }

    fn gather(&self, maps: &[f32], shown: &mut [f32]) {
        let each = shown.chunks_exact_mut(self.shown_len(1));
        maps.chunks_exact(self.windows.map_len())
            .zip(each)
            .for_each(|(map, shown)| self.windows.gather(map, shown));
    }

    /// The forward pass over B maps; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        batch: usize,
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let x = &x[..batch * self.windows.map_len()];
        let (y, derivative) = (&mut y[..self.saved_len(batch)], &mut saved[..self.saved_len(batch)]);
        self.level.run(Forward { convolution: self, params, x, y, derivative, scratch });
    }

    /// The forward pass where no backward pass follows.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn infer(&self, batch: usize, params: &[f32], x: &[f32], y: &mut [f32], scratch: &mut Scratch) {
        let (maps, results) = (&x[..batch * self.windows.map_len()], &mut y[..self.saved_len(batch)]);
        let at_a_time = self.maps_at_a_time();
        let parts = maps.chunks(at_a_time * self.windows.map_len());
        for (x, y) in parts.zip(results.chunks_mut(at_a_time * self.result_len())) {
            scratch.without_saving(y.len(), |saved, scratch| {
                self.forward(y.len() / self.result_len(), params, x, y, saved, scratch);
            });
        }
    }

    /// The backward pass: adds to `d_params`, and overwrites `dx` where it is asked for. `x` and `saved` are the forward
    /// pass's.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    #[expect(
        clippy::too_many_arguments,
        reason = "a backward pass reads all that its forward pass read and wrote"
    )]
    pub fn backward(
        &self,
        batch: usize,
        params: &[f32],
        x: &[f32],
        saved: &[f32],
        dy: &[f32],
        dx: Option<&mut [f32]>,
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let x = &x[..batch * self.windows.map_len()];
        let (dy, derivative) = (&dy[..self.saved_len(batch)], &saved[..self.saved_len(batch)]);
        let dx = dx.map(|dx| &mut dx[..x.len()]);
        self.level.run(Backward { convolution: self, params, x, derivative, dy, dx, d_params, scratch });
    }
}

struct Forward<'a> {
    convolution: &'a Convolution,
    params: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    derivative: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution: c, params, x, y, derivative, scratch } = self;
        let at_a_time = c.maps_at_a_time();
        let [weight, shown] = scratch.parts([c.linear.scratch_len(), c.shown_len(at_a_time)]);
        let results = at_a_time * c.result_len();
        let parts = x.chunks(at_a_time * c.windows.map_len()).zip(derivative.chunks_mut(results));
        for ((maps, derivative), y) in parts.zip(y.chunks_mut(results)) {
            let shown = &mut shown[..c.shown_len(y.len() / c.result_len())];
            c.gather(maps, shown);
            c.linear.forward(simd, params, shown, None, derivative, weight);
            gelu_with_derivative(simd, derivative, y);
        }
    }
}

struct Backward<'a> {
    convolution: &'a Convolution,
    params: &'a [f32],
    x: &'a [f32],
    derivative: &'a [f32],
    dy: &'a [f32],
    dx: Option<&'a mut [f32]>,
    d_params: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution: c, params, x, derivative, dy, mut dx, d_params, scratch } = self;
        let at_a_time = c.maps_at_a_time();
        let (maps_len, results) = (at_a_time * c.windows.map_len(), at_a_time * c.result_len());
        let [shown, d_linear] = scratch.parts([c.shown_len(at_a_time), results]);
        let parts = x.chunks(maps_len).zip(derivative.chunks(results)).zip(dy.chunks(results));
        for (part, ((maps, derivative), dy)) in parts.enumerate() {
            let shown = &mut shown[..c.shown_len(dy.len() / c.result_len())];
            let d_linear = &mut d_linear[..dy.len()];
            d_linear.copy_from_slice(dy);
            multiply(simd, derivative, d_linear);
            c.gather(maps, shown);
            c.linear.parameter_gradients(simd, shown, d_linear, d_params);
            if let Some(dx) = &mut dx {
                let dx = &mut dx[part * maps_len..][..maps.len()];
                dx.fill(0.0);
                c.linear.input_gradient(simd, params, d_linear, Start::Zero, shown);
                let each = shown.chunks_exact(c.shown_len(1));
                dx.chunks_exact_mut(c.windows.map_len())
                    .zip(each)
                    .for_each(|(map, d)| c.windows.scatter(d, map));
            }
        }
    }
}
