//! The innermost loops of the matrix product: tiles that stay in registers.

use pulp::Simd;

use crate::simd::lanes;

/// One or two vectors' width of columns of C, and what they are made from.
pub(crate) struct Panel {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) a: *const f32,
    pub(crate) a_strides: [usize; 2],
    pub(crate) b: *const f32,
    pub(crate) b_stride: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    pub(crate) bias: Option<*const f32>,
    pub(crate) from: Option<*const f32>,
    pub(crate) last_lanes: usize,
}

impl Panel {
    /// All rows, the most first that the registers hold: 16 vectors of sums where there are 32 registers,
    /// else 6 rows.
    /// Which rows make a tile changes no sum.
    ///
    /// # Safety
    /// Rows `0..self.rows` of A, `from` and C, rows `0..self.depth` of B and the bias are readable, and C writable,
    /// over `V` vectors, or over `V - 1` and `last_lanes` numbers where `MASKED`.
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd, const V: usize, const MASKED: bool>(&self, simd: S) {
        let mut row = 0;
        // SAFETY: each tile lies within `0..self.rows`; the rest is the caller's promise.
        unsafe {
            if S::REGISTER_COUNT >= 32 {
                while V == 1 && row + 16 <= self.rows {
                    self.tile::<S, 16, V, MASKED>(simd, row);
                    row += 16;
                }
                while row + 8 <= self.rows {
                    self.tile::<S, 8, V, MASKED>(simd, row);
                    row += 8;
                }
            } else {
                // Of 8 and 9 rows, 6 would leave 2 and 3 single ones.
                while row + 6 <= self.rows && !matches!(self.rows - row, 8 | 9) {
                    self.tile::<S, 6, V, MASKED>(simd, row);
                    row += 6;
                }
            }
            while row + 4 <= self.rows {
                self.tile::<S, 4, V, MASKED>(simd, row);
                row += 4;
            }
            while row < self.rows {
                self.tile::<S, 1, V, MASKED>(simd, row);
                row += 1;
            }
        }
    }

    /// `R` rows from `row`, in registers from start to end.
    ///
    /// # Safety
    /// As for [`Self::run`], with `row + R <= self.rows`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize, const MASKED: bool>(&self, simd: S, row: usize) {
        let mask = lanes(simd, 0, self.last_lanes);
        // SAFETY: the caller's promise covers vector `j` of each row, whole or masked.
        let load = |row: *const f32, j: usize| unsafe {
            let p = row.add(j * S::F32_LANES);
            if MASKED && j + 1 == V {
                simd.mask_load_ptr_f32s(mask, p)
            } else {
                p.cast::<S::f32s>().read_unaligned()
            }
        };
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        // SAFETY: row indices stay below `row + R` in A, `from` and C and below `depth` in B.
        unsafe {
            if let Some(from) = self.from {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = load(from.add((row + i) * self.c_stride), j);
                    }
                }
            }
            if let Some(bias) = self.bias {
                for j in 0..V {
                    let bias = load(bias, j);
                    for sums in &mut sums {
                        sums[j] = simd.add_f32s(sums[j], bias);
                    }
                }
            }
            let a = self.a.add(row * self.a_strides[0]);
            for p in 0..self.depth {
                let mut b = [simd.splat_f32s(0.0); V];
                for (j, b) in b.iter_mut().enumerate() {
                    *b = load(self.b.add(p * self.b_stride), j);
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let a = simd.splat_f32s(*a.add(i * self.a_strides[0] + p * self.a_strides[1]));
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = simd.mul_add_e_f32s(a, b, *sum);
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    let p = self.c.add((row + i) * self.c_stride + j * S::F32_LANES);
                    if MASKED && j + 1 == V {
                        simd.mask_store_ptr_f32s(mask, p, *sum);
                    } else {
                        p.cast::<S::f32s>().write_unaligned(*sum);
                    }
                }
            }
        }
    }
}
