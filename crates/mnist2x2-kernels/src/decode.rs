//! Writing a sequence one token at a time: attention of the newest token over keys and values kept from before.

use pulp::{Simd, WithSimd};

use crate::attention_layer::AttentionLayer;
use crate::cross_attention::CrossAttention;
use crate::gemm::{Matrix, product};
use crate::layer_norm::{STATISTICS, layer_norm};
use crate::scratch::Scratch;
use crate::self_attention::SelfAttention;
use crate::softmax::softmax;
use crate::transpose::transpose;

/// The keys and values of one attention sub-layer for B sequences of at most `capacity` places.
///
/// Keys are kept transposed, (B, D, capacity), so that the scores of one query over all places come side by side in
/// vectors; values are (B, capacity, D).
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
    pub fn new(batch: usize, capacity: usize, width: usize) -> Self {
        let zeros = vec![0.0; batch * capacity * width];
        Self { batch, width, capacity, len: 0, keys: zeros.clone(), values: zeros }
    }

    /// How many places are filled in every sequence.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no place is filled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets everything and makes room for another batch, reusing the memory.
    pub fn reset(&mut self, batch: usize) {
        let needed = batch * self.capacity * self.width;
        self.keys.resize(needed, 0.0);
        self.values.resize(needed, 0.0);
        (self.batch, self.len) = (batch, 0);
    }

    /// Adds one place to every sequence; k and v (B, D).
    fn push(&mut self, k: &[f32], v: &[f32]) {
        assert!(self.len < self.capacity, "the cache of {} places is full", self.capacity);
        let (d, sequence) = (self.width, self.capacity * self.width);
        for (keys, k) in self.keys.chunks_exact_mut(sequence).zip(k.chunks_exact(d)) {
            for (row, k) in keys.chunks_exact_mut(self.capacity).zip(k) {
                row[self.len] = *k;
            }
        }
        for (values, v) in self.values.chunks_exact_mut(sequence).zip(v.chunks_exact(d)) {
            values[self.len * d..][..d].copy_from_slice(v);
        }
        self.len += 1;
    }

    /// Fills every place of every sequence; k and v (B, capacity, D).
    fn fill(&mut self, k: &[f32], v: &[f32]) {
        let sequence = self.capacity * self.width;
        for (keys, k) in self.keys.chunks_exact_mut(sequence).zip(k.chunks_exact(sequence)) {
            transpose([self.capacity, self.width], (k, self.width), (keys, self.capacity));
        }
        self.values.copy_from_slice(v);
        self.len = self.capacity;
    }

    /// The attention of one query per sequence over all filled places; q and out (B, D), scores (capacity).
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, heads: usize, q: &[f32], out: &mut [f32], scores: &mut [f32]) {
        let (d, n, width) = (self.width, self.len, self.width / heads);
        let scale = 1.0 / (width as f32).sqrt();
        let scores = &mut scores[..n];
        for (b, (q, out)) in q.chunks_exact(d).zip(out.chunks_exact_mut(d)).enumerate() {
            let at = b * self.capacity * d;
            for column in (0..d).step_by(width) {
                let keys = (&self.keys[at + column * self.capacity..], self.capacity);
                product(simd, [1, width, n], Matrix::rows(&q[column..], d), keys, (scores, n));
                softmax(simd, scores, scale);
                let values = (&self.values[at + column..], d);
                product(simd, [1, n, width], Matrix::rows(scores, n), values, (&mut out[column..], d));
            }
        }
    }
}

impl SelfAttention {
    /// The sub-layer for one more token of each of B sequences: appends its key and value to the cache and attends over
    /// all of the cache. The same as the last row of [`Self::forward`] with a causal mask; x and y (B, D).
    ///
    /// # Panics
    /// If the cache is full, or a slice is shorter than the cache's batch says.
    pub fn step(
        &self,
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        cache: &mut KeyValueCache,
        scratch: &mut Scratch,
    ) {
        let (layer, heads) = (&self.layer, self.heads);
        self.level.run(Step { layer, heads, params, x, y, cache: Cache::Growing(cache), scratch });
    }
}

impl CrossAttention {
    /// Keys and values of a memory (B, N, D), to be attended over in every [`Self::step`]; N is the cache's capacity.
    ///
    /// # Panics
    /// If the memory is shorter than the cache's batch and capacity say.
    pub fn remember(&self, params: &[f32], memory: &[f32], cache: &mut KeyValueCache, scratch: &mut Scratch) {
        self.level.run(Remember { layer: &self.layer, params, memory, cache, scratch });
    }

    /// The sub-layer for one token of each of B sequences over a memory given to [`Self::remember`]; x and y (B, D).
    ///
    /// # Panics
    /// If the cache is empty, or a slice is shorter than the cache's batch says.
    pub fn step(
        &self,
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        cache: &KeyValueCache,
        scratch: &mut Scratch,
    ) {
        assert!(!cache.is_empty(), "no memory was given to remember");
        let (layer, heads) = (&self.layer, self.heads);
        self.level.run(Step { layer, heads, params, x, y, cache: Cache::Fixed(cache), scratch });
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

struct Step<'a> {
    layer: &'a AttentionLayer,
    heads: usize,
    params: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    cache: Cache<'a>,
    scratch: &'a mut Scratch,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, heads, params, x, y, mut cache, scratch } = self;
        let KeyValueCache { batch, width, capacity, .. } = *cache.get();
        let len = batch * width;
        let (x, y) = (&x[..len], &mut y[..len]);
        let lens = [len, batch * STATISTICS, len, len, len, len, capacity, layer.q.scratch_len()];
        let [normed, statistics, q, k, v, attended, scores, weight] = scratch.parts(lens);
        layer_norm(simd, layer.norm(params), x, normed, statistics);
        layer.q.forward(simd, params, normed, None, q, weight);
        if let Cache::Growing(cache) = &mut cache {
            layer.k.forward(simd, params, normed, None, k, weight);
            layer.v.forward(simd, params, normed, None, v, weight);
            cache.push(k, v);
        }
        cache.get().attend(simd, heads, q, attended, scores);
        layer.out.forward(simd, params, attended, Some(x), y, weight);
    }
}

struct Remember<'a> {
    layer: &'a AttentionLayer,
    params: &'a [f32],
    memory: &'a [f32],
    cache: &'a mut KeyValueCache,
    scratch: &'a mut Scratch,
}

impl WithSimd for Remember<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, params, memory, cache, scratch } = self;
        let len = cache.values.len();
        let [k, v, weight] = scratch.parts([len, len, layer.k.scratch_len()]);
        layer.k.forward(simd, params, &memory[..len], None, k, weight);
        layer.v.forward(simd, params, &memory[..len], None, v, weight);
        cache.fill(k, v);
    }
}
