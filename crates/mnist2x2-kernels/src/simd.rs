//! The instruction set, chosen when the program runs, and the loads and stores all kernels share.
//!
//! Kernels are written once over [`pulp::Simd`]. A sub-layer enters its instruction set once per call
//! ([`Level::run`]); what it calls is inlined or enters the same set again, which costs a plain function call.

use std::array;
use std::sync::OnceLock;

use pulp::{Arch, MemMask, Simd, WithSimd};

/// The level of this process, once it is used or chosen.
static USED: OnceLock<Level> = OnceLock::new();

/// The instruction set that kernels run on: AVX-512, AVX2 with FMA, NEON, WebAssembly's 128 bits, or plain
/// scalar code.
///
/// The numbers differ in the last bits between levels, because vectors sum in another order; on one level they are
/// the same every time.
#[derive(Clone, Copy, Debug)]
pub struct Level(Arch);

impl Level {
    /// The widest level this machine has. (Miri, which looks for undefined behavior, knows no vectors.)
    pub fn best() -> Self {
        if cfg!(miri) { Self::scalar() } else { Self(Arch::new()) }
    }

    /// Code without vector instructions, which every machine has.
    pub fn scalar() -> Self {
        Self(Arch::Scalar)
    }

    /// Every level this machine has, the scalar one first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::scalar()];
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
        levels.extend(pulp::x86::V3::try_new().map(|v3| Self(Arch::V3(v3))));
        if !levels.iter().any(|l| l.name() == Self::best().name()) {
            levels.push(Self::best());
        }
        levels
    }

    /// The level of this machine with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|level| level.name() == name)
    }

    /// Has all kernels of this process run on this level, whatever the machine has; false, and nothing done, if some have run already.
    pub fn choose(self) -> bool {
        USED.set(self).is_ok()
    }

    /// What the level is called in tables of measurements.
    pub fn name(self) -> &'static str {
        #[allow(unreachable_patterns, reason = "which levels there are depends on the target")]
        match self.0 {
            Arch::Scalar => "scalar",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V3(_) => "avx2",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Arch::Neon(_) => "neon",
            #[cfg(target_arch = "wasm32")]
            Arch::Simd128(_) => "simd128",
            _ => "other",
        }
    }

    /// Runs a kernel on this level.
    #[inline]
    pub(crate) fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        // WebAssembly's 128 bits are there or not when a module is built. It then has no scalar kernels beside them, whatever the
        // level: they would be a twentieth of the page.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        if let Some(simd) = pulp::wasm::Simd128::try_new() {
            return Simd::vectorize(simd, kernel);
        }
        self.0.dispatch(kernel)
    }
}

/// The level of this process: the one that was chosen, else the best.
impl Default for Level {
    fn default() -> Self {
        *USED.get_or_init(Self::best)
    }
}

/// Runs a plain loop that the compiler makes vectors of, on the level of this process. Give it a closure that it can inline.
#[inline]
pub fn vectorize<R>(plain: impl FnOnce() -> R) -> R {
    Level::default().run(Plain(plain))
}

struct Plain<F>(F);

impl<R, F: FnOnce() -> R> WithSimd for Plain<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> R {
        (self.0)()
    }
}

/// How many vectors hold `len` numbers.
#[inline(always)]
pub(crate) fn vectors<S: Simd>(len: usize) -> usize {
    len.div_ceil(S::F32_LANES)
}

/// The lanes `first..last`.
///
/// Rewrapped, because the mask that pulp makes carries functions for loading and storing, whose call costs more than the
/// masked instructions of AVX2 and AVX-512.
#[inline(always)]
pub(crate) fn lanes<S: Simd>(simd: S, first: usize, last: usize) -> MemMask<S::m32s> {
    MemMask::new(simd.mask_between_m32s(first as u32, last as u32).mask())
}

/// Vector `i` of `x`; lanes past the end are zero.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, x: &[f32], i: usize) -> S::f32s {
    let (full, rest) = S::as_simd_f32s(x);
    match full.get(i) {
        Some(&v) => v,
        // SAFETY: the mask covers the numbers of `rest` and no more.
        None => unsafe { simd.mask_load_ptr_f32s(lanes(simd, 0, rest.len()), rest.as_ptr()) },
    }
}

/// Writes vector `i` of `x`; lanes past the end are dropped.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, x: &mut [f32], i: usize, v: S::f32s) {
    let (full, rest) = S::as_mut_simd_f32s(x);
    match full.get_mut(i) {
        Some(slot) => *slot = v,
        // SAFETY: the mask covers the numbers of `rest` and no more.
        None => unsafe { simd.mask_store_ptr_f32s(lanes(simd, 0, rest.len()), rest.as_mut_ptr(), v) },
    }
}

/// Vector `i` of something `len` long, with `other` in the lanes past the end.
#[inline(always)]
pub(crate) fn within<S: Simd>(simd: S, v: S::f32s, i: usize, len: usize, other: f32) -> S::f32s {
    let left = len - i * S::F32_LANES;
    if left >= S::F32_LANES {
        return v;
    }
    simd.select_f32s(lanes(simd, 0, left).mask(), v, simd.splat_f32s(other))
}

/// `to[j] += sum over rows r of x[r][j]`: the gradient of a bias.
#[inline(always)]
pub(crate) fn add_column_sums<S: Simd>(simd: S, x: &[f32], to: &mut [f32]) {
    let (count, mut i) = (vectors::<S>(to.len()), 0);
    while i + 4 <= count {
        add_columns::<S, 4>(simd, x, i, to);
        i += 4;
    }
    while i < count {
        add_columns::<S, 1>(simd, x, i, to);
        i += 1;
    }
}

/// [`add_column_sums`] of `V` vectors from `first`: several at once, because one alone would wait for each of its additions.
#[inline(always)]
fn add_columns<S: Simd, const V: usize>(simd: S, x: &[f32], first: usize, to: &mut [f32]) {
    let mut sums: [S::f32s; V] = array::from_fn(|j| load(simd, to, first + j));
    for row in x.chunks_exact(to.len()) {
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = simd.add_f32s(*sum, load(simd, row, first + j));
        }
    }
    for (j, sum) in sums.into_iter().enumerate() {
        store(simd, to, first + j, sum);
    }
}

/// `to[i] *= by[i]`.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(simd: S, by: &[f32], to: &mut [f32]) {
    for i in 0..vectors::<S>(to.len()) {
        let product = simd.mul_f32s(load(simd, to, i), load(simd, by, i));
        store(simd, to, i, product);
    }
}

/// `to[i] += x[i]`.
#[inline(always)]
pub(crate) fn add<S: Simd>(simd: S, x: &[f32], to: &mut [f32]) {
    for i in 0..vectors::<S>(to.len()) {
        let sum = simd.add_f32s(load(simd, to, i), load(simd, x, i));
        store(simd, to, i, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Copy<'a>(&'a [f32], &'a mut [f32]);

    impl WithSimd for Copy<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for i in 0..vectors::<S>(self.0.len()) {
                let v = within(simd, load(simd, self.0, i), i, self.0.len(), f32::NAN);
                store(simd, self.1, i, v);
            }
        }
    }

    #[test]
    fn loads_and_stores_reach_every_length() {
        for level in Level::available() {
            for len in 0..40 {
                let from: Vec<f32> = (0..len).map(|i| i as f32).collect();
                let mut to = vec![-1.0; len];
                level.run(Copy(&from, &mut to));
                assert_eq!(from, to, "{} {len}", level.name());
            }
        }
    }

    #[test]
    fn levels_begin_with_scalar_and_hold_the_best() {
        let names: Vec<_> = Level::available().iter().map(|l| l.name()).collect();
        assert_eq!(names[0], "scalar");
        assert!(names.contains(&Level::best().name()));
    }
}
