//! The head: logits, and the loss they are trained by.

use pulp::{Simd, WithSimd};

use crate::cross_entropy::cross_entropy;
use crate::gemm::Start;
use crate::layout::HeadLayout;
use crate::linear::Linear;
use crate::scratch::Scratch;
use crate::simd::Level;

/// `logits = x W^T + b` and their mean cross-entropy against target distributions.
///
/// # Shapes
/// x (R, D), logits (R, V), targets (R, V), each row adding up to 1, contiguous, where R counts every token of every sequence; parameters as
/// [`HeadLayout`] says.
#[derive(Clone, Debug)]
pub struct Head {
    vocabulary: usize,
    width: usize,
    level: Level,
    layout: HeadLayout,
    linear: Linear,
}

impl Head {
    /// The head over V = `vocabulary` tokens for vectors of D = `width` on the best instruction set of this machine.
    pub fn new(vocabulary: usize, width: usize) -> Self {
        let layout = HeadLayout::new(vocabulary, width);
        let linear = Linear::at(layout.weight.start, layout.bias.start, [vocabulary, width]);
        Self { vocabulary, width, level: Level::best(), layout, linear }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &HeadLayout {
        &self.layout
    }

    /// The logits of R rows.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn logits(&self, rows: usize, params: &[f32], x: &[f32], y: &mut [f32], scratch: &mut Scratch) {
        let (x, y) = (&x[..rows * self.width], &mut y[..rows * self.vocabulary]);
        self.level.run(Logits { head: self, params, x, y, scratch });
    }

    /// The backward pass of [`Self::logits`]: overwrites `dx`, adds to `d_params`.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn logits_backward(
        &self,
        params: &[f32],
        x: &[f32],
        d_logits: &[f32],
        dx: &mut [f32],
        d_params: &mut [f32],
    ) {
        self.level.run(LogitsBackward { head: self, params, x, d_logits, dx, d_params });
    }

    /// How many numbers [`Self::loss`] saves for [`Self::backward`], for R rows.
    pub fn saved_len(&self, rows: usize) -> usize {
        rows * self.vocabulary
    }

    /// The mean cross-entropy over all targets; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn loss(
        &self,
        rows: usize,
        params: &[f32],
        x: &[f32],
        targets: &[f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) -> f32 {
        let (x, size) = (&x[..rows * self.width], rows * self.vocabulary);
        let (targets, saved) = (&targets[..size], &mut saved[..size]);
        self.level.run(Loss { head: self, params, x, targets, saved, scratch })
    }

    /// The backward pass from the gradient of the mean loss: overwrites `dx`, adds to `d_params`. `x` and `saved` are those
    /// given to [`Self::loss`].
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
        d_loss: f32,
        dx: &mut [f32],
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let [d_logits] = scratch.parts([rows * self.vocabulary]);
        let scale = d_loss / rows as f32;
        d_logits.iter_mut().zip(saved).for_each(|(d, saved)| *d = saved * scale);
        self.logits_backward(params, x, d_logits, dx, d_params);
    }
}

struct Logits<'a> {
    head: &'a Head,
    params: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Logits<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { head, params, x, y, scratch } = self;
        let [weight] = scratch.parts([head.linear.scratch_len()]);
        head.linear.forward(simd, params, x, None, y, weight);
    }
}

struct LogitsBackward<'a> {
    head: &'a Head,
    params: &'a [f32],
    x: &'a [f32],
    d_logits: &'a [f32],
    dx: &'a mut [f32],
    d_params: &'a mut [f32],
}

impl WithSimd for LogitsBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { head, params, x, d_logits, dx, d_params } = self;
        head.linear.parameter_gradients(simd, x, d_logits, d_params);
        head.linear.input_gradient(simd, params, d_logits, Start::Zero, dx);
    }
}

struct Loss<'a> {
    head: &'a Head,
    params: &'a [f32],
    x: &'a [f32],
    targets: &'a [f32],
    saved: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Loss<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let Self { head, params, x, targets, saved, scratch } = self;
        Logits { head, params, x, y: &mut *saved, scratch }.with_simd(simd);
        let rows = saved.len() / head.vocabulary;
        let mut sum = 0.0;
        for (logits, target) in
            saved.chunks_exact_mut(head.vocabulary).zip(targets.chunks_exact(head.vocabulary))
        {
            sum += cross_entropy(simd, logits, target);
        }
        sum / rows as f32
    }
}
