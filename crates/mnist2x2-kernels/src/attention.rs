//! Scaled dot-product attention with several heads (A. Vaswani et al., *Attention Is All You Need*, 2017, section 3.2).
//!
//! Each head of each sequence is a product of matrices so small that they stay in the first cache. Keys are transposed
//! once per sequence, so that a row of scores is computed with its keys side by side in vectors.

use pulp::Simd;

use crate::gemm::{Matrix, product, transpose};
use crate::softmax::{softmax, softmax_backward};

/// The sizes of an attention over `batch` sequences. Queries are (B, T, D), keys and values (B, N, D), where head `h` has
/// columns `h * D / H ..` of D; probabilities are (B, H, T, N).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    pub(crate) batch: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Whether query `i` sees only the keys `0..=i`.
    pub(crate) causal: bool,
}

/// Queries, keys and values.
pub(crate) type Qkv<'a> = [&'a [f32]; 3];

impl Attention {
    /// How many probabilities there are.
    pub(crate) fn probabilities_len(&self) -> usize {
        self.batch * self.heads * self.queries * self.keys
    }

    /// Numbers in the queries, and as many in the output.
    pub(crate) fn queries_len(&self) -> usize {
        self.batch * self.queries * self.width
    }

    /// Numbers in the keys, and as many in the values.
    pub(crate) fn keys_len(&self) -> usize {
        self.batch * self.keys * self.width
    }

    /// How long the scratch of [`Self::forward`] is: the transposed keys of one sequence.
    pub(crate) fn forward_scratch_len(&self) -> usize {
        self.keys * self.width
    }

    /// How long the scratch of [`Self::backward`] is: the transposed values of one sequence, and one head's scores.
    pub(crate) fn backward_scratch_len(&self) -> usize {
        self.keys * self.width + self.queries * self.keys
    }

    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// `1 / sqrt(d_k)`.
    fn scale(&self) -> f32 {
        1.0 / (self.head_width() as f32).sqrt()
    }

    /// `probabilities = softmax(Q K^T / sqrt(d_k))` and `out = probabilities V`.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        simd: S,
        [q, k, v]: Qkv,
        probabilities: &mut [f32],
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (of_queries, of_keys) = (self.queries * self.width, self.keys * self.width);
        let of_scores = self.heads * self.queries * self.keys;
        let keys_transposed = &mut scratch[..of_keys]; // (D, N)
        for b in 0..self.batch {
            transpose(&k[b * of_keys..], [self.keys, self.width], self.width, keys_transposed);
            self.sequence(
                simd,
                &q[b * of_queries..][..of_queries],
                (keys_transposed, self.keys),
                &v[b * of_keys..][..of_keys],
                &mut probabilities[b * of_scores..][..of_scores],
                &mut out[b * of_queries..][..of_queries],
            );
        }
    }

    /// The heads of one sequence, from keys (D, N) already transposed, whose rows may lie farther apart than N.
    #[inline(always)]
    pub(crate) fn sequence<S: Simd>(
        &self,
        simd: S,
        q: &[f32],
        keys_transposed: (&[f32], usize),
        v: &[f32],
        probabilities: &mut [f32],
        out: &mut [f32],
    ) {
        let (t, n, d, dk) = (self.queries, self.keys, self.width, self.head_width());
        for (h, p) in probabilities.chunks_exact_mut(t * n).enumerate() {
            let a = Matrix::rows(&q[h * dk..], d);
            let b = (&keys_transposed.0[h * dk * keys_transposed.1..], keys_transposed.1);
            product(simd, [t, dk, n], a, b, (p, n));
            for (i, row) in p.chunks_exact_mut(n).enumerate() {
                let (seen, hidden) = row.split_at_mut(if self.causal { n.min(i + 1) } else { n });
                softmax(simd, seen, self.scale());
                hidden.fill(0.0);
            }
            product(simd, [t, n, dk], Matrix::rows(p, n), (&v[h * dk..], d), (&mut out[h * dk..], d));
        }
    }

    /// The gradients of queries, keys and values from that of the output.
    #[inline(always)]
    pub(crate) fn backward<S: Simd>(
        &self,
        simd: S,
        [q, k, v]: Qkv,
        probabilities: &[f32],
        d_out: &[f32],
        [dq, dk, dv]: [&mut [f32]; 3],
        scratch: &mut [f32],
    ) {
        let (t, n, d, width) = (self.queries, self.keys, self.width, self.head_width());
        let (values_transposed, rest) = scratch.split_at_mut(n * d); // (D, N)
        let d_scores = &mut rest[..t * n];
        for b in 0..self.batch {
            transpose(&v[b * n * d..], [n, d], d, values_transposed);
            for h in 0..self.heads {
                let (at_q, at_k) = (b * t * d + h * width, b * n * d + h * width);
                let p = &probabilities[(b * self.heads + h) * t * n..][..t * n];
                let d_out = &d_out[at_q..];
                let rows_of_v = (&values_transposed[h * width * n..], n);
                product(simd, [t, width, n], Matrix::rows(d_out, d), rows_of_v, (&mut *d_scores, n));
                for (p, d_scores) in p.chunks_exact(n).zip(d_scores.chunks_exact_mut(n)) {
                    softmax_backward(simd, p, d_scores, self.scale());
                }
                product(simd, [n, t, width], Matrix::transposed(p, n), (d_out, d), (&mut dv[at_k..], d));
                product(
                    simd,
                    [t, n, width],
                    Matrix::rows(d_scores, n),
                    (&k[at_k..], d),
                    (&mut dq[at_q..], d),
                );
                product(
                    simd,
                    [n, t, width],
                    Matrix::transposed(d_scores, n),
                    (&q[at_q..], d),
                    (&mut dk[at_k..], d),
                );
            }
        }
    }
}
