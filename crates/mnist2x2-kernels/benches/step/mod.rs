//! The published model's training step, put together from the slice functions.

use mnist2x2_kernels::{CrossAttention, Head, Mlp, PatchEmbedding, Scratch, SelfAttention, TokenEmbedding};

use crate::oracle::numbers;
use crate::{HEADS, PATCHES, TOKENS, WIDTH};

/// One sub-layer's parameters, their gradient, what its forward pass saved, and its output.
struct Slot {
    params: Vec<f32>,
    d_params: Vec<f32>,
    saved: Vec<f32>,
    y: Vec<f32>,
}

impl Slot {
    fn new(params: usize, saved: usize, y: usize) -> Self {
        let params = numbers(params, 7).iter().map(|p| p * 0.1).collect::<Vec<_>>();
        Self { d_params: vec![0.0; params.len()], params, saved: vec![0.0; saved], y: vec![0.0; y] }
    }
}

/// A shard of grids, the model's parameters and every buffer of a step.
pub(crate) struct Step {
    grids: usize,
    images: Vec<f32>,
    tokens: Vec<u32>,
    targets: Vec<f32>,
    patches: (PatchEmbedding, Slot),
    encoder: Vec<(SelfAttention, Slot, Mlp, Slot)>,
    embedding: (TokenEmbedding, Slot),
    decoder: Vec<(SelfAttention, Slot, CrossAttention, Slot, Mlp, Slot)>,
    head: (Head, Slot),
    scratch: Scratch,
    d_memory: Vec<f32>,
    d: [Vec<f32>; 2],
}

impl Step {
    pub(crate) fn new(grids: usize) -> Self {
        let (rows, columns) = (grids * PATCHES, grids * TOKENS);
        let patches = PatchEmbedding::new(PATCHES, 196, WIDTH);
        let slot = Slot::new(patches.layout().size(), 0, rows * WIDTH);
        let embedding = TokenEmbedding::new(13, TOKENS, WIDTH);
        let embedded = Slot::new(embedding.layout().size(), 0, columns * WIDTH);
        let head = Head::new(13, WIDTH);
        let of_head = Slot::new(head.layout().size(), head.saved_len(columns), 0);
        let attention = |tokens, causal| {
            let layer = SelfAttention::new(WIDTH, HEADS, causal);
            let saved = layer.saved_len([grids, tokens]);
            let slot = Slot::new(layer.layout().size(), saved, grids * tokens * WIDTH);
            (layer, slot)
        };
        let mlp = |rows| {
            let layer = Mlp::new(WIDTH, 2 * WIDTH);
            let slot = Slot::new(layer.layout().size(), layer.saved_len(rows), rows * WIDTH);
            (layer, slot)
        };
        let encoder = (0..4).map(|_| {
            let ((a, of_a), (m, of_m)) = (attention(PATCHES, false), mlp(rows));
            (a, of_a, m, of_m)
        });
        let decoder = (0..2).map(|_| {
            let ((a, of_a), (m, of_m)) = (attention(TOKENS, true), mlp(columns));
            let cross = CrossAttention::new(WIDTH, HEADS);
            let saved = cross.saved_len([grids, TOKENS, PATCHES]);
            let of_cross = Slot::new(cross.layout().size(), saved, columns * WIDTH);
            (a, of_a, cross, of_cross, m, of_m)
        });
        Self {
            grids,
            images: numbers(rows * 196, 1),
            tokens: (0..columns as u32).map(|i| i % 11).collect(),
            targets: vec![1.0 / 13.0; columns * 13],
            patches: (patches, slot),
            encoder: encoder.collect(),
            embedding: (embedding, embedded),
            decoder: decoder.collect(),
            head: (head, of_head),
            scratch: Scratch::new(),
            d_memory: vec![0.0; rows * WIDTH],
            d: [vec![0.0; rows * WIDTH], vec![0.0; rows * WIDTH]],
        }
    }

    /// The loss of the shard.
    pub(crate) fn forward(&mut self) -> f32 {
        let (grids, scratch) = (self.grids, &mut self.scratch);
        let (layer, slot) = &mut self.patches;
        layer.forward(grids, &slot.params, &self.images, &mut slot.y, scratch);
        let mut x = &slot.y;
        for (attention, a, mlp, m) in &mut self.encoder {
            attention.forward([grids, PATCHES], &a.params, x, &mut a.y, &mut a.saved, scratch);
            mlp.forward(grids * PATCHES, &m.params, &a.y, &mut m.y, &mut m.saved, scratch);
            x = &m.y;
        }
        let memory = x;
        let (layer, slot) = &mut self.embedding;
        layer.forward(TOKENS, 0, &slot.params, &self.tokens, &mut slot.y);
        let mut x = &slot.y;
        for (attention, a, cross, c, mlp, m) in &mut self.decoder {
            attention.forward([grids, TOKENS], &a.params, x, &mut a.y, &mut a.saved, scratch);
            let sizes = [grids, TOKENS, PATCHES];
            cross.forward(sizes, &c.params, [&a.y, memory], &mut c.y, &mut c.saved, scratch);
            mlp.forward(grids * TOKENS, &m.params, &c.y, &mut m.y, &mut m.saved, scratch);
            x = &m.y;
        }
        let (head, slot) = &mut self.head;
        head.loss(grids * TOKENS, &slot.params, x, &self.targets, &mut slot.saved, scratch)
    }

    /// Every gradient, after [`Self::forward`].
    pub(crate) fn backward(&mut self) {
        let (grids, scratch) = (self.grids, &mut self.scratch);
        let [d, e] = &mut self.d;
        let (head, slot) = &mut self.head;
        let x = &self.decoder[1].5.y;
        head.backward(grids * TOKENS, &slot.params, x, &slot.saved, 1.0, d, &mut slot.d_params, scratch);
        self.d_memory.fill(0.0);
        let memory = &self.encoder[3].3.y;
        for i in (0..self.decoder.len()).rev() {
            let (before, from) = self.decoder.split_at_mut(i);
            let x = before.last().map_or(&self.embedding.1.y, |layer| &layer.5.y);
            let (attention, a, cross, c, mlp, m) = &mut from[0];
            mlp.backward(grids * TOKENS, &m.params, &c.y, &m.saved, d, e, &mut m.d_params, scratch);
            let gradients = [&mut d[..], &mut self.d_memory];
            let (sizes, inputs) = ([grids, TOKENS, PATCHES], [&a.y[..], memory]);
            cross.backward(sizes, &c.params, inputs, &c.saved, e, gradients, &mut c.d_params, scratch);
            attention.backward([grids, TOKENS], &a.params, x, &a.saved, d, e, &mut a.d_params, scratch);
            std::mem::swap(d, e);
        }
        self.embedding.0.backward(TOKENS, 0, &self.tokens, d, &mut self.embedding.1.d_params);
        d.copy_from_slice(&self.d_memory);
        for i in (0..self.encoder.len()).rev() {
            let (before, from) = self.encoder.split_at_mut(i);
            let x = before.last().map_or(&self.patches.1.y, |layer| &layer.3.y);
            let (attention, a, mlp, m) = &mut from[0];
            mlp.backward(grids * PATCHES, &m.params, &a.y, &m.saved, d, e, &mut m.d_params, scratch);
            attention.backward([grids, PATCHES], &a.params, x, &a.saved, e, d, &mut a.d_params, scratch);
        }
        let (layer, slot) = &mut self.patches;
        layer.backward(grids, &slot.params, &self.images, d, None, &mut slot.d_params);
    }
}
