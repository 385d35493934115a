//! What sub-layers are applied to: tensors of candle, or the values of a [`Tape`](crate::Tape); and the parameters beside them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::{Result, Shape, Tensor, Var, bail};

use super::support::expect_size;
use super::token_embedding::Lookup;
use crate::sizes::{check_sizes, sum};
use crate::{CrossAttention, Head, HeadLoss, Mlp, PatchEmbedding, SelfAttention, Stem, SubLayer};

/// What sub-layers are applied to: a tensor of candle, whose graph any loss can be differentiated through, or a value of a
/// [`Tape`](crate::Tape), which costs less and knows sub-layers only.
pub trait Operand: Sized {
    /// Its shape.
    fn shape(&self) -> &Shape;

    /// The same numbers, which get no gradient.
    #[must_use]
    fn data(&self) -> Self;

    /// The result, of shape `output`, of a sub-layer that is applied to one or two inputs and its parameters.
    ///
    /// # Errors
    /// If the parameters are not of the sub-layer's size, a size is zero or more than memory holds, or something is not `f32`
    /// on the CPU.
    fn apply(layer: Layer, inputs: &[&Self], params: &Packed, output: Shape) -> Result<Self>;

    /// The vectors of tokens, beside this value.
    ///
    /// # Errors
    /// As [`Operand::apply`].
    fn look_up(&self, lookup: Lookup, params: &Tensor) -> Result<Self>;

    /// The patches of maps.
    ///
    /// # Errors
    /// As [`Operand::apply`].
    fn patches(&self, cut: Cut) -> Result<Self>;
}

/// The packed parameters of a sub-layer: a tensor of rank 1.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) values: Tensor,
    pub(super) transposed: Transposed,
}

/// What forward passes make of parameters; see [`SubLayer::transposed`].
#[derive(Clone, Debug, Default)]
pub(super) struct Transposed {
    /// Where it is kept for the next pass, if there is such a place.
    kept: Option<Arc<OnceLock<Vec<f32>>>>,
}

impl Packed {
    /// Parameters of one sub-layer that do not change as long as this and its clones live. Their matrices are transposed once; those
    /// of others are transposed in each forward pass.
    pub fn fixed(values: Tensor) -> Self {
        Self { values, transposed: Transposed { kept: Some(Arc::default()) } }
    }

    /// The parameters as they are.
    pub fn values(&self) -> &Tensor {
        &self.values
    }
}

impl From<&Tensor> for Packed {
    fn from(values: &Tensor) -> Self {
        Self { values: values.clone(), transposed: Transposed::default() }
    }
}

impl From<&Var> for Packed {
    fn from(values: &Var) -> Self {
        values.as_tensor().into()
    }
}

impl From<&Self> for Packed {
    fn from(params: &Self) -> Self {
        params.clone()
    }
}

impl Transposed {
    /// Runs a forward pass with the transpose of the parameters of a layer.
    pub(super) fn with<const N: usize, R>(
        &self,
        layer: &impl SubLayer<N>,
        params: &[f32],
        pass: impl FnOnce(&[f32]) -> R,
    ) -> R {
        match &self.kept {
            Some(kept) => pass(kept.get_or_init(|| layer.transposed(params))),
            None => pass(&layer.transposed(params)),
        }
    }
}

/// A sub-layer of certain sizes.
///
/// It is no type parameter of [`Operand::apply`]: the kernels would be compiled once more in each crate that calls it, with that
/// crate's checks in their innermost loops.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is what it holds")]
pub enum Layer {
    Stem(Stem, [usize; 1]),
    PatchEmbedding(PatchEmbedding, [usize; 1]),
    SelfAttention(SelfAttention, [usize; 3]),
    CrossAttention(CrossAttention, [usize; 3]),
    Mlp(Mlp, [usize; 1]),
    Head(Head, [usize; 1]),
    HeadLoss(HeadLoss, [usize; 1]),
}

/// What applies a sub-layer of a known type.
pub(super) trait Apply: Sized {
    fn apply_layer<const N: usize, L>(
        layer: (&'static str, L),
        sizes: L::Sizes,
        inputs: [&Self; N],
        params: &Packed,
        output: Shape,
    ) -> Result<Self>
    where
        L: SubLayer<N> + Send + Sync + 'static;
}

/// [`Operand::apply`] by [`Apply`].
pub(super) fn apply<X: Apply>(layer: Layer, inputs: &[&X], params: &Packed, output: Shape) -> Result<X> {
    match layer {
        Layer::Stem(layer, sizes) => checked(("stem", layer), sizes, inputs, params, output),
        Layer::PatchEmbedding(layer, sizes) => {
            checked(("patch-embedding", layer), sizes, inputs, params, output)
        }
        Layer::SelfAttention(layer, sizes) => {
            checked(("self-attention", layer), sizes, inputs, params, output)
        }
        Layer::CrossAttention(layer, sizes) => {
            checked(("cross-attention", layer), sizes, inputs, params, output)
        }
        Layer::Mlp(layer, sizes) => checked(("mlp", layer), sizes, inputs, params, output),
        Layer::Head(layer, sizes) => checked(("logits", layer), sizes, inputs, params, output),
        Layer::HeadLoss(layer, sizes) => checked(("head-loss", layer), sizes, inputs, params, output),
    }
}

/// Applies a sub-layer whose sizes and number of inputs fit.
fn checked<const N: usize, L, X: Apply>(
    (name, layer): (&'static str, L),
    sizes: L::Sizes,
    inputs: &[&X],
    params: &Packed,
    output: Shape,
) -> Result<X>
where
    L: SubLayer<N> + Send + Sync + 'static,
{
    let lens = layer.lens(sizes);
    expect_size(name, &params.values, lens.params)?;
    check_sizes(name, sizes.as_ref(), sum(lens.inputs.into_iter().chain([lens.y, lens.saved])))?;
    let Ok(inputs) = <[&X; N]>::try_from(inputs) else { bail!("{name}: {} inputs, not {N}", inputs.len()) };
    X::apply_layer((name, layer), sizes, inputs, params, output)
}

/// How maps of (B, down rows, across columns) numbers are cut into patches of rows x columns.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub(super) batch: usize,
    pub(super) down: usize,
    pub(super) rows: usize,
    pub(super) across: usize,
    pub(super) columns: usize,
}

impl Cut {
    /// Where each row of each patch lies in its map, and where among the patches.
    pub(super) fn rows(&self, mut each: impl FnMut(Range<usize>, Range<usize>)) {
        let Self { batch, down, rows, across, columns } = *self;
        let range = |first: usize| first * columns..(first + 1) * columns;
        for (patches, row) in (0..batch * down).flat_map(|patches| (0..rows).map(move |row| (patches, row))) {
            for patch in 0..across {
                let from = (patches * rows + row) * across + patch;
                each(range(from), range((patches * across + patch) * rows + row));
            }
        }
    }

    /// The shape of the patches: (B, N, P).
    pub(super) fn shape(&self) -> (usize, usize, usize) {
        (self.batch, self.down * self.across, self.rows * self.columns)
    }
}
