//! Values and gradients of every sub-layer, on every instruction set of this machine, against the plain composition in
//! double precision.

mod oracle;

use mnist2x2_kernels::{
    Backward, Convolution, CrossAttention, Forward, Head, Level, Mlp, PatchEmbedding, Scratch, SelfAttention,
    SubLayer, TokenEmbedding,
};
use oracle::{assert_close, distributions, dot, gradient, numbers, wide};

const TOLERANCE: f64 = 2e-5;

/// Holds a sub-layer against `plain`, which reads the parameters and the inputs: its value, that of inference, and the
/// gradients of the parameters and of the inputs.
fn check<const N: usize, L: SubLayer<N>>(layer: &L, sizes: L::Sizes, plain: impl Fn(&[&[f64]]) -> Vec<f64>) {
    let lens = layer.lens(sizes);
    let mut seed = 1;
    let mut next = |len: usize| {
        seed += 1;
        numbers(len, seed - 1)
    };
    let (params, inputs, dy) = (next(lens.params), lens.inputs.map(&mut next), next(lens.y));
    let exact: Vec<Vec<f64>> = [&params].into_iter().chain(&inputs).map(|x| wide(x)).collect();
    let views: Vec<&[f64]> = exact.iter().map(|x| &x[..]).collect();
    let (y_exact, dy_exact) = (plain(&views), wide(&dy));
    let slope = |i: usize| {
        gradient(&exact[i], |changed| {
            let views: Vec<&[f64]> = (0..=N).map(|j| if i == j { changed } else { views[j] }).collect();
            dot(&plain(&views), &dy_exact)
        })
    };
    let slopes: Vec<Vec<f64>> = (0..=N).map(slope).collect();

    let (inputs, transposed) = (inputs.each_ref().map(|x| &x[..]), layer.transposed(&params));
    for level in Level::available() {
        let (mut y, mut saved) = (vec![f32::NAN; lens.y], vec![f32::NAN; lens.saved]);
        let (mut dx, mut d_params, mut scratch) =
            (inputs.map(|x| vec![f32::NAN; x.len()]), vec![f32::NAN; lens.params], Scratch::at(level));
        let pass = Forward { transposed: &transposed, inputs, y: &mut y, saved: &mut saved };
        layer.forward(sizes, pass, &mut scratch);
        let pass = Backward {
            params: &params,
            inputs,
            saved: &saved,
            dy: &dy,
            dx: dx.each_mut().map(|dx| &mut dx[..]),
            d_params: &mut d_params,
        };
        layer.backward(sizes, pass, &mut scratch);
        assert_close(&y, &y_exact, TOLERANCE);
        for (got, exact) in [&d_params].into_iter().chain(&dx).zip(&slopes) {
            assert_close(got, exact, TOLERANCE);
        }
        y.fill(f32::NAN);
        layer.infer(sizes, &transposed, inputs, &mut y, &mut scratch);
        assert_close(&y, &y_exact, TOLERANCE);
    }
}

/// The first sizes alone under Miri, which is slow; all but them elsewhere, where they would show too little.
fn fast<T: Clone>(sizes: &[T]) -> Vec<T> {
    if cfg!(miri) { sizes[..1].to_vec() } else { sizes[1..].to_vec() }
}

#[test]
fn self_attention_agrees_with_the_composition() {
    // B, T, D, H: heads of 2, 8, 5 and 16 numbers; one token alone; more tokens than a vector has lanes.
    let sizes =
        fast(&[[1, 2, 2, 1], [2, 3, 4, 2], [3, 5, 24, 3], [2, 7, 15, 3], [3, 1, 6, 2], [1, 19, 32, 2]]);
    for ([b, t, d, h], causal) in sizes.into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let plain = |v: &[&[f64]]| oracle::self_attention(v[0], v[1], [b, t, d], h, causal);
        check(&SelfAttention::new(d, h, causal).unwrap(), [b, t, t], plain);
    }
}

#[test]
fn cross_attention_agrees_with_the_composition() {
    // B, T, N, D, H
    for [b, t, n, d, h] in
        fast(&[[1, 2, 3, 2, 1], [2, 3, 2, 4, 2], [3, 5, 7, 24, 3], [2, 1, 19, 15, 3], [1, 5, 16, 32, 2]])
    {
        let plain = |v: &[&[f64]]| oracle::cross_attention(v[0], v[1], v[2], [b, t, n, d], h);
        check(&CrossAttention::new(d, h).unwrap(), [b, t, n], plain);
    }
}

#[test]
fn mlp_agrees_with_the_composition() {
    // rows, D, F
    for [rows, d, hidden] in fast(&[[2, 2, 3], [3, 4, 5], [15, 24, 37], [1, 6, 3], [9, 17, 64]]) {
        check(&Mlp::new(d, hidden).unwrap(), [rows], |v| oracle::mlp(v[0], v[1], d, hidden));
    }
}

#[test]
fn convolution_agrees_with_the_composition() {
    // B, height, width, C, O, stride: more maps than are taken at a time; one larger than that; windows without a middle row.
    let sizes = [
        [1, 2, 3, 1, 2, 1],
        [2, 3, 4, 2, 5, 2],
        [15, 4, 3, 1, 3, 1],
        [2, 17, 16, 3, 2, 1],
        [3, 1, 7, 2, 17, 3],
    ];
    for [b, h, w, channels, outputs, stride] in fast(&sizes) {
        let plain = |v: &[&[f64]]| oracle::convolution(v[0], v[1], [h, w, channels], stride);
        check(&Convolution::new([h, w], [channels, outputs], stride).unwrap(), [b], plain);
    }
}

#[test]
fn patch_embedding_agrees_with_the_composition() {
    // B, N, P, D
    for [b, n, pixels, d] in fast(&[[1, 2, 3, 2], [2, 3, 5, 4], [3, 7, 11, 24], [1, 1, 37, 19]]) {
        let plain = |v: &[&[f64]]| oracle::patch_embedding(v[0], v[1], [n, pixels, d]);
        check(&PatchEmbedding::new(n, pixels, d).unwrap(), [b], plain);
    }
}

#[test]
fn token_embedding_agrees_with_the_composition() {
    let (sizes, length, tokens) = ([13, 5, 6], 3, [12, 0, 7, 7, 12, 1_u32]);
    let layer = TokenEmbedding::new(13, 5, 6).unwrap();
    let (params, dy) = (numbers(layer.layout().size(), 1), numbers(tokens.len() * 6, 2));
    let (mut y, mut d_params) = (dy.clone(), vec![f32::NAN; params.len()]);
    layer.forward(length, 0, &params, &tokens, &mut y);
    layer.backward(length, 0, &tokens, &dy, &mut d_params);

    let plain = |p: &[f64]| oracle::token_embedding(p, &tokens, length, sizes);
    let (p, dy) = (wide(&params), wide(&dy));
    assert_close(&y, &plain(&p), TOLERANCE);
    assert_close(&d_params, &gradient(&p, |p| dot(&plain(p), &dy)), TOLERANCE);
}

#[test]
fn head_agrees_with_the_composition() {
    for [v, d] in fast(&[[3, 2], [5, 4], [13, 24], [17, 7]]) {
        let (head, rows) = (Head::new(v, d).unwrap(), if cfg!(miri) { 2 } else { 6 });
        check(&head, [rows], |x| oracle::linear(x[1], &x[0][..v * d], &x[0][v * d..]));
        let (loss, targets) = (head.loss(), distributions(rows, v));
        for level in Level::available() {
            let (lens, mut scratch) = (loss.lens([rows]), Scratch::at(level));
            let (params, x) = (numbers(lens.params, 1), numbers(rows * d, 2));
            let (mut y, mut saved) = ([f32::NAN], vec![f32::NAN; lens.saved]);
            let (mut dx, mut d_params, d_loss) = (x.clone(), vec![f32::NAN; params.len()], 0.375);
            let inputs = [&x[..], &targets];
            let transposed = loss.transposed(&params);
            let pass = Forward { transposed: &transposed, inputs, y: &mut y, saved: &mut saved };
            loss.forward([rows], pass, &mut scratch);
            let (dx, d_params) = (&mut dx[..], &mut d_params[..]);
            let mut d_targets = vec![f32::NAN; targets.len()];
            let (params, saved) = (&params[..], &saved[..]);
            let pass =
                Backward { params, inputs, saved, dy: &[d_loss], dx: [&mut *dx, &mut d_targets], d_params };
            loss.backward([rows], pass, &mut scratch);

            let (p, x, d_loss) = (wide(params), wide(&x), f64::from(d_loss));
            assert!(d_targets.iter().all(|&d| d == 0.0));
            let targets = wide(&targets);
            let plain = |p: &[f64], x: &[f64]| oracle::head_loss(p, x, &targets, [v, d]);
            assert_close(&y, &[plain(&p, &x)], 1e-6);
            assert_close(dx, &gradient(&x, |x| d_loss * plain(&p, x)), 1e-6);
            assert_close(d_params, &gradient(&p, |p| d_loss * plain(p, &x)), 1e-6);
        }
    }
}
