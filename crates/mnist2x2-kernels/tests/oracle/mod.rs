//! The plain composition of every sub-layer in double precision, one loop per index, and gradients by central
//! differences: what the kernels are held against.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part of this module")]

use std::f64::consts::{SQRT_2, TAU};

/// `len` numbers between -1 and 1 that repeat for the same `seed` (a linear congruential generator).
pub fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// The same numbers in double precision.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// `rows` distributions over `n` outcomes.
pub fn distributions(rows: usize, n: usize) -> Vec<f32> {
    let mut shares: Vec<f32> = numbers(rows * n, 3).iter().map(|x| x + 1.1).collect();
    for row in shares.chunks_mut(n) {
        let sum: f32 = row.iter().sum();
        for share in row {
            *share /= sum;
        }
    }
    shares
}

/// Asserts that no number is off by more than `tolerance` times the largest exact one (or 1, if that is larger).
#[track_caller]
pub fn assert_close(got: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(got.len(), exact.len());
    let scale = exact.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    for (i, (&got, &exact)) in got.iter().zip(exact).enumerate() {
        let off = (f64::from(got) - exact).abs();
        assert!(off <= tolerance * scale, "number {i} is {got}, not {exact}, at a scale of {scale}");
    }
}

/// The gradient of `f` at `x` by central differences.
pub fn gradient(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let (mut x, len) = (x.to_vec(), x.len());
    let slope = |i: usize| {
        let (at, step) = (x[i], 1e-5);
        x[i] = at + step;
        let above = f(&x);
        x[i] = at - step;
        let below = f(&x);
        x[i] = at;
        (above - below) / (2.0 * step)
    };
    (0..len).map(slope).collect()
}

/// `sum(a * b)`: the scalar whose gradient by `a`'s inputs is what a backward pass makes of `b`.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// GELU and its derivative.
pub fn gelu(x: f64) -> (f64, f64) {
    let phi = 0.5 * libm::erfc(-x / SQRT_2);
    (x * phi, phi + x * (-0.5 * x * x).exp() / TAU.sqrt())
}

/// Parameters taken from a packed slice one after another.
struct Unpack<'a>(&'a [f64]);

impl<'a> Unpack<'a> {
    fn next(&mut self, len: usize) -> &'a [f64] {
        let (part, rest) = self.0.split_at(len);
        self.0 = rest;
        part
    }
}

fn layer_norm(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let d = weight.len();
    let row = |x: &[f64]| -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / d as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
        (0..d).map(|i| (x[i] - mean) / (variance + 1e-5).sqrt() * weight[i] + bias[i]).collect()
    };
    x.chunks(d).flat_map(row).collect()
}

/// `x W^T + b` with W (outputs, inputs).
pub fn linear(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let inputs = weight.len() / bias.len();
    let row =
        |x: &[f64]| -> Vec<f64> { weight.chunks(inputs).zip(bias).map(|(w, b)| dot(w, x) + b).collect() };
    x.chunks(inputs).flat_map(row).collect()
}

pub fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Attention of q (B, T, D) over k and v (B, N, D).
fn attention([q, k, v]: [&[f64]; 3], [b, t, n, d]: [usize; 4], heads: usize, causal: bool) -> Vec<f64> {
    let head_width = d / heads;
    let mut out = vec![0.0; b * t * d];
    for (b, h, i) in (0..b).flat_map(|b| (0..heads).flat_map(move |h| (0..t).map(move |i| (b, h, i)))) {
        let columns = |row: usize| row * d + h * head_width..row * d + (h + 1) * head_width;
        let seen = if causal { i + 1 } else { n };
        let q = &q[columns(b * t + i)];
        let scores: Vec<f64> =
            (0..seen).map(|j| dot(q, &k[columns(b * n + j)]) / (head_width as f64).sqrt()).collect();
        for (j, p) in softmax(&scores).into_iter().enumerate() {
            for (out, v) in out[columns(b * t + i)].iter_mut().zip(&v[columns(b * n + j)]) {
                *out += p * v;
            }
        }
    }
    out
}

/// `sizes` is B, T, D.
pub fn self_attention(p: &[f64], x: &[f64], sizes: [usize; 3], heads: usize, causal: bool) -> Vec<f64> {
    let ([b, t, d], mut p) = (sizes, Unpack(p));
    let normed = layer_norm(x, p.next(d), p.next(d));
    let (weight, bias) = (p.next(3 * d * d), p.next(3 * d));
    let [q, k, v] =
        [0, 1, 2].map(|i| linear(&normed, &weight[i * d * d..(i + 1) * d * d], &bias[i * d..(i + 1) * d]));
    let heads = attention([&q, &k, &v], [b, t, t, d], heads, causal);
    add(x, &linear(&heads, p.next(d * d), p.next(d)))
}

/// `sizes` is B, T, N, D.
pub fn cross_attention(p: &[f64], x: &[f64], memory: &[f64], sizes: [usize; 4], heads: usize) -> Vec<f64> {
    let ([.., d], mut p) = (sizes, Unpack(p));
    let normed = layer_norm(x, p.next(d), p.next(d));
    let q = linear(&normed, p.next(d * d), p.next(d));
    let (weight, bias) = (p.next(2 * d * d), p.next(2 * d));
    let [k, v] =
        [0, 1].map(|i| linear(memory, &weight[i * d * d..(i + 1) * d * d], &bias[i * d..(i + 1) * d]));
    let heads = attention([&q, &k, &v], sizes, heads, false);
    add(x, &linear(&heads, p.next(d * d), p.next(d)))
}

pub fn mlp(p: &[f64], x: &[f64], d: usize, hidden: usize) -> Vec<f64> {
    let mut p = Unpack(p);
    let normed = layer_norm(x, p.next(d), p.next(d));
    let inner = linear(&normed, p.next(hidden * d), p.next(hidden));
    let activated: Vec<f64> = inner.into_iter().map(|x| gelu(x).0).collect();
    add(x, &linear(&activated, p.next(d * hidden), p.next(d)))
}

/// Maps of `sizes` height, width and channels, looked at through windows of 3 x 3 on every `stride`-th pixel.
pub fn convolution(p: &[f64], x: &[f64], [height, width, channels]: [usize; 3], stride: usize) -> Vec<f64> {
    let outputs = p.len() / (9 * channels + 1);
    let mut p = Unpack(p);
    let (weight, bias) = (p.next(outputs * 9 * channels), p.next(outputs));
    let shown = |map: &[f64], top: usize, left: usize| -> Vec<f64> {
        let number = |place: usize| {
            let (y, x, channel) = (top + place / channels / 3, left + place / channels % 3, place % channels);
            let inside = (1..=height).contains(&y) && (1..=width).contains(&x);
            if inside { map[((y - 1) * width + x - 1) * channels + channel] } else { 0.0 }
        };
        (0..9 * channels).map(number).collect()
    };
    let mut windows = Vec::new();
    for map in x.chunks(height * width * channels) {
        for top in (0..height).step_by(stride) {
            (0..width).step_by(stride).for_each(|left| windows.extend(shown(map, top, left)));
        }
    }
    linear(&windows, weight, bias).into_iter().map(|x| gelu(x).0).collect()
}

/// `sizes` is N, P, D.
pub fn patch_embedding(p: &[f64], patches: &[f64], [n, pixels, d]: [usize; 3]) -> Vec<f64> {
    let mut p = Unpack(p);
    let y = linear(patches, p.next(d * pixels), p.next(d));
    let pos = p.next(n * d);
    y.chunks(n * d).flat_map(|image| add(image, pos)).collect()
}

/// `sizes` is the vocabulary, the number of positions and D; sequences of `length` tokens.
pub fn token_embedding(p: &[f64], tokens: &[u32], length: usize, [v, positions, d]: [usize; 3]) -> Vec<f64> {
    let mut p = Unpack(p);
    let (token, pos) = (p.next(v * d), p.next(positions * d));
    let vector = |(i, &id): (usize, &u32)| add(&token[id as usize * d..][..d], &pos[i % length * d..][..d]);
    tokens.iter().enumerate().flat_map(vector).collect()
}

/// The mean cross-entropy of `x W^T + b` against the distributions `targets`.
pub fn head_loss(p: &[f64], x: &[f64], targets: &[f64], [v, d]: [usize; 2]) -> f64 {
    let mut p = Unpack(p);
    let logits = linear(x, p.next(v * d), p.next(v));
    let information = |row: &[f64]| softmax(row).iter().map(|p| -p.ln()).collect::<Vec<_>>();
    let losses = logits.chunks(v).zip(targets.chunks(v)).map(|(row, target)| dot(&information(row), target));
    losses.sum::<f64>() / (targets.len() / v) as f64
}
