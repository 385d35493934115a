//! The embeddings of patches and of tokens.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::support::{expect_some, gradient, numbers, operand, with_scratch};
use crate::{PatchEmbedding, TokenEmbedding};

/// `proj(patches) + pos`; see [`PatchEmbedding`]. The width follows from the size of `packed`.
///
/// # Shapes
/// patches (B, N, P); `packed`, of [`PatchEmbeddingLayout`](crate::PatchEmbeddingLayout), one dimension; the result
/// (B, N, D).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn patch_embedding(patches: &Tensor, packed: &Tensor) -> Result<Tensor> {
    let (batch, positions, pixels) = patches.dims3()?;
    expect_some("patch embedding", patches.dims())?;
    let (size, each) = (packed.dims1()?, pixels + 1 + positions);
    if size == 0 || !size.is_multiple_of(each) {
        bail!(
            "patch embedding: {size} packed parameters fit no width for {positions} patches of {pixels} numbers"
        );
    }
    let layer = PatchEmbedding::new(positions, pixels, size / each);
    let op = PatchEmbeddingOp { layer, shape: (batch, positions, size / each).into() };
    let (patches, packed) = (patches.contiguous()?, packed.contiguous()?);
    if patches.track_op() || packed.track_op() {
        patches.apply_op2(&packed, op)
    } else {
        patches.apply_op2_no_bwd(&packed, &op)
    }
}

/// `token[tokens] + pos`; see [`TokenEmbedding`]. The number of positions follows from the size of `packed`.
///
/// # Shapes
/// tokens (B, T) of `u32`; `packed`, of [`TokenEmbeddingLayout`](crate::TokenEmbeddingLayout), one dimension; the result
/// (B, T, D) with D = `width`.
///
/// # Errors
/// If a shape does not fit, a token is not below V = `vocabulary`, there are more tokens than positions, or `packed` is
/// not `f32` on the CPU.
pub fn token_embedding(tokens: &Tensor, packed: &Tensor, vocabulary: usize, width: usize) -> Result<Tensor> {
    let (batch, length) = tokens.dims2()?;
    expect_some("token embedding", &[batch, length, width])?;
    let (size, of_tokens) = (packed.dims1()?, vocabulary * width);
    if size < of_tokens + length * width || !size.is_multiple_of(width) {
        bail!(
            "token embedding: {size} packed parameters for {vocabulary} tokens at {length} places of width {width}"
        );
    }
    let tokens = tokens.flatten_all()?.to_vec1::<u32>()?;
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
        bail!("token embedding: token {token} is outside a vocabulary of {vocabulary}");
    }
    let layer = TokenEmbedding::new(vocabulary, (size - of_tokens) / width, width);
    let op = TokenEmbeddingOp { layer, length, tokens, shape: (batch, length, width).into() };
    let packed = packed.contiguous()?;
    if packed.track_op() { packed.apply_op1(op) } else { packed.apply_op1_no_bwd(&op) }
}

struct PatchEmbeddingOp {
    layer: PatchEmbedding,
    /// B, N, D.
    shape: Shape,
}

impl CustomOp2 for PatchEmbeddingOp {
    fn name(&self) -> &'static str {
        "patch-embedding"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (patches, params) = (operand(x, lx)?, operand(p, lp)?);
        let mut y = vec![0.0; self.shape.elem_count()];
        with_scratch(|scratch| self.layer.forward(self.shape.dims()[0], params, patches, &mut y, scratch));
        Ok((CpuStorage::F32(y), self.shape.clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        p: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (patches, params, dy) = (numbers(x)?, numbers(p)?, numbers(&dy)?);
        // Images are data as a rule, and their gradient would cost as much as all the rest here.
        let mut dx = x.track_op().then(|| vec![0.0; patches.len()]);
        let mut dp = vec![0.0; params.len()];
        self.layer.backward(self.shape.dims()[0], &params, &patches, &dy, dx.as_deref_mut(), &mut dp);
        Ok((dx.map(|dx| gradient(x, dx)).transpose()?.flatten(), gradient(p, dp)?))
    }
}

struct TokenEmbeddingOp {
    layer: TokenEmbedding,
    length: usize,
    tokens: Vec<u32>,
    /// B, T, D.
    shape: Shape,
}

impl CustomOp1 for TokenEmbeddingOp {
    fn name(&self) -> &'static str {
        "token-embedding"
    }

    fn cpu_fwd(&self, p: &CpuStorage, lp: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = vec![0.0; self.shape.elem_count()];
        self.layer.forward(self.length, 0, operand(p, lp)?, &self.tokens, &mut y);
        Ok((CpuStorage::F32(y), self.shape.clone()))
    }

    fn bwd(&self, p: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let mut dp = vec![0.0; p.elem_count()];
        self.layer.backward(self.length, &self.tokens, &numbers(&dy)?, &mut dp);
        gradient(p, dp)
    }
}
