//! The orthogonal matrix nearest to a matrix, roughly.

use pulp::{Simd, WithSimd};

use crate::gemm::{Matrix, Repeat, product};
use crate::scratch::Scratch;
use crate::sizes::numbers_in;
use crate::transpose::transpose;

/// Rounds of the iteration: singular values above a fortieth of the largest come near 1, smaller ones grow forty times.
/// The five rounds that are usual take a fifth of a training step instead of an eighth and train no better.
const ROUNDS: usize = 3;
/// The polynomial `a x + b x^3 + c x^5` that each round applies to every singular value; it has the steepest slope at 0 of
/// those that bring them to about 0.7 to 1.2 and keep them there.
const POLYNOMIAL: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// Replaces a matrix U S V^T by about U V^T: by U S' V^T with singular values S' of about 0.7 to 1.2, but for the smallest.
///
/// The Newton-Schulz iteration of K. Jordan and others, *Muon: An optimizer for hidden layers in neural networks*, 2024. A
/// matrix of zeros stays one.
#[derive(Clone, Copy, Debug)]
pub struct Orthogonalizer {
    rows: usize,
    columns: usize,
}

impl Orthogonalizer {
    /// For matrices of this shape.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns }
    }

    /// Does it in place.
    ///
    /// # Shapes
    /// x (rows, columns), contiguous
    ///
    /// # Panics
    /// If `x` is shorter than that.
    pub fn run(&self, x: &mut [f32], scratch: &mut Scratch) {
        let x = &mut x[..numbers_in([self.rows, self.columns])];
        let squares: f32 = x.iter().map(|v| v * v).sum();
        if squares == 0.0 {
            return;
        }
        // The Frobenius norm is no less than the largest singular value.
        let scale = squares.sqrt().recip();
        for value in &mut *x {
            *value *= scale;
        }
        scratch.level().run(Iteration { shape: *self, x, scratch });
    }
}

struct Iteration<'a> {
    shape: Orthogonalizer,
    x: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Iteration<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape: Orthogonalizer { rows, columns }, x, scratch } = self;
        // Tall, so that the square of the matrix is the smaller of the two.
        let (tall, wide) = (rows.max(columns), rows.min(columns));
        let [from, to, square, fourth] = scratch.parts([tall * wide, tall * wide, wide * wide, wide * wide]);
        let (mut from, mut to) = (from, to);
        if rows >= columns {
            from.copy_from_slice(x);
        } else {
            transpose([rows, columns], (x, columns), (from, rows));
        }
        for _ in 0..ROUNDS {
            round(simd, [tall, wide], from, to, square, fourth);
            std::mem::swap(&mut from, &mut to);
        }
        if rows >= columns {
            x.copy_from_slice(from);
        } else {
            transpose([columns, rows], (from, rows), (x, columns));
        }
    }
}

/// `to = x (a + b x^T x + c (x^T x)^2)`.
#[inline(always)]
fn round<S: Simd>(
    simd: S,
    [rows, columns]: [usize; 2],
    x: &[f32],
    to: &mut [f32],
    square: &mut [f32],
    fourth: &mut [f32],
) {
    let n = columns;
    symmetric_product(simd, [n, rows], Matrix::transposed(x, n), x, square);
    symmetric_product(simd, [n, n], Matrix::rows(square, n), square, fourth);
    let [a, b, c] = POLYNOMIAL;
    square.iter_mut().zip(&*fourth).for_each(|(square, fourth)| *square = b * *square + c * fourth);
    square.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal += a);
    product(simd, Repeat::ONCE, [rows, n, n], Matrix::rows(x, n), (square, n), (to, n));
}

/// `c (n x n) = a (n x k) b (k x n)`, which is known to be symmetric: what lies below the diagonal is copied.
///
/// Both halves of a whole product would be the same bits, because both add the same numbers in the same order.
#[inline(always)]
fn symmetric_product<S: Simd>(simd: S, [n, k]: [usize; 2], a: Matrix, b: &[f32], c: &mut [f32]) {
    let width = 2 * S::F32_LANES;
    for start in (0..n).step_by(width) {
        let end = (start + width).min(n);
        product(simd, Repeat::ONCE, [end, k, end - start], a, (&b[start..], n), (&mut c[start..], n));
        for row in start..end {
            for column in 0..start {
                c[row * n + column] = c[column * n + row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::test_oracle::numbers;

    /// `a^T b` of two matrices of `rows` rows.
    fn product(a: &[f32], b: &[f32], rows: usize) -> Vec<f64> {
        let (m, n) = (a.len() / rows, b.len() / rows);
        let entry = |i, j| (0..rows).map(|k| f64::from(a[k * m + i]) * f64::from(b[k * n + j])).sum();
        (0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    fn orthogonal(x: &[f32], [rows, columns]: [usize; 2], level: Level) -> Vec<f32> {
        let mut out = x.to_vec();
        Orthogonalizer::new(rows, columns).run(&mut out, &mut Scratch::at(level));
        out
    }

    /// `x^T x` as a whole and by its upper half.
    struct Squares<'a> {
        shape: [usize; 2], // n, k
        x: &'a [f32],
        whole: &'a mut [f32],
        half: &'a mut [f32],
    }

    impl WithSimd for Squares<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { shape: [n, k], x, whole, half } = self;
            crate::gemm::product(simd, Repeat::ONCE, [n, k, n], Matrix::transposed(x, n), (x, n), (whole, n));
            symmetric_product(simd, [n, k], Matrix::transposed(x, n), x, half);
        }
    }

    #[test]
    fn the_upper_half_of_a_symmetric_product_is_all_of_it() {
        for level in Level::available() {
            let shapes: &[[usize; 2]] =
                if cfg!(miri) { &[[5, 3]] } else { &[[5, 13], [16, 7], [37, 11], [70, 3]] };
            for &shape in shapes {
                let [n, k] = shape;
                let (mut whole, mut half) = (vec![0.0; n * n], vec![f32::NAN; n * n]);
                level.run(Squares { shape, x: &numbers(n * k, 4), whole: &mut whole, half: &mut half });
                assert_eq!(whole, half, "{shape:?}");
            }
        }
    }

    #[test]
    fn tall_matrices_get_singular_values_near_one_and_keep_their_directions() {
        for level in Level::available() {
            let [rows, columns] = if cfg!(miri) { [13, 5] } else { [37, 11] };
            let x = numbers(rows * columns, 1);
            let out = orthogonal(&x, [rows, columns], level);
            let (gram, with_x) = (product(&out, &out, rows), product(&out, &x, rows));
            for i in 0..columns {
                for j in 0..columns {
                    let expected = f64::from(u8::from(i == j));
                    assert!((gram[i * columns + j] - expected).abs() < 0.5, "{i} {j}");
                    // V S' U^T U S V^T is symmetric only if U and V are those of x.
                    let off = with_x[i * columns + j] - with_x[j * columns + i];
                    assert!(off.abs() < 1e-4, "{i} {j}: {off}");
                }
            }
        }
    }

    #[test]
    fn the_size_of_a_matrix_does_not_matter() {
        let x = numbers(12 * 7, 2);
        let large: Vec<f32> = x.iter().map(|v| v * 1e6).collect();
        let [a, b] = [x, large].map(|x| orthogonal(&x, [12, 7], Level::best()));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_transposed_matrix_gives_the_transpose() {
        let (mut turned, x) = (vec![0.0; 5 * 13], numbers(5 * 13, 3));
        transpose([5, 13], (&x, 13), (&mut turned, 5));
        let (wide, tall) =
            (orthogonal(&x, [5, 13], Level::best()), orthogonal(&turned, [13, 5], Level::best()));
        let mut expected = vec![0.0; 5 * 13];
        transpose([13, 5], (&tall, 5), (&mut expected, 13));
        assert_eq!(wide, expected);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(orthogonal(&[0.0; 6], [2, 3], Level::best()), [0.0; 6]);
    }
}
