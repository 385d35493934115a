//! Every sub-layer at the sizes of the published model for a shard of 8 grids.
//!
//! `cargo bench -p mnist2x2-kernels`; a whole step of training is a bench of `mnist2x2-model`.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mnist2x2_kernels::{
    Backward, CrossAttention, Forward, Head, KeyValueCache, Mlp, PatchEmbedding, Scratch, SelfAttention,
    SubLayer,
};
use oracle::numbers;

const GRIDS: usize = 8;
const WIDTH: usize = 64;
const HEADS: usize = 4;
const PATCHES: usize = 16;
const TOKENS: usize = 5;

/// One sub-layer's parameters, their gradient, what its forward pass saved, and its output.
struct Slot {
    params: Vec<f32>,
    transposed: Vec<f32>,
    d_params: Vec<f32>,
    saved: Vec<f32>,
    y: Vec<f32>,
}

impl Slot {
    fn new<const N: usize, L: SubLayer<N>>(layer: &L, sizes: L::Sizes) -> Self {
        let lens = layer.lens(sizes);
        let params = numbers(lens.params, 7).iter().map(|p| p * 0.1).collect::<Vec<_>>();
        let [d_params, saved, y] = [lens.params, lens.saved, lens.y].map(|len| vec![0.0; len]);
        Self { transposed: layer.transposed(&params), params, d_params, saved, y }
    }

    fn forward<const N: usize, L: SubLayer<N>>(
        &mut self,
        layer: &L,
        sizes: L::Sizes,
        inputs: [&[f32]; N],
        scratch: &mut Scratch,
    ) {
        let Self { transposed, y, saved, .. } = self;
        layer.forward(sizes, Forward { transposed, inputs, y, saved }, scratch);
    }

    fn backward<const N: usize, L: SubLayer<N>>(
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

/// The forward and the backward pass of a sub-layer.
fn both_passes<const N: usize, L: SubLayer<N>>(c: &mut Criterion, name: &str, layer: &L, sizes: L::Sizes) {
    let (mut slot, mut scratch) = (Slot::new(layer, sizes), Scratch::new());
    let lens = layer.lens(sizes);
    let inputs = lens.inputs.map(|len| numbers(len, 2));
    let inputs = inputs.each_ref().map(|x| &x[..]);
    c.bench_function(&format!("{name} forward"), |b| {
        b.iter(|| slot.forward(layer, sizes, black_box(inputs), &mut scratch));
    });
    // The gradient of data is left out, as in training.
    let wanted = std::array::from_fn::<_, N, _>(|i| if L::DATA[i] { 0 } else { lens.inputs[i] });
    let (dy, mut dx) = (numbers(lens.y, 3), wanted.map(|len| vec![0.0; len]));
    c.bench_function(&format!("{name} backward"), |b| {
        b.iter(|| {
            let dx = dx.each_mut().map(|dx| &mut dx[..]);
            slot.backward(layer, sizes, inputs, black_box(&dy), dx, &mut scratch);
        });
    });
}

fn sub_layers(c: &mut Criterion) {
    for (name, tokens, causal) in [("encoder", PATCHES, false), ("decoder", TOKENS, true)] {
        let attention = SelfAttention::new(WIDTH, HEADS, causal).expect("sizes of the published model");
        both_passes(c, &format!("self-attention {name}"), &attention, [GRIDS, tokens, tokens]);
        both_passes(
            c,
            &format!("mlp {name}"),
            &Mlp::new(WIDTH, 2 * WIDTH).expect("sizes of the published model"),
            [GRIDS * tokens],
        );
    }
    both_passes(
        c,
        "cross-attention",
        &CrossAttention::new(WIDTH, HEADS).expect("sizes of the published model"),
        [GRIDS, TOKENS, PATCHES],
    );
    both_passes(
        c,
        "patch embedding",
        &PatchEmbedding::new(PATCHES, 196, WIDTH).expect("sizes of the published model"),
        [GRIDS],
    );
    both_passes(
        c,
        "head and loss",
        &Head::new(13, WIDTH).expect("sizes of the published model").loss(),
        [GRIDS * TOKENS],
    );
}

/// One token of every sequence, with keys and values kept.
fn decoding(c: &mut Criterion) {
    for batch in [1, 500] {
        let (layer, cross) = (
            SelfAttention::new(WIDTH, HEADS, true).expect("sizes of the published model"),
            CrossAttention::new(WIDTH, HEADS).expect("sizes of the published model"),
        );
        let (params, of_cross) = (numbers(layer.size(), 1), numbers(cross.size(), 2));
        let params = layer.transposed(&params);
        let of_cross = cross.transposed(&of_cross);
        let (x, memory) = (numbers(batch * WIDTH, 3), numbers(batch * PATCHES * WIDTH, 4));
        let (mut y, mut scratch) = (x.clone(), Scratch::new());
        let mut cache = KeyValueCache::new(batch, TOKENS, WIDTH).expect("sizes of the published model");
        c.bench_function(&format!("self-attention 5 steps of {batch}"), |b| {
            b.iter(|| {
                cache.reset(batch);
                for _ in 0..TOKENS {
                    layer.step(&params, black_box(&x), &mut y, &mut cache, &mut scratch);
                }
            });
        });
        let mut cache = KeyValueCache::new(batch, PATCHES, WIDTH).expect("sizes of the published model");
        cross.project_memory(&of_cross, &memory, &mut cache, &mut scratch);
        c.bench_function(&format!("cross-attention step of {batch}"), |b| {
            b.iter(|| cross.step(&of_cross, black_box(&x), &mut y, &cache, &mut scratch));
        });
    }
}

criterion_group!(benches, decoding, sub_layers);
criterion_main!(benches);
