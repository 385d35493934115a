//! The Transformer on one page, composed of candle's operations. Read it beside the paper.
//!
//! The network is that of A. Vaswani and others, *Attention Is All You Need*, 2017, with two changes that are usual today:
//! - The norm stands before each sub-layer, not after it (R. Xiong and others, *On Layer Normalization in the Transformer
//!   Architecture*, 2020).
//! - The encoder reads an image that is cut into patches; `patch_embedding.rs` makes their vectors.
//!
//! Nothing here is about speed. `fused.rs` computes the same with fused kernels, and tests hold the two against each other.
//! Each layer finds its tensors by their published names, through candle's [`VarBuilder`].
//!
//! Shapes: **B** batch, **N** patches, **T** tokens, **D** width, **H** heads, **V** vocabulary.

use candle_core::{D, DType, Module, Result, Tensor};
use candle_nn::ops::{log_softmax, softmax};
use candle_nn::{Embedding, Linear, VarBuilder, embedding, linear};

use crate::Config;
use crate::patch_embedding::PatchEmbedding;
use crate::targets::distributions;

/// The whole network: from an image to the logits of each next token.
#[derive(Clone, Debug)]
pub struct Transformer {
    patch_embedding: PatchEmbedding,
    encoder: Vec<EncoderBlock>,
    token_embedding: TokenEmbedding,
    decoder: Vec<DecoderBlock>,
    output: Linear,
}

/// What the decoder keeps of B sequences between two tokens: what it knows of the picture and of the tokens so far.
#[derive(Clone, Debug)]
pub struct DecoderCache {
    blocks: Vec<BlockCache>,
    position: usize,
}

impl Transformer {
    /// The network with the tensors of `vb`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let encoder_block = |layer| EncoderBlock::new(config, &vb.pp(format!("encoder.layers.{layer}")));
        let decoder_block = |layer| DecoderBlock::new(config, &vb.pp(format!("decoder.layers.{layer}")));
        Ok(Self {
            patch_embedding: PatchEmbedding::new(config, vb)?,
            encoder: (0..config.encoder_layers).map(encoder_block).collect::<Result<_>>()?,
            token_embedding: TokenEmbedding::new(config, &vb.pp("decoder"))?,
            decoder: (0..config.decoder_layers).map(decoder_block).collect::<Result<_>>()?,
            output: linear(config.width, config.vocabulary, vb.pp("decoder.output_proj"))?,
        })
    }

    /// The encoded picture, called *memory*, and the weights of each block's self-attention.
    ///
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D) and, for each block, (B, H, N, N)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn encode(&self, images: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = self.patch_embedding.forward(images)?;
        let mut attention = Vec::new();
        for block in &self.encoder {
            let (output, weights) = block.forward(&x)?;
            x = output;
            attention.push(weights);
        }
        Ok((x, attention)) // no norm after the last block, as in the published model
    }

    /// Logits of the token after each of `tokens`, and the weights of each block's cross-attention.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, V) and, for each block, (B, H, T, N)
    ///
    /// # Errors
    /// If the shapes do not fit or a token is not in the vocabulary.
    pub fn decode(&self, tokens: &Tensor, memory: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        self.decode_more(tokens, &mut self.start(memory)?)
    }

    /// What the decoder knows before the first token.
    ///
    /// # Shapes
    /// `memory` (B, N, D)
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn start(&self, memory: &Tensor) -> Result<DecoderCache> {
        let blocks = self.decoder.iter().map(|block| block.start(memory)).collect::<Result<_>>()?;
        Ok(DecoderCache { blocks, position: 0 })
    }

    /// [`Transformer::decode`] for tokens that follow those which `cache` holds. They join them.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32 -> (B, T, V) and, for each block, (B, H, T, N)
    ///
    /// # Errors
    /// As [`Transformer::decode`].
    pub fn decode_more(&self, tokens: &Tensor, cache: &mut DecoderCache) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = self.token_embedding.forward(tokens, cache.position)?; // (B, T, D)
        let mut attention = Vec::new();
        for (block, cache) in self.decoder.iter().zip(&mut cache.blocks) {
            let (output, weights) = block.forward(&x, cache)?;
            x = output;
            attention.push(weights);
        }
        cache.position += tokens.dim(1)?;
        Ok((self.output.forward(&x)?, attention))
    }
}

impl DecoderCache {
    /// That of the sequences `rows`, in that order.
    ///
    /// # Errors
    /// If a row is not below B.
    pub fn select(&self, rows: &[u32]) -> Result<Self> {
        let blocks = self.blocks.iter().map(|block| block.select(rows)).collect::<Result<_>>()?;
        Ok(Self { blocks, position: self.position })
    }
}

/// Mean cross-entropy, in nats per token, of `logits` against `targets`: tokens, or distributions over them. A row of zeros is
/// of no token and counts nothing.
///
/// # Shapes
/// `logits` (B, T, V), `targets` (B, T) of u32 or (B, T, V) -> a scalar
///
/// # Errors
/// If the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let targets = distributions(targets, logits.dim(D::Minus1)?)?.to_dtype(logits.dtype())?;
    let mean = (&targets * log_softmax(logits, D::Minus1)?)?.sum(D::Minus1)?.mean_all()?.neg()?;
    let tokens = targets.sum(D::Minus1)?.ne(0.0)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()?;
    let rows = targets.elem_count() / targets.dim(D::Minus1)?;
    if tokens < rows as f32 { mean * (rows as f64 / f64::from(tokens.max(1.0))) } else { Ok(mean) }
}

// ---- Attention (section 3.2) ----------------------------------------------------------------------------------------

/// `softmax(q k^T / sqrt(D / H) + mask) v`, equation 1, for all heads at once: what was gathered, and the weights.
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
    let weights = softmax(&scores, D::Minus1)?;
    Ok((weights.matmul(v)?, weights))
}

/// What is added to the scores of the last T of N positions, so that none attends to a later one: (T, N).
///
/// -1e9 is exactly 0 after the softmax in f32, and finite, unlike the paper's minus infinity: no gradient becomes NaN.
fn causal_mask(t: usize, n: usize, like: &Tensor) -> Result<Tensor> {
    let query_position = |query| n - t + query;
    let row = |query| (0..n).map(move |key| if key > query_position(query) { -1e9_f32 } else { 0.0 });
    Tensor::from_iter((0..t).flat_map(row), like.device())?.reshape((t, n))?.to_dtype(like.dtype())
}

/// (B, T, D) -> (B, H, T, D/H)
fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (b, t, d) = x.dims3()?;
    x.reshape((b, t, heads, d / heads))? // (B, T, H, D/H)
        .transpose(1, 2)? // (B, H, T, D/H)
        .contiguous()
}

/// (B, H, T, D/H) -> (B, T, D)
fn join_heads(x: &Tensor) -> Result<Tensor> {
    x.transpose(1, 2)? // (B, T, H, D/H)
        .flatten_from(2) // (B, T, D)
}

/// The keys and values that queries attend to, each (B, H, N, D/H).
#[derive(Clone, Debug)]
struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

impl KeysValues {
    /// From keys and values side by side: (B, N, 2 D).
    fn split(projected: &Tensor, heads: usize) -> Result<Self> {
        let halves = projected.chunk(2, D::Minus1)?;
        Ok(Self { keys: split_heads(&halves[0], heads)?, values: split_heads(&halves[1], heads)? })
    }

    /// These followed by `later` along the sequence.
    fn followed_by(&self, later: &Self) -> Result<Self> {
        let keys = Tensor::cat(&[&self.keys, &later.keys], 2)?;
        Ok(Self { keys, values: Tensor::cat(&[&self.values, &later.values], 2)? })
    }

    fn select(&self, rows: &[u32]) -> Result<Self> {
        let rows = Tensor::new(rows, self.keys.device())?;
        Ok(Self { keys: self.keys.index_select(&rows, 0)?, values: self.values.index_select(&rows, 0)? })
    }
}

/// `x + out(attention(q, k, v))` with `q, k, v = qkv(norm(x))`. Each position gathers from all positions; in the decoder,
/// where it is causal, from itself and those before it.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    heads: usize,
    causal: bool,
}

impl SelfAttention {
    fn new(config: &Config, causal: bool, qkv: &str, out: &str, vb: &VarBuilder) -> Result<Self> {
        let d = config.width;
        Ok(Self {
            norm: LayerNorm::new(d, &vb.pp("norm1"))?,
            qkv: linear(d, 3 * d, vb.pp(qkv))?,
            out: linear(d, d, vb.pp(out))?,
            heads: config.heads,
            causal,
        })
    }

    /// The output and the attention weights. `past` holds the keys and values of earlier positions; those of `x` join them.
    ///
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, D) and (B, H, T, N), with N = T and the number of earlier positions together
    fn forward(&self, x: &Tensor, past: &mut Option<KeysValues>) -> Result<(Tensor, Tensor)> {
        let (_, t, d) = x.dims3()?;
        let qkv = self.qkv.forward(&self.norm.forward(x)?)?; // (B, T, 3 D)
        let q = split_heads(&qkv.narrow(D::Minus1, 0, d)?, self.heads)?; // (B, H, T, D/H)
        let new = KeysValues::split(&qkv.narrow(D::Minus1, d, 2 * d)?, self.heads)?;
        let all = past.take().map_or(Ok(new.clone()), |past| past.followed_by(&new))?;
        let mask = self.causal.then(|| causal_mask(t, all.keys.dim(2)?, x)).transpose()?;
        let (gathered, weights) = scaled_dot_product_attention(&q, &all.keys, &all.values, mask.as_ref())?;
        *past = Some(all);
        Ok(((x + self.out.forward(&join_heads(&gathered)?)?)?, weights))
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
}

impl CrossAttention {
    fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let d = config.width;
        Ok(Self {
            norm: LayerNorm::new(d, &vb.pp("norm2"))?,
            q: linear(d, d, vb.pp("cross_attn_q"))?,
            kv: linear(d, 2 * d, vb.pp("cross_attn_kv"))?,
            out: linear(d, d, vb.pp("cross_out"))?,
            heads: config.heads,
        })
    }

    /// Keys and values of the picture, which are the same for every token.
    fn project_memory(&self, memory: &Tensor) -> Result<KeysValues> {
        KeysValues::split(&self.kv.forward(memory)?, self.heads)
    }

    /// The output and the attention weights.
    ///
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, D) and (B, H, T, N)
    fn forward(&self, x: &Tensor, memory: &KeysValues) -> Result<(Tensor, Tensor)> {
        let q = split_heads(&self.q.forward(&self.norm.forward(x)?)?, self.heads)?; // (B, H, T, D/H)
        let (gathered, weights) = scaled_dot_product_attention(&q, &memory.keys, &memory.values, None)?;
        Ok(((x + self.out.forward(&join_heads(&gathered)?)?)?, weights))
    }
}

// ---- Feed-forward (section 3.3) and norm ----------------------------------------------------------------------------

/// `x + contract(gelu(expand(norm(x))))`, each position by itself.
///
/// GELU is the exact one, with the error function (D. Hendrycks and K. Gimpel, *Gaussian Error Linear Units*, 2016).
#[derive(Clone, Debug)]
pub struct FeedForward {
    norm: LayerNorm,
    expand: Linear,
    contract: Linear,
}

impl FeedForward {
    fn new(config: &Config, norm: &str, vb: &VarBuilder) -> Result<Self> {
        let (d, hidden) = (config.width, config.feed_forward_width);
        Ok(Self {
            norm: LayerNorm::new(d, &vb.pp(norm))?,
            expand: linear(d, hidden, vb.pp("mlp.0"))?,
            contract: linear(hidden, d, vb.pp("mlp.2"))?,
        })
    }
}

impl Module for FeedForward {
    /// (B, T, D) -> (B, T, D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.expand.forward(&self.norm.forward(x)?)?.gelu_erf()?; // (B, T, hidden)
        x + self.contract.forward(&hidden)?
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the last axis (J. Ba and others, *Layer Normalization*,
/// 2016). Written in operations that have gradients: candle's own layer silently records none.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Added to the variance, as in PyTorch, so that a constant vector can be normalized.
    pub const EPSILON: f64 = 1e-5;

    fn new(width: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self { weight: vb.get(width, "weight")?, bias: vb.get(width, "bias")? })
    }
}

impl Module for LayerNorm {
    /// (.., D) -> (.., D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centered.sqr()?.mean_keepdim(D::Minus1)?;
        let normalized = centered.broadcast_div(&(variance + Self::EPSILON)?.sqrt()?)?;
        normalized.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

// ---- Blocks (section 3.1) -------------------------------------------------------------------------------------------

/// Self-attention, then feed-forward: every patch learns about all others.
#[derive(Clone, Debug)]
pub struct EncoderBlock {
    self_attention: SelfAttention,
    feed_forward: FeedForward,
}

impl EncoderBlock {
    fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            self_attention: SelfAttention::new(config, false, "qkv_proj", "out_proj", vb)?,
            feed_forward: FeedForward::new(config, "norm2", vb)?,
        })
    }

    /// (B, N, D) -> (B, N, D) and the attention weights (B, H, N, N)
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (x, weights) = self.self_attention.forward(x, &mut None)?;
        Ok((self.feed_forward.forward(&x)?, weights))
    }
}

/// Causal self-attention, cross-attention to the picture, then feed-forward.
#[derive(Clone, Debug)]
pub struct DecoderBlock {
    self_attention: SelfAttention,
    cross_attention: CrossAttention,
    feed_forward: FeedForward,
}

/// The keys and values of one decoder block: those of the tokens so far, and those of the picture.
#[derive(Clone, Debug)]
struct BlockCache {
    tokens: Option<KeysValues>,
    memory: KeysValues,
}

impl BlockCache {
    fn select(&self, rows: &[u32]) -> Result<Self> {
        let tokens = self.tokens.as_ref().map(|tokens| tokens.select(rows)).transpose()?;
        Ok(Self { tokens, memory: self.memory.select(rows)? })
    }
}

impl DecoderBlock {
    fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            self_attention: SelfAttention::new(config, true, "self_attn_proj", "self_out", vb)?,
            cross_attention: CrossAttention::new(config, vb)?,
            feed_forward: FeedForward::new(config, "norm3", vb)?,
        })
    }

    fn start(&self, memory: &Tensor) -> Result<BlockCache> {
        Ok(BlockCache { tokens: None, memory: self.cross_attention.project_memory(memory)? })
    }

    /// (B, T, D) -> (B, T, D) and the weights of the cross-attention (B, H, T, N)
    fn forward(&self, x: &Tensor, cache: &mut BlockCache) -> Result<(Tensor, Tensor)> {
        let (x, _) = self.self_attention.forward(x, &mut cache.tokens)?;
        let (x, weights) = self.cross_attention.forward(&x, &cache.memory)?;
        Ok((self.feed_forward.forward(&x)?, weights))
    }
}

// ---- Embedding of tokens (section 3.4) ------------------------------------------------------------------------------

/// A vector for each token, plus one for each position. Both are learned.
#[derive(Clone, Debug)]
pub struct TokenEmbedding {
    tokens: Embedding,
    positions: Tensor,
}

impl TokenEmbedding {
    fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            tokens: embedding(config.vocabulary, config.width, vb.pp("token_embedding"))?,
            positions: vb.get((1, config.max_tokens(), config.width), "pos_embedding")?,
        })
    }

    /// `tokens` (B, T) of u32, the first of them at position `first` -> (B, T, D)
    fn forward(&self, tokens: &Tensor, first: usize) -> Result<Tensor> {
        let positions = self.positions.narrow(1, first, tokens.dim(1)?)?; // (1, T, D)
        self.tokens.forward(tokens)?.broadcast_add(&positions)
    }
}
