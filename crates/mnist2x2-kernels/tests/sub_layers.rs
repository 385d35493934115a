//! Values and gradients of every sub-layer, on every instruction set of this machine, against the plain composition in
//! double precision.

mod oracle;

use mnist2x2_kernels::{
    Convolution, CrossAttention, Head, Level, Mlp, PatchEmbedding, Scratch, SelfAttention, TokenEmbedding,
};
use oracle::{assert_close, distributions, dot, gradient, numbers, wide};

const TOLERANCE: f64 = 2e-5;

/// What a sub-layer of `N` inputs ought to compute: its value, and the gradient of each input.
struct Exact<const N: usize> {
    y: Vec<f64>,
    gradients: [Vec<f64>; N],
}

/// Evaluates the plain composition, and differentiates it numerically under the upstream gradient `dy`.
fn exact<const N: usize>(
    inputs: [&[f32]; N],
    dy: &[f32],
    plain: impl Fn([&[f64]; N]) -> Vec<f64>,
) -> Exact<N> {
    let (inputs, dy) = (inputs.map(wide), wide(dy));
    let slope = |i: usize| {
        gradient(&inputs[i], |changed| {
            let mut inputs = inputs.each_ref().map(|x| &x[..]);
            inputs[i] = changed;
            dot(&plain(inputs), &dy)
        })
    };
    Exact { y: plain(inputs.each_ref().map(|x| &x[..])), gradients: std::array::from_fn(slope) }
}

impl<const N: usize> Exact<N> {
    #[track_caller]
    fn check(&self, y: &[f32], gradients: [&[f32]; N]) {
        assert_close(y, &self.y, TOLERANCE);
        for (got, exact) in gradients.into_iter().zip(&self.gradients) {
            assert_close(got, exact, TOLERANCE);
        }
    }
}

/// Sizes too slow for an interpreter are left out under Miri.
fn fast<T: Clone>(sizes: &[T]) -> Vec<T> {
    sizes[..if cfg!(miri) { 1 } else { sizes.len() }].to_vec()
}

#[test]
fn self_attention_agrees_with_the_composition() {
    // B, T, D, H: heads of 2, 8, 5 and 16 numbers; one token alone; more tokens than a vector has lanes.
    let sizes = fast(&[[2, 3, 4, 2], [3, 5, 24, 3], [2, 7, 15, 3], [3, 1, 6, 2], [1, 19, 32, 2]]);
    for ([b, t, d, h], causal) in sizes.into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let size = SelfAttention::new(d, h, causal).layout().size();
        let (params, x, dy) = (numbers(size, 1), numbers(b * t * d, 2), numbers(b * t * d, 3));
        let plain = |p: &[f64], x: &[f64]| oracle::self_attention(p, x, [b, t, d], h, causal);
        let exact = exact([&params, &x], &dy, |[p, x]| plain(p, x));
        for level in Level::available() {
            let layer = SelfAttention::new(d, h, causal).with_level(level);
            let (mut y, mut dx, mut d_params) = (dy.clone(), dy.clone(), vec![0.0; size]);
            let (mut saved, mut scratch) = (vec![f32::NAN; layer.saved_len([b, t])], Scratch::new());
            layer.forward([b, t], &params, &x, &mut y, &mut saved, &mut scratch);
            layer.backward([b, t], &params, &x, &saved, &dy, &mut dx, &mut d_params, &mut scratch);
            exact.check(&y, [&d_params, &dx]);
        }
    }
}

#[test]
fn cross_attention_agrees_with_the_composition() {
    // B, T, N, D, H
    for [b, t, n, d, h] in fast(&[[2, 3, 2, 4, 2], [3, 5, 7, 24, 3], [2, 1, 19, 15, 3], [1, 5, 16, 32, 2]]) {
        let (size, sizes) = (CrossAttention::new(d, h).layout().size(), [b, t, n]);
        let (params, x, memory) = (numbers(size, 1), numbers(b * t * d, 2), numbers(b * n * d, 3));
        let dy = numbers(x.len(), 4);
        let plain = |p: &[f64], x: &[f64], m: &[f64]| oracle::cross_attention(p, x, m, [b, t, n, d], h);
        let exact = exact([&params, &x, &memory], &dy, |[p, x, m]| plain(p, x, m));
        for level in Level::available() {
            let layer = CrossAttention::new(d, h).with_level(level);
            let (mut y, mut dx) = (dy.clone(), dy.clone());
            let (mut d_memory, mut d_params) = (vec![0.0; memory.len()], vec![0.0; size]);
            let (mut saved, mut scratch) = (vec![f32::NAN; layer.saved_len(sizes)], Scratch::new());
            layer.forward(sizes, &params, [&x, &memory], &mut y, &mut saved, &mut scratch);
            let gradients = [&mut dx[..], &mut d_memory[..]];
            layer.backward(
                sizes,
                &params,
                [&x, &memory],
                &saved,
                &dy,
                gradients,
                &mut d_params,
                &mut scratch,
            );
            exact.check(&y, [&d_params, &dx, &d_memory]);
        }
    }
}

#[test]
fn mlp_agrees_with_the_composition() {
    // rows, D, F
    for [rows, d, hidden] in fast(&[[3, 4, 5], [15, 24, 37], [1, 6, 3], [9, 17, 64]]) {
        let size = Mlp::new(d, hidden).layout().size();
        let (params, x, dy) = (numbers(size, 1), numbers(rows * d, 2), numbers(rows * d, 3));
        let exact = exact([&params, &x], &dy, |[p, x]| oracle::mlp(p, x, d, hidden));
        for level in Level::available() {
            let layer = Mlp::new(d, hidden).with_level(level);
            let (mut y, mut dx, mut d_params) = (dy.clone(), dy.clone(), vec![0.0; size]);
            let (mut saved, mut scratch) = (vec![f32::NAN; layer.saved_len(rows)], Scratch::new());
            layer.forward(rows, &params, &x, &mut y, &mut saved, &mut scratch);
            layer.backward(rows, &params, &x, &saved, &dy, &mut dx, &mut d_params, &mut scratch);
            exact.check(&y, [&d_params, &dx]);
        }
    }
}

#[test]
fn convolution_agrees_with_the_composition() {
    // B, height, width, C, O, stride: more maps than are taken at a time; one larger than that; windows without a middle row.
    let sizes = [[2, 3, 4, 2, 5, 2], [15, 4, 3, 1, 3, 1], [2, 17, 16, 3, 2, 1], [3, 1, 7, 2, 17, 3]];
    for [b, h, w, channels, outputs, stride] in fast(&sizes) {
        let layer = Convolution::new([h, w], [channels, outputs], stride);
        let (size, len) = (layer.layout().size(), layer.saved_len(b));
        let (params, x, dy) = (numbers(size, 1), numbers(b * h * w * channels, 2), numbers(len, 3));
        let exact = exact([&params, &x], &dy, |[p, x]| oracle::convolution(p, x, [h, w, channels], stride));
        for level in Level::available() {
            let layer = layer.clone().with_level(level);
            let (mut y, mut dx, mut d_params) = (dy.clone(), x.clone(), vec![0.0; size]);
            let (mut saved, mut scratch) = (vec![f32::NAN; len], Scratch::new());
            layer.forward(b, &params, &x, &mut y, &mut saved, &mut scratch);
            layer.backward(b, &params, &x, &saved, &dy, Some(&mut dx), &mut d_params, &mut scratch);
            exact.check(&y, [&d_params, &dx]);
            y.fill(f32::NAN);
            layer.infer(b, &params, &x, &mut y, &mut scratch);
            exact.check(&y, [&d_params, &dx]);
        }
    }
}

#[test]
fn patch_embedding_agrees_with_the_composition() {
    // B, N, P, D
    for [b, n, pixels, d] in fast(&[[2, 3, 5, 4], [3, 7, 11, 24], [1, 1, 37, 19]]) {
        let size = PatchEmbedding::new(n, pixels, d).layout().size();
        let (params, patches, dy) = (numbers(size, 1), numbers(b * n * pixels, 2), numbers(b * n * d, 3));
        let plain = |p: &[f64], x: &[f64]| oracle::patch_embedding(p, x, [n, pixels, d]);
        let exact = exact([&params, &patches], &dy, |[p, x]| plain(p, x));
        for level in Level::available() {
            let layer = PatchEmbedding::new(n, pixels, d).with_level(level);
            let (mut y, mut d_patches, mut d_params) = (dy.clone(), patches.clone(), vec![0.0; size]);
            layer.forward(b, &params, &patches, &mut y, &mut Scratch::new());
            layer.backward(b, &params, &patches, &dy, Some(&mut d_patches), &mut d_params);
            exact.check(&y, [&d_params, &d_patches]);
        }
    }
}

#[test]
fn token_embedding_agrees_with_the_composition() {
    let (sizes, length, tokens) = ([13, 5, 6], 3, [12, 0, 7, 7, 12, 1_u32]);
    let layer = TokenEmbedding::new(13, 5, 6);
    let (params, dy) = (numbers(layer.layout().size(), 1), numbers(tokens.len() * 6, 2));
    let (mut y, mut d_params) = (dy.clone(), vec![0.0; params.len()]);
    layer.forward(length, 0, &params, &tokens, &mut y);
    layer.backward(length, 0, &tokens, &dy, &mut d_params);

    let plain = |p: &[f64]| oracle::token_embedding(p, &tokens, length, sizes);
    let (p, dy) = (wide(&params), wide(&dy));
    assert_close(&y, &plain(&p), TOLERANCE);
    assert_close(&d_params, &gradient(&p, |p| dot(&plain(p), &dy)), TOLERANCE);
}

#[test]
fn head_agrees_with_the_composition() {
    for [v, d] in fast(&[[5, 4], [13, 24], [17, 7]]) {
        for level in Level::available() {
            let layer = Head::new(v, d).with_level(level);
            let targets = distributions(6, v);
            let (params, x) = (numbers(layer.layout().size(), 1), numbers(6 * d, 2));
            let (mut saved, mut scratch) = (vec![f32::NAN; layer.saved_len(6)], Scratch::new());
            let (mut dx, mut d_params, d_loss) = (x.clone(), vec![0.0; params.len()], 0.375);
            let loss = layer.loss(6, &params, &x, &targets, &mut saved, &mut scratch);
            layer.backward(6, &params, &x, &saved, d_loss, &mut dx, &mut d_params, &mut scratch);

            let (p, x, d_loss) = (wide(&params), wide(&x), f64::from(d_loss));
            let targets = wide(&targets);
            let plain = |p: &[f64], x: &[f64]| oracle::head_loss(p, x, &targets, [v, d]);
            assert_close(&[loss], &[plain(&p, &x)], 1e-6);
            assert_close(&dx, &gradient(&x, |x| d_loss * plain(&p, x)), 1e-6);
            assert_close(&d_params, &gradient(&p, |p| d_loss * plain(p, &x)), 1e-6);
        }
    }
}
