//! Every sub-layer at the sizes of the published model for a shard of 8 grids, and a whole training step of that shard.
//!
//! `cargo bench -p mnist2x2-kernels`; throughput of the step is in grids per second on one core.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

#[path = "step/candle.rs"]
mod candle_step;
#[path = "../tests/oracle/mod.rs"]
mod oracle;
mod step;

use std::hint::black_box;

use candle_step::CandleStep;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mnist2x2_kernels::{CrossAttention, Head, KeyValueCache, Mlp, PatchEmbedding, Scratch, SelfAttention};
use oracle::numbers;
use step::Step;

const GRIDS: usize = 8;
const WIDTH: usize = 64;
const HEADS: usize = 4;
const PATCHES: usize = 16;
const TOKENS: usize = 5;

fn self_attention(c: &mut Criterion) {
    for (name, tokens, causal) in [("encoder", PATCHES, false), ("decoder", TOKENS, true)] {
        let (layer, sizes) = (SelfAttention::new(WIDTH, HEADS, causal), [GRIDS, tokens]);
        let params = numbers(layer.layout().size(), 1);
        let x = numbers(GRIDS * tokens * WIDTH, 2);
        let (mut y, mut dx, mut d_params) = (x.clone(), x.clone(), params.clone());
        let (mut saved, mut scratch) = (vec![0.0; layer.saved_len(sizes)], Scratch::new());
        c.bench_function(&format!("self-attention {name} forward"), |b| {
            b.iter(|| layer.forward(sizes, &params, black_box(&x), &mut y, &mut saved, &mut scratch));
        });
        c.bench_function(&format!("self-attention {name} backward"), |b| {
            b.iter(|| {
                layer.backward(
                    sizes,
                    &params,
                    &x,
                    &saved,
                    black_box(&x),
                    &mut dx,
                    &mut d_params,
                    &mut scratch,
                );
            });
        });
    }
}

fn cross_attention(c: &mut Criterion) {
    let (layer, sizes) = (CrossAttention::new(WIDTH, HEADS), [GRIDS, TOKENS, PATCHES]);
    let params = numbers(layer.layout().size(), 1);
    let (x, memory) = (numbers(GRIDS * TOKENS * WIDTH, 2), numbers(GRIDS * PATCHES * WIDTH, 3));
    let (mut y, mut dx, mut d_memory, mut d_params) = (x.clone(), x.clone(), memory.clone(), params.clone());
    let (mut saved, mut scratch) = (vec![0.0; layer.saved_len(sizes)], Scratch::new());
    c.bench_function("cross-attention forward", |b| {
        b.iter(|| {
            layer.forward(sizes, &params, black_box([&x, &memory]), &mut y, &mut saved, &mut scratch);
        });
    });
    c.bench_function("cross-attention backward", |b| {
        b.iter(|| {
            let (inputs, gradients) = ([&x[..], &memory], [&mut dx[..], &mut d_memory]);
            let dy = black_box(&x);
            layer.backward(sizes, &params, inputs, &saved, dy, gradients, &mut d_params, &mut scratch);
        });
    });
}

fn mlp(c: &mut Criterion) {
    for (name, tokens) in [("encoder", PATCHES), ("decoder", TOKENS)] {
        let (layer, rows) = (Mlp::new(WIDTH, 2 * WIDTH), GRIDS * tokens);
        let params = numbers(layer.layout().size(), 1);
        let x = numbers(rows * WIDTH, 2);
        let (mut y, mut dx, mut d_params) = (x.clone(), x.clone(), params.clone());
        let (mut saved, mut scratch) = (vec![0.0; layer.saved_len(rows)], Scratch::new());
        c.bench_function(&format!("mlp {name} forward"), |b| {
            b.iter(|| layer.forward(rows, &params, black_box(&x), &mut y, &mut saved, &mut scratch));
        });
        c.bench_function(&format!("mlp {name} backward"), |b| {
            b.iter(|| {
                layer.backward(
                    rows,
                    &params,
                    &x,
                    &saved,
                    black_box(&x),
                    &mut dx,
                    &mut d_params,
                    &mut scratch,
                );
            });
        });
    }
}

fn ends(c: &mut Criterion) {
    let mut scratch = Scratch::new();
    let embedding = PatchEmbedding::new(PATCHES, 196, WIDTH);
    let params = numbers(embedding.layout().size(), 1);
    let patches = numbers(GRIDS * PATCHES * 196, 2);
    let (mut y, mut d_params) = (vec![0.0; GRIDS * PATCHES * WIDTH], params.clone());
    c.bench_function("patch embedding forward", |b| {
        b.iter(|| embedding.forward(GRIDS, &params, black_box(&patches), &mut y, &mut scratch));
    });
    c.bench_function("patch embedding backward", |b| {
        b.iter(|| embedding.backward(GRIDS, &params, &patches, black_box(&y), None, &mut d_params));
    });

    let (head, rows) = (Head::new(13, WIDTH), GRIDS * TOKENS);
    let params = numbers(head.layout().size(), 1);
    let (x, targets) = (numbers(rows * WIDTH, 2), vec![1.0 / 13.0; rows * 13]);
    let (mut dx, mut d_params, mut saved) = (x.clone(), params.clone(), vec![0.0; head.saved_len(rows)]);
    c.bench_function("head and loss forward", |b| {
        b.iter(|| head.loss(rows, &params, black_box(&x), &targets, &mut saved, &mut scratch));
    });
    c.bench_function("head and loss backward", |b| {
        b.iter(|| {
            head.backward(rows, &params, &x, &saved, black_box(1.0), &mut dx, &mut d_params, &mut scratch);
        });
    });
}

fn whole_step(c: &mut Criterion) {
    let mut step = Step::new(GRIDS);
    let mut group = c.benchmark_group("training step");
    group.throughput(Throughput::Elements(GRIDS as u64));
    group.bench_function("forward", |b| b.iter(|| black_box(step.forward())));
    group.bench_function("forward and backward", |b| {
        b.iter(|| {
            step.forward();
            step.backward();
        });
    });
}

/// The same step through candle's graph: what the graph costs is the difference.
fn candle_step(c: &mut Criterion) {
    let step = CandleStep::new(GRIDS).expect("a model of the published sizes");
    let mut group = c.benchmark_group("training step through candle");
    group.throughput(Throughput::Elements(GRIDS as u64));
    group.bench_function("forward", |b| b.iter(|| step.forward().expect("a loss")));
    group.bench_function("forward and backward", |b| {
        b.iter(|| step.forward().and_then(|loss| loss.backward()).expect("gradients"));
    });
}

/// One token of every sequence, with keys and values kept.
fn decoding(c: &mut Criterion) {
    for batch in [1, 500] {
        let (layer, cross) = (SelfAttention::new(WIDTH, HEADS, true), CrossAttention::new(WIDTH, HEADS));
        let (params, of_cross) = (numbers(layer.layout().size(), 1), numbers(cross.layout().size(), 2));
        let (x, memory) = (numbers(batch * WIDTH, 3), numbers(batch * PATCHES * WIDTH, 4));
        let (mut y, mut scratch) = (x.clone(), Scratch::new());
        let mut cache = KeyValueCache::new(batch, TOKENS, WIDTH);
        c.bench_function(&format!("self-attention 5 steps of {batch}"), |b| {
            b.iter(|| {
                cache.reset(batch);
                for _ in 0..TOKENS {
                    layer.step(&params, black_box(&x), &mut y, &mut cache, &mut scratch);
                }
            });
        });
        let mut cache = KeyValueCache::new(batch, PATCHES, WIDTH);
        cross.project_memory(&of_cross, &memory, &mut cache, &mut scratch);
        c.bench_function(&format!("cross-attention step of {batch}"), |b| {
            b.iter(|| cross.step(&of_cross, black_box(&x), &mut y, &cache, &mut scratch));
        });
    }
}

criterion_group!(benches, whole_step, candle_step, decoding, self_attention, cross_attention, mlp, ends);
criterion_main!(benches);
