//! The published model's training step, put together from the slice functions.

use mnist2x2_kernels::{
    Backward, CrossAttention, Forward, Head, HeadLoss, Mlp, PatchEmbedding, Scratch, SelfAttention, SubLayer,
    TokenEmbedding,
};

use crate::oracle::numbers;
use crate::{HEADS, PATCHES, TOKENS, WIDTH};

/// One sub-layer's parameters, their gradient, what its forward pass saved, and its output.
pub(crate) struct Slot {
    params: Vec<f32>,
    d_params: Vec<f32>,
    saved: Vec<f32>,
    y: Vec<f32>,
}

impl Slot {
    pub(crate) fn new<const N: usize, L: SubLayer<N>>(layer: &L, sizes: L::Sizes) -> Self {
        let lens = layer.lens(sizes);
        Self::of(lens.params, lens.saved, lens.y)
    }

    fn of(params: usize, saved: usize, y: usize) -> Self {
        let params = numbers(params, 7).iter().map(|p| p * 0.1).collect::<Vec<_>>();
        Self { d_params: vec![0.0; params.len()], params, saved: vec![0.0; saved], y: vec![0.0; y] }
    }

    pub(crate) fn forward<const N: usize, L: SubLayer<N>>(
        &mut self,
        layer: &L,
        sizes: L::Sizes,
        inputs: [&[f32]; N],
        scratch: &mut Scratch,
    ) {
        let Self { params, y, saved, .. } = self;
        layer.forward(sizes, Forward { params, inputs, y, saved }, scratch);
    }

    pub(crate) fn backward<const N: usize, L: SubLayer<N>>(
        &mut self,
        layer: &L,
        sizes: L::Sizes,
        inputs: [&[f32]; N],
        dy: &[f32],
        dx: [&mut [f32]; N],
        scratch: &mut Scratch,
    ) {
        let Self { params, d_params, saved, .. } = self;
        layer.backward(sizes, Backward { params, inputs, saved, dy, dx, d_params }, scratch);
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
    head: (HeadLoss, Slot),
    scratch: Scratch,
    d_memory: Vec<f32>,
    d: [Vec<f32>; 2],
}

impl Step {
    pub(crate) fn new(grids: usize) -> Self {
        let (rows, columns) = (grids * PATCHES, grids * TOKENS);
        let patches = PatchEmbedding::new(PATCHES, 196, WIDTH).expect("sizes of the published model");
        let slot = Slot::new(&patches, [grids]);
        let embedding = TokenEmbedding::new(13, TOKENS, WIDTH).expect("sizes of the published model");
        let embedded = Slot::of(embedding.layout().size(), 0, columns * WIDTH);
        let head = Head::new(13, WIDTH).expect("sizes of the published model").loss();
        let of_head = Slot::new(&head, [columns]);
        let attention = |tokens, causal| {
            let layer = SelfAttention::new(WIDTH, HEADS, causal).expect("sizes of the published model");
            let slot = Slot::new(&layer, [grids, tokens, tokens]);
            (layer, slot)
        };
        let mlp = |rows| {
            let layer = Mlp::new(WIDTH, 2 * WIDTH).expect("sizes of the published model");
            let slot = Slot::new(&layer, [rows]);
            (layer, slot)
        };
        let encoder = (0..4).map(|_| {
            let ((a, of_a), (m, of_m)) = (attention(PATCHES, false), mlp(rows));
            (a, of_a, m, of_m)
        });
        let decoder = (0..2).map(|_| {
            let ((a, of_a), (m, of_m)) = (attention(TOKENS, true), mlp(columns));
            let cross = CrossAttention::new(WIDTH, HEADS).expect("sizes of the published model");
            let of_cross = Slot::new(&cross, [grids, TOKENS, PATCHES]);
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
        slot.forward(layer, [grids], [&self.images], scratch);
        let mut x = &slot.y;
        for (attention, a, mlp, m) in &mut self.encoder {
            a.forward(attention, [grids, PATCHES, PATCHES], [x], scratch);
            m.forward(mlp, [grids * PATCHES], [&a.y], scratch);
            x = &m.y;
        }
        let memory = x;
        let (layer, slot) = &mut self.embedding;
        layer.forward(TOKENS, 0, &slot.params, &self.tokens, &mut slot.y);
        let mut x = &slot.y;
        for (attention, a, cross, c, mlp, m) in &mut self.decoder {
            a.forward(attention, [grids, TOKENS, TOKENS], [x], scratch);
            c.forward(cross, [grids, TOKENS, PATCHES], [&a.y, memory], scratch);
            m.forward(mlp, [grids * TOKENS], [&c.y], scratch);
            x = &m.y;
        }
        let (head, slot) = &mut self.head;
        slot.forward(head, [grids * TOKENS], [x, &self.targets], scratch);
        slot.y[0]
    }

    /// Every gradient, after [`Self::forward`].
    pub(crate) fn backward(&mut self) {
        let (grids, scratch) = (self.grids, &mut self.scratch);
        let [d, e] = &mut self.d;
        let (head, slot) = &mut self.head;
        let x = &self.decoder[1].5.y;
        slot.backward(head, [grids * TOKENS], [x, &self.targets], &[1.0], [d, &mut []], scratch);
        self.d_memory.fill(0.0);
        let memory = &self.encoder[3].3.y;
        for i in (0..self.decoder.len()).rev() {
            let (before, from) = self.decoder.split_at_mut(i);
            let x = before.last().map_or(&self.embedding.1.y, |layer| &layer.5.y);
            let (attention, a, cross, c, mlp, m) = &mut from[0];
            m.backward(mlp, [grids * TOKENS], [&c.y], d, [e], scratch);
            let sizes = [grids, TOKENS, PATCHES];
            c.backward(cross, sizes, [&a.y, memory], e, [d, &mut self.d_memory], scratch);
            a.backward(attention, [grids, TOKENS, TOKENS], [x], d, [e], scratch);
            std::mem::swap(d, e);
        }
        self.embedding.0.backward(TOKENS, 0, &self.tokens, d, &mut self.embedding.1.d_params);
        d.copy_from_slice(&self.d_memory);
        for i in (0..self.encoder.len()).rev() {
            let (before, from) = self.encoder.split_at_mut(i);
            let x = before.last().map_or(&self.patches.1.y, |layer| &layer.3.y);
            let (attention, a, mlp, m) = &mut from[0];
            m.backward(mlp, [grids * PATCHES], [&a.y], d, [e], scratch);
            a.backward(attention, [grids, PATCHES, PATCHES], [x], e, [d], scratch);
        }
        let (layer, slot) = &mut self.patches;
        slot.backward(layer, [grids], [&self.images], d, [&mut []], scratch);
    }
}
