//! The product of two small matrices, `C = A B`, in one thread.
//!
//! The matrices of this model are small enough for the caches of one core, so there is no blocking and no packing: a
//! tile of C stays in registers while the whole inner dimension runs (the innermost loops of K. Goto and R. A. van de
//! Geijn, *Anatomy of High-Performance Matrix Multiplication*, 2008). A is read one number at a time, so any strides do,
//! a transpose among them; rows of B and C are contiguous. That suits `dy W` and `dy^T x` as they stand; only `x W^T`
//! needs a transposed weight, which is made once ([`transposed`](crate::linear::transposed)). At 128 x 64 x 192 this reaches 98 % of the peak of an AVX-512 core, where a
//! general library reaches 85 %, because it packs its operands anew on every call.

use pulp::{Simd, WithSimd};

use crate::panel::Panel;
use crate::sizes::{numbers_in, sum};

/// A matrix whose element (i, j) is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of contiguous numbers, `stride` apart.
    #[inline(always)]
    pub(crate) fn rows(data: &'a [f32], stride: usize) -> Self {
        Self { data, row: stride, column: 1 }
    }

    /// The transpose of such a matrix.
    #[inline(always)]
    pub(crate) fn transposed(data: &'a [f32], stride: usize) -> Self {
        Self { data, row: 1, column: stride }
    }
}

/// What the product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Nothing: `C = A B`.
    Zero,
    /// What C holds already: `C += A B`.
    Keep,
    /// A row vector, the bias of a linear map: `C = bias + A B`.
    Bias(&'a [f32]),
    /// A bias and a matrix of the shape and row stride of C: `C = residual + bias + A B`.
    Residual(&'a [f32], &'a [f32]),
}

/// `C (m x n) = start + A (m x k) B (k x n)`, once or for several of each; the strides of B and C count numbers from row to row.
pub(crate) struct Gemm<'a> {
    pub(crate) shape: [usize; 3], // m, k, n
    pub(crate) a: Matrix<'a>,
    pub(crate) b: (&'a [f32], usize),
    pub(crate) c: (&'a mut [f32], usize),
    pub(crate) start: Start<'a>,
    pub(crate) repeat: Repeat,
}

/// How often a product is computed, and how far apart the matrices lie in A, B and C. A bias is the same for all; a residual lies as
/// C does.
#[derive(Clone, Copy)]
pub(crate) struct Repeat {
    pub(crate) count: usize,
    pub(crate) apart: [usize; 3],
}

impl Repeat {
    pub(crate) const ONCE: Self = Self { count: 1, apart: [0; 3] };
}

impl Gemm<'_> {
    /// Multiplies.
    #[inline(always)]
    pub(crate) fn run<S: Simd>(self, simd: S) {
        simd.vectorize(self);
    }

    /// Whether every element named by shape and strides lies inside its slice. All pointer arithmetic rests on this.
    fn is_inside(&self) -> bool {
        let ([m, k, n], Repeat { count, apart: [in_a, in_b, in_c] }) = (self.shape, self.repeat);
        // An offset that is too large for a number saturates, and is outside every slice.
        let spans = |len: usize, apart: usize, rows: [usize; 2], columns: [usize; 2]| {
            let steps = [[count, apart], rows, columns];
            let last = sum(steps.map(|[places, stride]| numbers_in([places.max(1) - 1, stride])));
            rows[0] == 0 || columns[0] == 0 || last < len
        };
        let c = |len| spans(len, in_c, [m, self.c.1], [n, 1]);
        spans(self.a.data.len(), in_a, [m, self.a.row], [k, self.a.column])
            && spans(self.b.0.len(), in_b, [k, self.b.1], [n, 1])
            && c(self.c.0.len())
            && match self.start {
                Start::Zero | Start::Keep => true,
                Start::Bias(bias) => bias.len() >= n,
                Start::Residual(bias, residual) => bias.len() >= n && c(residual.len()),
            }
    }
}

impl WithSimd for Gemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        assert!(self.is_inside(), "a matrix of {:?} reaches past its slice", self.shape);
        let ([m, k, n], Repeat { count, apart }) = (self.shape, self.repeat);
        let c = self.c.0.as_mut_ptr();
        let (bias, from): (Option<*const f32>, Option<*const f32>) = match self.start {
            Start::Zero => (None, None),
            Start::Keep => (None, Some(c)),
            Start::Bias(bias) => (Some(bias.as_ptr()), None),
            Start::Residual(bias, residual) => (Some(bias.as_ptr()), Some(residual.as_ptr())),
        };
        for i in 0..count {
            let [in_a, in_b, in_c] = apart.map(|apart| i * apart);
            let mut column = 0;
            while column < n {
                let width = (n - column).min(2 * S::F32_LANES);
                // SAFETY: `is_inside` holds for matrix `i < count`; the panel covers `width` columns from `column`, so `column + width <= n`.
                let panel = unsafe {
                    Panel {
                        rows: m,
                        depth: k,
                        a: self.a.data.as_ptr().add(if m == 0 || k == 0 { 0 } else { in_a }),
                        a_strides: [self.a.row, self.a.column],
                        b: self.b.0.as_ptr().add(if k == 0 { 0 } else { in_b + column }),
                        b_stride: self.b.1,
                        c: c.add(if m == 0 { 0 } else { in_c + column }),
                        c_stride: self.c.1,
                        bias: bias.map(|p| p.add(column)),
                        from: from.map(|p| p.add(if m == 0 { 0 } else { in_c + column })),
                        last_lanes: if width > S::F32_LANES { width - S::F32_LANES } else { width },
                    }
                };
                // SAFETY: as above; two vectors where `width` needs two, the last whole or masked to `last_lanes`.
                unsafe {
                    match (width > S::F32_LANES, panel.last_lanes == S::F32_LANES) {
                        (true, true) => panel.run::<S, 2, false>(simd),
                        (true, false) => panel.run::<S, 2, true>(simd),
                        (false, true) => panel.run::<S, 1, false>(simd),
                        (false, false) => panel.run::<S, 1, true>(simd),
                    }
                }
                column += width;
            }
        }
    }
}

/// `C = A B` without a start, for shapes `[m, k, n]`.
#[inline(always)]
pub(crate) fn product<S: Simd>(
    simd: S,
    repeat: Repeat,
    shape: [usize; 3],
    a: Matrix,
    b: (&[f32], usize),
    c: (&mut [f32], usize),
) {
    Gemm { shape, a, b, c, start: Start::Zero, repeat }.run(simd);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;
    use crate::test_oracle::{assert_close, numbers};
    use crate::transpose::transpose;

    /// `start + A B` in double precision.
    fn product([m, k, n]: [usize; 3], a: &[f32], b: &[f32], start: impl Fn(usize, usize) -> f32) -> Vec<f64> {
        let element = |i: usize, j: usize| -> f64 {
            (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[p * n + j])).sum::<f64>()
                + f64::from(start(i, j))
        };
        (0..m * n).map(|at| element(at / n, at % n)).collect()
    }

    fn shapes() -> Vec<[usize; 3]> {
        let small = [[1, 1, 1], [3, 7, 5], [5, 3, 16], [13, 2, 9]];
        let large = [[5, 24, 16], [13, 4, 37], [8, 64, 32], [9, 64, 33], [128, 64, 192], [15, 37, 47]];
        if cfg!(miri) { small.to_vec() } else { [&small[..], &large].concat() }
    }

    #[test]
    fn every_start_and_shape_agrees_with_double_precision() {
        for (level, shape) in
            Level::available().iter().flat_map(|l| shapes().into_iter().map(move |s| (l, s)))
        {
            let [m, k, n] = shape;
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let (c, bias, residual) = (numbers(m * n, 3), numbers(n, 4), numbers(m * n, 5));
            let check = |start: Start, from: &dyn Fn(usize, usize) -> f32| {
                let mut got = c.clone();
                let a = Matrix::rows(&a, k);
                level.run(Gemm { shape, a, b: (&b, n), c: (&mut got, n), start, repeat: Repeat::ONCE });
                assert_close(&got, &product(shape, a.data, &b, from), 1e-5);
            };
            check(Start::Zero, &|_, _| 0.0);
            check(Start::Keep, &|i, j| c[i * n + j]);
            check(Start::Bias(&bias), &|_, j| bias[j]);
            check(Start::Residual(&bias, &residual), &|i, j| bias[j] + residual[i * n + j]);
        }
    }

    #[test]
    fn a_transposed_left_side_and_wide_strides_change_nothing() {
        let [m, k, n] = [5, 7, 19];
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let mut a_t = vec![0.0; k * m];
        transpose([m, k], (&a, k), (&mut a_t, m));
        let exact = product([m, k, n], &a, &b, |_, _| 0.0);
        for level in Level::available() {
            let mut wide = vec![f32::NAN; m * (n + 3)];
            let a = Matrix::transposed(&a_t, m);
            level.run(Gemm {
                shape: [m, k, n],
                a,
                b: (&b, n),
                c: (&mut wide, n + 3),
                start: Start::Zero,
                repeat: Repeat::ONCE,
            });
            for (row, exact) in wide.chunks(n + 3).zip(exact.chunks(n)) {
                assert_close(&row[..n], exact, 1e-5);
                assert!(row[n..].iter().all(|gap| gap.is_nan()), "wrote between the rows");
            }
        }
    }

    #[test]
    fn repeated_products_are_those_of_each_matrix() {
        let ([m, k, n], count, apart) = ([5, 7, 19], 3, [5 * 7 + 2, 7 * 19 + 1, 5 * 19 + 3]);
        let [a, b] = [0, 1].map(|i| numbers(count * apart[i], i as u64));
        for level in Level::available() {
            let mut all = vec![f32::NAN; count * apart[2]];
            let (a_rows, repeat) = (Matrix::rows(&a, k), Repeat { count, apart });
            let (b, c) = ((&b[..], n), (&mut all[..], n));
            level.run(Gemm { shape: [m, k, n], a: a_rows, b, c, start: Start::Zero, repeat });
            for (i, c) in all.chunks(apart[2]).enumerate() {
                let (a, b) = (&a[i * apart[0]..], &b.0[i * apart[1]..]);
                assert_close(&c[..m * n], &product([m, k, n], a, b, |_, _| 0.0), 1e-5);
                assert!(c[m * n..].iter().all(|gap| gap.is_nan()), "wrote between the matrices");
            }
        }
    }

    #[test]
    #[should_panic(expected = "reaches past its slice")]
    fn refuses_repeats_that_reach_past_a_slice() {
        let (a, b, mut c) = ([1.0; 8], [1.0; 4], [0.0; 8]);
        Level::scalar().run(Gemm {
            shape: [2, 2, 2],
            a: Matrix::rows(&a, 2),
            b: (&b, 2),
            c: (&mut c, 2),
            start: Start::Zero,
            repeat: Repeat { count: 2, apart: [4, 1, 4] },
        });
    }

    #[test]
    fn empty_sides_are_no_error() {
        for level in Level::available() {
            for shape in [[0, 3, 4], [3, 0, 4], [3, 4, 0]] {
                let [m, k, n] = shape;
                let (a, b, bias) = (vec![1.0; m * k], vec![1.0; k * n], vec![2.0; n]);
                let mut c = vec![0.0; m * n];
                let a = Matrix::rows(&a, k);
                level.run(Gemm {
                    shape,
                    a,
                    b: (&b, n),
                    c: (&mut c, n),
                    start: Start::Bias(&bias),
                    repeat: Repeat::ONCE,
                });
                assert!(c.iter().all(|&c| c == 2.0), "{shape:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "reaches past its slice")]
    fn refuses_strides_whose_product_wraps() {
        let a = Matrix { data: &[1.0; 4], row: 1 << (usize::BITS - 1), column: 1 };
        Level::scalar().run(Gemm {
            shape: [3, 1, 1],
            a,
            b: (&[1.0], 1),
            c: (&mut [0.0; 3], 1),
            start: Start::Zero,
            repeat: Repeat::ONCE,
        });
    }

    #[test]
    #[should_panic(expected = "reaches past its slice")]
    fn refuses_a_shape_larger_than_its_slices() {
        let (a, mut c) = ([1.0; 3], [0.0; 4]);
        let a = Matrix::rows(&a, 2);
        Level::scalar().run(Gemm {
            shape: [2, 2, 2],
            a,
            b: (&[1.0; 4], 2),
            c: (&mut c, 2),
            start: Start::Zero,
            repeat: Repeat::ONCE,
        });
    }
}
