//! Writing a sequence one token at a time: attention of the newest token over keys and values kept from before.

use candle_core::Result;
use pulp::{Simd, WithSimd};

use crate::attention_layer::{AttentionLayer, CrossAttention, SelfAttention};
use crate::layer_norm::{STATISTICS, layer_norm};
use crate::scratch::Scratch;
use crate::simd::{load, store, vectors};
use crate::sizes::{check_sizes, numbers_in, whole_lines};
use crate::softmax::softmax;
use crate::transpose::transpose;

/// The keys and values of one attention sub-layer for B sequences of at most `capacity` places.
///
/// Keys are kept transposed, (B, D, capacity), with rows filled up to whole vectors, so that the scores of one query over
/// all places come side by side; values are (B, capacity, D).
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    batch: usize,
    width: usize,
    capacity: usize,
    len: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl KeyValueCache {
    /// An empty cache for `batch` sequences of up to `capacity` places and vectors of D = `width`.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new(batch: usize, capacity: usize, width: usize) -> Result<Self> {
        let numbers = numbers_in([batch, whole_lines(capacity), width]);
        check_sizes("cache", &[batch, capacity, width], numbers)?;
        let mut cache = Self { batch, width, capacity, len: 0, keys: Vec::new(), values: Vec::new() };
        cache.reset(batch);
        Ok(cache)
    }

    /// How many places are filled in every sequence.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no place is filled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no place left.
    pub fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// B, the number of sequences.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// D, the width of a key and of a value.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The sequences `rows`, in that order: a beam search keeps some, drops some and doubles some.
    ///
    /// # Panics
    /// If a row is not below B.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        assert!(rows.iter().all(|&row| (row as usize) < self.batch), "{rows:?} of {} rows", self.batch);
        let pick = |from: &[f32], places: usize| {
            let sequence = places * self.width;
            let mut picked = Vec::with_capacity(rows.len() * sequence);
            for &row in rows {
                picked.extend_from_slice(&from[row as usize * sequence..][..sequence]);
            }
            picked
        };
        let (keys, values) = (pick(&self.keys, self.pitch()), pick(&self.values, self.capacity));
        Self { batch: rows.len(), keys, values, ..*self }
    }

    /// Forgets everything and makes room for another batch, reusing the memory.
    ///
    /// # Panics
    /// If the batch is more than memory holds.
    pub fn reset(&mut self, batch: usize) {
        self.keys.resize(numbers_in([batch, self.pitch(), self.width]), 0.0);
        self.values.resize(numbers_in([batch, self.capacity, self.width]), 0.0);
        (self.batch, self.len) = (batch, 0);
    }

    /// How far the rows of the transposed keys lie apart.
    fn pitch(&self) -> usize {
        whole_lines(self.capacity)
    }

    /// Adds one place to every sequence; k and v (B, D).
    fn push(&mut self, k: &[f32], v: &[f32]) {
        assert!(self.len < self.capacity, "the cache of {} places is full", self.capacity);
        let (d, pitch, sequence) = (self.width, self.pitch(), self.capacity * self.width);
        for (row, k) in self.keys.chunks_exact_mut(pitch).zip(k) {
            row[self.len] = *k;
        }
        for (values, v) in self.values.chunks_exact_mut(sequence).zip(v.chunks_exact(d)) {
            values[self.len * d..][..d].copy_from_slice(v);
        }
        self.len += 1;
    }

    /// Fills every place of every sequence; k and v (B, capacity, D).
    fn fill(&mut self, k: &[f32], v: &[f32]) {
        let (pitch, sequence) = (self.pitch(), self.capacity * self.width);
        for (keys, k) in self.keys.chunks_exact_mut(pitch * self.width).zip(k.chunks_exact(sequence)) {
            transpose([self.capacity, self.width], (k, self.width), (keys, pitch));
        }
        self.values.copy_from_slice(v);
        self.len = self.capacity;
    }

    /// The attention of one query per sequence over all filled places; q and out (B, D), scores as long as a row of keys.
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, heads: usize, q: &[f32], out: &mut [f32], scores: &mut [f32]) {
        let (d, n, width, pitch) = (self.width, self.len, self.width / heads, self.pitch());
        let scale = 1.0 / (width as f32).sqrt();
        let sequences = self.keys.chunks_exact(pitch * d).zip(self.values.chunks_exact(self.capacity * d));
        for ((keys, values), (q, out)) in sequences.zip(q.chunks_exact(d).zip(out.chunks_exact_mut(d))) {
            let of_heads = keys.chunks_exact(pitch * width).zip(out.chunks_exact_mut(width)).enumerate();
            for (h, (keys, out)) in of_heads {
                weighted_sum(simd, &q[h * width..][..width], (keys, pitch), scores);
                softmax(simd, &mut scores[..n], scale);
                weighted_sum(simd, &scores[..n], (&values[h * width..], d), out);
            }
        }
    }
}

/// `to = sum over i of weights[i] * row i`; the rows, as long as `to`, are `stride` apart. Two sums take turns, because one
/// alone would wait for each of its additions.
#[inline(always)]
fn weighted_sum<S: Simd>(simd: S, weights: &[f32], (rows, stride): (&[f32], usize), to: &mut [f32]) {
    let len = to.len();
    for i in 0..vectors::<S>(len) {
        let [mut even, mut odd] = [simd.splat_f32s(0.0); 2];
        for (pair, weights) in weights.chunks(2).enumerate() {
            let row = |k: usize| load(simd, &rows[(2 * pair + k) * stride..][..len], i);
            even = simd.mul_add_e_f32s(simd.splat_f32s(weights[0]), row(0), even);
            if let Some(&weight) = weights.get(1) {
                odd = simd.mul_add_e_f32s(simd.splat_f32s(weight), row(1), odd);
            }
        }
        store(simd, to, i, simd.add_f32s(even, odd));
    }
}

impl SelfAttention {
    /// The sub-layer for one more token of each of B sequences: appends its key and value to the cache and attends over
    /// all of the cache. The same as the last row of the forward pass with a causal mask; x and y (B, D). The parameters come
    /// from [`SubLayer::transposed`](crate::SubLayer::transposed), as in every forward pass.
    ///
    /// # Panics
    /// If the cache is full or of another width, or a slice is shorter than the cache's batch says.
    pub fn step(
        &self,
        transposed: &[f32],
        x: &[f32],
        y: &mut [f32],
        cache: &mut KeyValueCache,
        scratch: &mut Scratch,
    ) {
        let cache = Cache::Growing(cache);
        scratch.level().run(Step { layer: self, transposed, x, y, cache, scratch });
    }
}

impl CrossAttention {
    /// Keys and values of a memory (B, N, D), to be attended over in every [`Self::step`]; N is the cache's capacity.
    ///
    /// # Panics
    /// If the memory is shorter than the cache's batch and capacity say, or the cache is of another width.
    pub fn project_memory(
        &self,
        transposed: &[f32],
        memory: &[f32],
        cache: &mut KeyValueCache,
        scratch: &mut Scratch,
    ) {
        scratch.level().run(ProjectMemory { layer: self, transposed, memory, cache, scratch });
    }

    /// The sub-layer for one token of each of B sequences over a memory given to [`Self::project_memory`]; x and y (B, D).
    ///
    /// # Panics
    /// If the cache is empty or of another width, or a slice is shorter than the cache's batch says.
    pub fn step(
        &self,
        transposed: &[f32],
        x: &[f32],
        y: &mut [f32],
        cache: &KeyValueCache,
        scratch: &mut Scratch,
    ) {
        assert!(!cache.is_empty(), "no memory was given to project_memory");
        let cache = Cache::Fixed(cache);
        scratch.level().run(Step { layer: self, transposed, x, y, cache, scratch });
    }
}

/// A cache that the step appends to, or one that it only reads.
enum Cache<'a> {
    Growing(&'a mut KeyValueCache),
    Fixed(&'a KeyValueCache),
}

impl Cache<'_> {
    fn get(&self) -> &KeyValueCache {
        match self {
            Self::Growing(cache) => cache,
            Self::Fixed(cache) => cache,
        }
    }
}

struct Step<'a, const N: usize> {
    layer: &'a AttentionLayer<N>,
    transposed: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    cache: Cache<'a>,
    scratch: &'a mut Scratch,
}

impl<const N: usize> WithSimd for Step<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, transposed, x, y, mut cache, scratch } = self;
        let (batch, width, pitch) = (cache.get().batch, cache.get().width, cache.get().pitch());
        assert_eq!(width, layer.q.inputs, "the cache is another layer's");
        let len = batch * width;
        let (x, y) = (&x[..len], &mut y[..len]);
        let lens = [len, batch * STATISTICS, len, len, len, len, pitch];
        let [normed, statistics, q, k, v, attended, scores] = scratch.parts(lens);
        layer_norm(simd, &transposed[layer.norm.clone()], x, normed, statistics);
        layer.q.forward(simd, transposed, normed, None, q);
        if let Cache::Growing(cache) = &mut cache {
            layer.k.forward(simd, transposed, normed, None, k);
            layer.v.forward(simd, transposed, normed, None, v);
            cache.push(k, v);
        }
        cache.get().attend(simd, layer.heads, q, attended, scores);
        layer.out.forward(simd, transposed, attended, Some(x), y);
    }
}

struct ProjectMemory<'a> {
    layer: &'a CrossAttention,
    transposed: &'a [f32],
    memory: &'a [f32],
    cache: &'a mut KeyValueCache,
    scratch: &'a mut Scratch,
}

impl WithSimd for ProjectMemory<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, transposed, memory, cache, scratch } = self;
        assert_eq!(cache.width, layer.q.inputs, "the cache is another layer's");
        let len = cache.values.len();
        let [k, v] = scratch.parts([len, len]);
        layer.k.forward(simd, transposed, &memory[..len], None, k);
        layer.v.forward(simd, transposed, &memory[..len], None, v);
        cache.fill(k, v);
    }
}
