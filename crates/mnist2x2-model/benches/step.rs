//! Forward and backward of a shard of 8 grids by the fused kernels, as training does it and through candle's graph, and by
//! candle's own operations.
//!
//! `cargo bench -p mnist2x2-model`; throughput is in grids per second on one core, but for what candle's matrix products
//! spread over more.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use candle_core::{DType, Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mnist2x2_model::{Config, Parameters, Seq2Seq};

const GRIDS: usize = 8;

fn step(c: &mut Criterion) {
    let config = Config::reference();
    let parameters = Parameters::init(&config, 0, &Device::Cpu).expect("the reference sizes are valid");
    let shape = (GRIDS, config.image_height(), config.image_width());
    let images = Tensor::ones(shape, DType::F32, &Device::Cpu).expect("memory");
    let tokens = Tensor::ones((GRIDS, config.max_tokens()), DType::U32, &Device::Cpu).expect("memory");

    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(GRIDS as u64));
    let [fused, plain] = [Seq2Seq::new(parameters.clone()), Seq2Seq::plain(parameters)]
        .map(|model| model.expect("parameters of the right sizes"));
    group.bench_function("fused", |b| {
        b.iter(|| fused.differentiate(&images, &tokens, &tokens).expect("a step"));
    });
    for (way, model) in [("fused, through candle's graph", fused.clone()), ("plain", plain)] {
        group.bench_function(way, |b| {
            b.iter(|| {
                model.loss(&images, &tokens, &tokens).and_then(|loss| Ok(loss.backward()?)).expect("a step")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
