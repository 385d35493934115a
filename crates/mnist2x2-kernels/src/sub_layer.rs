//! What all sub-layers have in common: their passes, and how a pass gets onto an instruction set.

use std::array;

use pulp::{Simd, WithSimd};

use crate::scratch::Scratch;

/// What a forward pass reads and writes.
#[derive(Debug)]
pub struct Forward<'a, const N: usize> {
    /// The parameters, with each matrix transposed; see [`SubLayer::transposed`].
    pub transposed: &'a [f32],
    /// The inputs.
    pub inputs: [&'a [f32]; N],
    /// The result.
    pub y: &'a mut [f32],
    /// What the backward pass needs.
    pub saved: &'a mut [f32],
}

/// What a backward pass reads, and the gradients that it writes, whatever was there.
#[derive(Debug)]
pub struct Backward<'a, const N: usize> {
    /// The parameters, packed as the sub-layer's layout says.
    pub params: &'a [f32],
    /// As in the forward pass.
    pub inputs: [&'a [f32]; N],
    /// What the forward pass saved.
    pub saved: &'a [f32],
    /// The gradient of the result.
    pub dy: &'a [f32],
    /// The gradients of the inputs.
    pub dx: [&'a mut [f32]; N],
    /// The gradient of the parameters.
    pub d_params: &'a mut [f32],
}

/// How many numbers there are of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lens<const N: usize> {
    /// In the packed parameters.
    pub params: usize,
    /// In each input.
    pub inputs: [usize; N],
    /// In the result.
    pub y: usize,
    /// In what the forward pass saves for the backward pass.
    pub saved: usize,
}

/// A sub-layer of `N` inputs over slices.
pub trait SubLayer<const N: usize> {
    /// The sizes that differ from call to call, the batch first.
    type Sizes: Copy + AsRef<[usize]> + AsMut<[usize]> + Send + Sync;

    /// Inputs that are data as a rule. Their gradient costs much, so it is left out where its slice is empty.
    const DATA: [bool; N] = [false; N];

    /// The lengths of all slices. One that no slice can have, because it is too large for a number, is the largest number.
    fn lens(&self, sizes: Self::Sizes) -> Lens<N>;

    /// How much of the batch [`Self::infer`] takes at a time.
    fn at_a_time(&self, _sizes: Self::Sizes) -> usize {
        usize::MAX
    }

    /// Packed parameters with each matrix transposed, as forward passes read them.
    ///
    /// # Panics
    /// If there are fewer than [`Self::lens`] says.
    fn transposed(&self, params: &[f32]) -> Vec<f32>;

    /// The forward pass on one instruction set, over slices of exactly the lengths that [`Self::lens`] says.
    fn forward_on<S: Simd>(&self, simd: S, sizes: Self::Sizes, pass: Forward<N>, scratch: &mut Scratch);

    /// The backward pass on one instruction set, as [`Self::forward_on`].
    fn backward_on<S: Simd>(&self, simd: S, sizes: Self::Sizes, pass: Backward<N>, scratch: &mut Scratch);

    /// The forward pass.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    fn forward(&self, sizes: Self::Sizes, pass: Forward<N>, scratch: &mut Scratch) {
        let (lens, Forward { transposed, inputs, y, saved }) = (self.lens(sizes), pass);
        let pass = Forward {
            transposed: &transposed[..lens.params],
            inputs: array::from_fn(|i| &inputs[i][..lens.inputs[i]]),
            y: &mut y[..lens.y],
            saved: &mut saved[..lens.saved],
        };
        scratch.level().run(RunForward { layer: self, sizes, pass, scratch });
    }

    /// The forward pass where no backward pass follows, in parts of the batch that stay in a second-level cache.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    fn infer(
        &self,
        sizes: Self::Sizes,
        transposed: &[f32],
        inputs: [&[f32]; N],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let with_batch = |batch| {
            let mut sizes = sizes;
            sizes.as_mut()[0] = batch;
            sizes
        };
        let (batch, at_a_time) = (sizes.as_ref()[0], self.at_a_time(sizes).max(1));
        let (all, one) = (self.lens(sizes), self.lens(with_batch(1)));
        let (inputs, y): ([_; N], _) = (array::from_fn(|i| &inputs[i][..all.inputs[i]]), &mut y[..all.y]);
        for first in (0..batch).step_by(at_a_time) {
            let sizes = with_batch(at_a_time.min(batch - first));
            let inputs = array::from_fn(|i| &inputs[i][first * one.inputs[i]..]);
            let y = &mut y[first * one.y..];
            // What is saved here no backward pass will read.
            scratch.with_buffer(self.lens(sizes).saved, |saved, scratch| {
                self.forward(sizes, Forward { transposed, inputs, y, saved }, scratch);
            });
        }
    }

    /// The backward pass.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    fn backward(&self, sizes: Self::Sizes, pass: Backward<N>, scratch: &mut Scratch) {
        let (lens, Backward { params, inputs, saved, dy, dx, d_params }) = (self.lens(sizes), pass);
        let mut i = 0..N;
        let pass = Backward {
            params: &params[..lens.params],
            inputs: array::from_fn(|i| &inputs[i][..lens.inputs[i]]),
            saved: &saved[..lens.saved],
            dy: &dy[..lens.y],
            dx: dx.map(|dx| match i.next() {
                Some(i) if !(Self::DATA[i] && dx.is_empty()) => &mut dx[..lens.inputs[i]],
                _ => dx,
            }),
            d_params: &mut d_params[..lens.params],
        };
        scratch.level().run(RunBackward { layer: self, sizes, pass, scratch });
    }
}

struct RunForward<'a, L: SubLayer<N> + ?Sized, const N: usize> {
    layer: &'a L,
    sizes: L::Sizes,
    pass: Forward<'a, N>,
    scratch: &'a mut Scratch,
}

impl<L: SubLayer<N> + ?Sized, const N: usize> WithSimd for RunForward<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.layer.forward_on(simd, self.sizes, self.pass, self.scratch);
    }
}

struct RunBackward<'a, L: SubLayer<N> + ?Sized, const N: usize> {
    layer: &'a L,
    sizes: L::Sizes,
    pass: Backward<'a, N>,
    scratch: &'a mut Scratch,
}

impl<L: SubLayer<N> + ?Sized, const N: usize> WithSimd for RunBackward<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.layer.backward_on(simd, self.sizes, self.pass, self.scratch);
    }
}
