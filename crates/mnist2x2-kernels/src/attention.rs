//! Scaled dot-product attention with several heads (A. Vaswani et al., *Attention Is All You Need*, 2017, section 3.2).
//!
//! Each head of each sequence is a product of matrices so small that they stay in the first cache. Scores are kept with
//! a row for each key and a column for each query, so that the softmax runs down the columns, many queries side by side
//! in a vector, and never across a vector's lanes.

use pulp::Simd;

use crate::gemm::{Matrix, Repeat, product};
use crate::sizes::{numbers_in, sum, whole_lines};
use crate::softmax::{softmax_of_columns, softmax_of_columns_backward};
use crate::transpose::transpose;

/// The sizes of an attention over `batch` sequences. Queries are (B, T, D), keys and values (B, N, D), where head `h` has
/// columns `h * D / H ..` of D; probabilities are (B, H, N, T), each row filled up to whole vectors.
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
        numbers_in([self.batch, self.heads, self.keys, self.pitch()])
    }

    /// How far the rows of a matrix with a column for each query lie apart: T, rounded up to whole vectors of any
    /// instruction set. The columns between are zero in the transposed queries, so what they become stays harmless, and
    /// no vector is read or written in part, which would cost more than all arithmetic on it.
    fn pitch(&self) -> usize {
        whole_lines(self.queries)
    }

    /// Numbers in the queries, and as many in the output.
    pub(crate) fn queries_len(&self) -> usize {
        numbers_in([self.batch, self.queries, self.width])
    }

    /// Numbers in the keys, and as many in the values.
    pub(crate) fn keys_len(&self) -> usize {
        numbers_in([self.batch, self.keys, self.width])
    }

    /// How long the scratch of [`Self::forward`] is: the transposed queries of one sequence.
    pub(crate) fn forward_scratch_len(&self) -> usize {
        numbers_in([self.pitch(), self.width])
    }

    /// How long the scratch of [`Self::backward`] is: the output's transposed gradient for one sequence, and the gradient
    /// of its scores.
    pub(crate) fn backward_scratch_len(&self) -> usize {
        numbers_in([self.pitch(), sum([self.width, numbers_in([self.heads, self.keys])])])
    }

    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// `1 / sqrt(d_k)`.
    fn scale(&self) -> f32 {
        1.0 / (self.head_width() as f32).sqrt()
    }

    /// Where sequence `b` begins in the queries, in the keys and in the probabilities.
    fn at(&self, b: usize) -> [usize; 3] {
        let [in_queries, in_keys] = [self.queries, self.keys].map(|rows| b * rows * self.width);
        [in_queries, in_keys, b * self.heads * self.keys * self.pitch()]
    }

    /// Of each head: its columns of keys or values, by its rows of what is transposed, to its scores.
    fn scored(&self) -> Repeat {
        let (width, pitch) = (self.head_width(), self.pitch());
        Repeat { count: self.heads, apart: [width, width * pitch, self.keys * pitch] }
    }

    /// Of each head: its scores, by its columns of one thing, to its columns of another.
    fn weighted(&self) -> Repeat {
        Repeat { count: self.heads, apart: [self.keys * self.pitch(), self.head_width(), self.head_width()] }
    }

    /// `probabilities = softmax(K Q^T / sqrt(d_k))` down each column, and `out = probabilities^T V`.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        simd: S,
        [q, k, v]: Qkv,
        probabilities: &mut [f32],
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (t, n, d, width) = (self.queries, self.keys, self.width, self.head_width());
        let pitch = self.pitch();
        let queries_transposed = &mut scratch[..d * pitch]; // (D, T)
        queries_transposed.fill(0.0);
        for b in 0..self.batch {
            transpose([t, d], (&q[b * t * d..], d), (&mut *queries_transposed, pitch));
            let [at_q, at_k, at_p] = self.at(b);
            let p = &mut probabilities[at_p..][..self.heads * n * pitch]; // (H, N, T)
            let (q, k) = ((&*queries_transposed, pitch), Matrix::rows(&k[at_k..], d));
            product(simd, self.scored(), [n, width, pitch], k, q, (p, pitch));
            for p in p.chunks_exact_mut((n * pitch).max(1)) {
                softmax_of_columns(simd, p, pitch, self.scale(), self.causal);
            }
            let (p, v, out) = (Matrix::transposed(p, pitch), (&v[at_k..], d), (&mut out[at_q..], d));
            product(simd, self.weighted(), [t, n, width], p, v, out);
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
        let pitch = self.pitch();
        let (d_out_transposed, rest) = scratch.split_at_mut(d * pitch); // (D, T)
        d_out_transposed.fill(0.0);
        let d_scores = &mut rest[..self.heads * n * pitch]; // (H, N, T)
        let weighted = self.weighted();
        for b in 0..self.batch {
            transpose([t, d], (&d_out[b * t * d..], d), (&mut *d_out_transposed, pitch));
            let [at_q, at_k, at_p] = self.at(b);
            let p = &probabilities[at_p..][..self.heads * n * pitch];
            let (v, d_out_t) = (Matrix::rows(&v[at_k..], d), (&*d_out_transposed, pitch));
            product(simd, self.scored(), [n, width, pitch], v, d_out_t, (d_scores, pitch));
            let each = (n * pitch).max(1);
            for (p, d_scores) in p.chunks_exact(each).zip(d_scores.chunks_exact_mut(each)) {
                softmax_of_columns_backward(simd, p, d_scores, pitch, self.scale());
            }
            let (d_out, q, k) = ((&d_out[at_q..], d), (&q[at_q..], d), (&k[at_k..], d));
            let (dv, dk, dq) = ((&mut dv[at_k..], d), (&mut dk[at_k..], d), (&mut dq[at_q..], d));
            product(simd, weighted, [n, t, width], Matrix::rows(p, pitch), d_out, dv);
            product(simd, weighted, [n, t, width], Matrix::rows(d_scores, pitch), q, dk);
            product(simd, weighted, [t, n, width], Matrix::transposed(d_scores, pitch), k, dq);
        }
    }
}
