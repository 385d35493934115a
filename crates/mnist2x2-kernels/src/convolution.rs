//! A convolution and its non-linearity (T. Xiao and others, *Early Convolutions Help Transformers See Better*, 2021, put
//! a few of them before the first patch).

use candle_core::Result;
use pulp::Simd;

use crate::gelu::gelu_with_derivative;
use crate::gemm::Start;
use crate::linear::{Linear, transposed};
use crate::packed::ConvolutionLayout;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::simd::multiply;
use crate::sizes::{check_sizes, numbers_in, sum};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};
use crate::windows::Windows;

/// `y = gelu(weight * x + bias)`, where `*` looks at x through windows of 3 x 3 pixels.
///
/// The windows of a few maps at a time become the rows of a matrix, so that the convolution is one product and its
/// gradients are two; the backward pass looks through them again instead of keeping them, nine times the size of x.
///
/// # Shapes
/// x (B, height, width, C) and y (B, height / stride, width / stride, O), both sides rounded up, contiguous; parameters as
/// [`ConvolutionLayout`] says. Sizes are `[B]`.
#[derive(Clone, Debug)]
pub struct Convolution {
    layout: ConvolutionLayout,
    windows: Windows,
    linear: Linear,
}

impl Convolution {
    /// The convolution of maps of `height` x `width` pixels from `channels` to `outputs` numbers a pixel.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new([height, width]: [usize; 2], [channels, outputs]: [usize; 2], stride: usize) -> Result<Self> {
        let layout = ConvolutionLayout::new(channels, outputs);
        // The windows of a map show the most numbers of all that is made of it, and as many more of the next map.
        let shown = numbers_in([height.max(ROWS_AT_A_TIME), width, layout.weight.len() / outputs.max(1)]);
        let numbers = sum([layout.size(), shown, numbers_in([height, width, outputs])]);
        check_sizes("convolution", &[height, width, channels, outputs, stride], numbers)?;
        let windows = Windows { height, width, channels, stride };
        let linear = Linear::at(layout.weight.start, layout.bias.start, [outputs, windows.window_len()]);
        Ok(Self { layout, windows, linear })
    }

    /// Rows, columns and channels of the result.
    pub fn shape(&self) -> [usize; 3] {
        let [rows, columns] = self.windows.grid();
        [rows, columns, self.linear.outputs]
    }

    /// How many numbers the result for one map has.
    pub(crate) fn result_len(&self) -> usize {
        self.windows.count() * self.linear.outputs
    }

    /// Maps that are taken at a time, so that a small one does not make a small product.
    fn maps_at_a_time(&self) -> usize {
        ROWS_AT_A_TIME.div_ceil(self.windows.count())
    }

    /// How many numbers the windows of so many maps show.
    fn shown_len(&self, maps: usize) -> usize {
        numbers_in([maps, self.windows.count(), self.windows.window_len()])
    }

    fn gather(&self, maps: &[f32], shown: &mut [f32]) {
        let each = shown.chunks_exact_mut(self.shown_len(1));
        maps.chunks_exact(self.windows.map_len())
            .zip(each)
            .for_each(|(map, shown)| self.windows.gather(map, shown));
    }
}

impl SubLayer<1> for Convolution {
    type Sizes = [usize; 1];

    const DATA: [bool; 1] = [true];

    fn lens(&self, [batch]: [usize; 1]) -> Lens<1> {
        let [x, y] = [self.windows.map_len(), self.result_len()].map(|len| numbers_in([batch, len]));
        Lens { params: self.layout.size(), inputs: [x], y, saved: y }
    }

    fn at_a_time(&self, _: [usize; 1]) -> usize {
        self.maps_at_a_time()
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        transposed([&self.linear], &params[..self.layout.size()])
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Forward<1>, scratch: &mut Scratch) {
        let Forward { transposed, inputs: [x], y, saved: derivative } = pass;
        let at_a_time = self.maps_at_a_time();
        let [shown] = scratch.parts([self.shown_len(at_a_time)]);
        let results = at_a_time * self.result_len();
        let parts = x.chunks(at_a_time * self.windows.map_len()).zip(derivative.chunks_mut(results));
        for ((maps, derivative), y) in parts.zip(y.chunks_mut(results)) {
            let shown = &mut shown[..self.shown_len(y.len() / self.result_len())];
            self.gather(maps, shown);
            self.linear.forward(simd, transposed, shown, None, derivative);
            gelu_with_derivative(simd, derivative, y);
        }
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Backward<1>, scratch: &mut Scratch) {
        let Backward { params, inputs: [x], saved: derivative, dy, dx: [dx], d_params } = pass;
        let at_a_time = self.maps_at_a_time();
        let (maps_len, results) = (at_a_time * self.windows.map_len(), at_a_time * self.result_len());
        let [shown, d_linear] = scratch.parts([self.shown_len(at_a_time), results]);
        d_params.fill(0.0);
        let parts = x.chunks(maps_len).zip(derivative.chunks(results)).zip(dy.chunks(results));
        for (part, ((maps, derivative), dy)) in parts.enumerate() {
            let shown = &mut shown[..self.shown_len(dy.len() / self.result_len())];
            let d_linear = &mut d_linear[..dy.len()];
            d_linear.copy_from_slice(dy);
            multiply(simd, derivative, d_linear);
            self.gather(maps, shown);
            self.linear.parameter_gradients(simd, (shown, d_linear), Start::Keep, d_params);
            if !dx.is_empty() {
                let dx = &mut dx[part * maps_len..][..maps.len()];
                dx.fill(0.0);
                self.linear.input_gradient(simd, params, d_linear, Start::Zero, shown);
                let each = shown.chunks_exact(self.shown_len(1));
                dx.chunks_exact_mut(self.windows.map_len())
                    .zip(each)
                    .for_each(|(map, d)| self.windows.scatter(d, map));
            }
        }
    }
}
