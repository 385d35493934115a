//! Multi-head attention as a residual sub-layer (Vaswani et al., 2017, section 3.2).

use candle_core::{D, Module, Result, Tensor, bail};
use candle_nn::{Linear, VarBuilder, linear, ops};
use mnist2x2_kernels as kernels;

use crate::norm::LayerNorm;
use crate::parameters::packed;

/// Added to the score of a key that a query must not see. After the softmax exactly 0 in f32, and finite, unlike the
/// paper's minus infinity, so that no gradient can become NaN.
const MASKED: f32 = -1e9;

/// `softmax(q k^T / sqrt(D / H) + mask) v`, equation 1 of the paper, for all heads at once.
///
/// Returns what was gathered and the weights it was gathered with.
///
/// # Shapes
/// `q` (B, H, T, D/H), `k` and `v` (B, H, N, D/H), `mask` (T, N) -> (B, H, T, D/H) and (B, H, T, N)
///
/// # Errors
/// If the shapes do not fit.
pub fn scaled_dot_product_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();
    let mut scores = (q.matmul(&k.t()?)? * scale)?; // (B, H, T, N)
    if let Some(mask) = mask {
        scores = scores.broadcast_add(mask)?;
    }
    let weights = ops::softmax(&scores, D::Minus1)?;
    Ok((weights.matmul(v)?, weights))
}

/// The keys and values that queries attend to, each (B, H, N, D/H).
#[derive(Clone, Debug)]
pub(crate) struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

/// What an attention sub-layer keeps between the tokens of a sequence, for each of the two ways to compute.
#[derive(Clone, Debug)]
pub(crate) enum Past {
    Fused(kernels::KeyValueCache),
    Plain(Option<KeysValues>),
}

impl Past {
    /// That of the sequences `rows`, in that order.
    pub(crate) fn select(&self, rows: &[u32]) -> Result<Self> {
        Ok(match self {
            Self::Fused(cache) => Self::Fused(cache.select(rows)),
            Self::Plain(past) => Self::Plain(past.as_ref().map(|past| past.select(rows)).transpose()?),
        })
    }
}

impl KeysValues {
    /// Splits the result of a fused key and value projection: (B, N, 2 D).
    fn split(projected: &Tensor, heads: usize) -> Result<Self> {
        let halves = projected.chunk(2, D::Minus1)?;
        Ok(Self { keys: split_heads(&halves[0], heads)?, values: split_heads(&halves[1], heads)? })
    }

    /// Those of the sequences `rows`, in that order.
    fn select(&self, rows: &[u32]) -> Result<Self> {
        let rows = Tensor::new(rows, self.keys.device())?;
        Ok(Self { keys: self.keys.index_select(&rows, 0)?, values: self.values.index_select(&rows, 0)? })
    }

    /// These followed by `later` along the sequence.
    fn followed_by(&self, later: &Self) -> Result<Self> {
        Ok(Self {
            keys: Tensor::cat(&[&self.keys, &later.keys], 2)?,
            values: Tensor::cat(&[&self.values, &later.values], 2)?,
        })
    }

    fn attend(&self, q: &Tensor, mask: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let (gathered, weights) = scaled_dot_product_attention(q, &self.keys, &self.values, mask)?;
        Ok((join_heads(&gathered)?, weights))
    }
}

/// `x + out(attention(q, k, v))` with `q, k, v = qkv(norm(x))`: every position gathers from all, or, if causal, from
/// itself and those before it.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    heads: usize,
    causal: bool,
    packed: Option<Tensor>,
}

impl SelfAttention {
    /// The sub-layer with the tensors of a block's builder `vb` under the three given names.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(
        [norm, qkv, out]: [&str; 3],
        width: usize,
        heads: usize,
        causal: bool,
        vb: &VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(width, &vb.pp(norm))?,
            qkv: linear(width, 3 * width, vb.pp(qkv))?,
            out: linear(width, width, vb.pp(out))?,
            heads,
            causal,
            packed: packed(vb, "self_attention")?,
        })
    }

    /// The sub-layer's output and its attention weights.
    ///
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, D) and (B, H, T, T)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward_with_weights(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (q, keys_values) = self.project(x)?;
        let mask = if self.causal { Some(causal_mask(x)?) } else { None };
        let (gathered, weights) = keys_values.attend(&q, mask.as_ref())?;
        Ok(((x + self.out.forward(&gathered)?)?, weights))
    }

    /// What the sub-layer remembers of `batch` sequences of up to `capacity` tokens before the first.
    pub(crate) fn nothing_yet(&self, batch: usize, capacity: usize, width: usize) -> Past {
        match self.packed {
            Some(_) => Past::Fused(kernels::KeyValueCache::new(batch, capacity, width)),
            None => Past::Plain(None),
        }
    }

    /// One more position, which attends to itself and to all in `past`, and is then part of `past`.
    ///
    /// # Shapes
    /// `x` (B, 1, D) -> (B, 1, D)
    pub(crate) fn step(&self, x: &Tensor, past: &mut Past) -> Result<Tensor> {
        match (past, &self.packed) {
            (Past::Fused(cache), Some(packed)) => kernels::self_attention_step(x, packed, self.heads, cache),
            (Past::Plain(past), _) => self.plain_step(x, past),
            (Past::Fused(_), None) => bail!("a cache of the fused kernels was given to a plain model"),
        }
    }

    fn plain_step(&self, x: &Tensor, past: &mut Option<KeysValues>) -> Result<Tensor> {
        let (q, newest) = self.project(x)?;
        let all = match past.take() {
            Some(past) => past.followed_by(&newest)?,
            None => newest,
        };
        let (gathered, _) = all.attend(&q, None)?;
        *past = Some(all);
        x + self.out.forward(&gathered)?
    }

    fn project(&self, x: &Tensor) -> Result<(Tensor, KeysValues)> {
        let qkv = self.qkv.forward(&self.norm.forward(x)?)?; // (B, T, 3 D)
        let width = x.dim(D::Minus1)?;
        let q = split_heads(&qkv.narrow(D::Minus1, 0, width)?, self.heads)?;
        let keys_values = KeysValues::split(&qkv.narrow(D::Minus1, width, 2 * width)?, self.heads)?;
        Ok((q, keys_values))
    }
}

impl Module for SelfAttention {
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.packed {
            Some(packed) => kernels::self_attention(x, packed, self.heads, self.causal),
            None => Ok(self.forward_with_weights(x)?.0),
        }
    }
}

/// `x + out(attention(q, k, v))` with `q = q(norm(x))` and `k, v = kv(memory)`: the decoder looks at the picture.
#[derive(Clone, Debug)]
pub struct CrossAttention {
    norm: LayerNorm,
    q: Linear,
    kv: Linear,
    out: Linear,
    heads: usize,
    packed: Option<Tensor>,
}

impl CrossAttention {
    /// The sub-layer with the tensors of a decoder block's builder `vb`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(width: usize, heads: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(width, &vb.pp("norm2"))?,
            q: linear(width, width, vb.pp("cross_attn_q"))?,
            kv: linear(width, 2 * width, vb.pp("cross_attn_kv"))?,
            out: linear(width, width, vb.pp("cross_out"))?,
            heads,
            packed: packed(vb, "cross_attention")?,
        })
    }

    /// # Shapes
    /// `x` (B, T, D), `memory` (B, N, D) -> (B, T, D)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(&self, x: &Tensor, memory: &Tensor) -> Result<Tensor> {
        match &self.packed {
            Some(packed) => kernels::cross_attention(x, memory, packed, self.heads),
            None => Ok(self.forward_with_weights(x, memory)?.0),
        }
    }

    /// The sub-layer's output and its attention weights.
    ///
    /// # Shapes
    /// `x` (B, T, D), `memory` (B, N, D) -> (B, T, D) and (B, H, T, N)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward_with_weights(&self, x: &Tensor, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        self.attend(x, &self.keys_values(memory)?)
    }

    /// What the decoder looks at, computed once for all tokens of a sequence.
    pub(crate) fn remember(&self, memory: &Tensor) -> Result<Past> {
        Ok(match &self.packed {
            Some(packed) => Past::Fused(kernels::remember(memory, packed, self.heads)?),
            None => Past::Plain(Some(self.keys_values(memory)?)),
        })
    }

    /// One position, which attends to what was remembered.
    ///
    /// # Shapes
    /// `x` (B, 1, D) -> (B, 1, D)
    pub(crate) fn step(&self, x: &Tensor, memory: &Past) -> Result<Tensor> {
        match (memory, &self.packed) {
            (Past::Fused(cache), Some(packed)) => kernels::cross_attention_step(x, packed, self.heads, cache),
            (Past::Plain(Some(memory)), _) => Ok(self.attend(x, memory)?.0),
            _ => bail!("a cache was given to a model of another kind"),
        }
    }

    fn keys_values(&self, memory: &Tensor) -> Result<KeysValues> {
        KeysValues::split(&self.kv.forward(memory)?, self.heads)
    }

    fn attend(&self, x: &Tensor, memory: &KeysValues) -> Result<(Tensor, Tensor)> {
        let q = split_heads(&self.q.forward(&self.norm.forward(x)?)?, self.heads)?;
        let (gathered, weights) = memory.attend(&q, None)?;
        Ok(((x + self.out.forward(&gathered)?)?, weights))
    }
}

/// # Shapes
/// `x` (B, T, D) -> (B, H, T, D/H)
fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (b, t, d) = x.dims3()?;
    x.reshape((b, t, heads, d / heads))? // (B, T, H, D/H)
        .transpose(1, 2)? // (B, H, T, D/H)
        .contiguous()
}

/// # Shapes
/// `x` (B, H, T, D/H) -> (B, T, D)
fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (b, h, t, head_width) = x.dims4()?;
    x.transpose(1, 2)? // (B, T, H, D/H)
        .reshape((b, t, h * head_width)) // (B, T, D)
}

/// What is added to the scores of the T positions of `x`, so that none sees a later one: (T, T).
fn causal_mask(x: &Tensor) -> Result<Tensor> {
    let (_, t, _) = x.dims3()?;
    let rows = (0..t).flat_map(|query| (0..t).map(move |key| if key > query { MASKED } else { 0.0 }));
    Tensor::from_iter(rows, x.device())?.reshape((t, t))?.to_dtype(x.dtype())
}
