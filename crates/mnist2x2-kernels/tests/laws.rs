//! Laws that the sub-layers keep whatever their parameters: causality, one step equals one row, and no number grows past
//! what single precision holds.

mod oracle;

use std::hint::black_box;

use mnist2x2_kernels::{
    Backward, CrossAttention, Forward, Head, KeyValueCache, Level, Mlp, Scratch, SelfAttention, SubLayer,
};
use oracle::{assert_close, numbers, wide};

#[test]
fn later_tokens_do_not_reach_earlier_ones() {
    let [b, t, d, h] = if cfg!(miri) { [2, 6, 4, 2] } else { [2, 6, 15, 3] };
    for level in Level::available() {
        let layer = SelfAttention::new(d, h, true).unwrap();
        let (params, mut x) = (numbers(layer.size(), 1), numbers(b * t * d, 2));
        let params = layer.transposed(&params);
        let (mut before, mut after, mut scratch) = (x.clone(), x.clone(), Scratch::at(level));
        layer.infer([b, t, t], &params, [&x], &mut before, &mut scratch);
        for x in x.chunks_mut(t * d) {
            x[4 * d..].iter_mut().for_each(|x| *x = *x * 1e4 + 3.0);
        }
        layer.infer([b, t, t], &params, [&x], &mut after, &mut scratch);
        for (before, after) in before.chunks(t * d).zip(after.chunks(t * d)) {
            assert_eq!(before[..4 * d], after[..4 * d], "{}", level.name());
            assert_ne!(before[4 * d..], after[4 * d..]);
        }
    }
}

#[test]
fn steps_with_a_cache_are_the_rows_of_one_causal_pass() {
    let [b, t, d, h] = if cfg!(miri) { [2, 3, 6, 2] } else { [3, 5, 24, 3] };
    for level in Level::available() {
        let layer = SelfAttention::new(d, h, true).unwrap();
        let (params, x) = (numbers(layer.size(), 1), numbers(b * t * d, 2));
        let params = layer.transposed(&params);
        let (mut whole, mut scratch) = (x.clone(), Scratch::at(level));
        layer.infer([b, t, t], &params, [&x], &mut whole, &mut scratch);
        let mut cache = KeyValueCache::new(1, t, d).unwrap();
        cache.reset(b);
        for i in 0..t {
            let row =
                |x: &[f32]| -> Vec<f32> { x.chunks(t * d).flat_map(|x| x[i * d..][..d].to_vec()).collect() };
            let mut y = vec![f32::NAN; b * d];
            layer.step(&params, &row(&x), &mut y, &mut cache, &mut scratch);
            assert_close(&y, &wide(&row(&whole)), 1e-5);
        }
        assert_eq!(cache.len(), t);
    }
}

#[test]
fn a_step_over_a_remembered_memory_is_a_row_of_cross_attention() {
    let [b, n, d, h] = if cfg!(miri) { [2, 3, 6, 2] } else { [3, 7, 15, 3] };
    for level in Level::available() {
        let layer = CrossAttention::new(d, h).unwrap();
        let (params, x) = (numbers(layer.size(), 1), numbers(b * d, 2));
        let (memory, mut scratch) = (numbers(b * n * d, 3), Scratch::at(level));
        let params = layer.transposed(&params);
        let (mut whole, mut y) = (x.clone(), x.clone());
        layer.infer([b, 1, n], &params, [&x, &memory], &mut whole, &mut scratch);
        let mut cache = KeyValueCache::new(b, n, d).unwrap();
        layer.project_memory(&params, &memory, &mut cache, &mut scratch);
        layer.step(&params, &x, &mut y, &cache, &mut scratch);
        assert_close(&y, &wide(&whole), 1e-5);
    }
}

/// The value of a forward pass, and the gradients of the first input and of the parameters: of a loss, or with y as its own
/// gradient.
fn both_passes<const N: usize, L: SubLayer<N>>(
    layer: &L,
    sizes: L::Sizes,
    params: &[f32],
    inputs: [&[f32]; N],
    scratch: &mut Scratch,
) -> [Vec<f32>; 3] {
    let lens = layer.lens(sizes);
    let (mut y, mut saved) = (vec![0.0; lens.y], vec![0.0; lens.saved]);
    let transposed = layer.transposed(params);
    let pass = Forward { transposed: &transposed, inputs, y: &mut y, saved: &mut saved };
    layer.forward(sizes, pass, scratch);
    let (mut dx, mut d_params) = (lens.inputs.map(|len| vec![0.0; len]), vec![0.0; lens.params]);
    let gradients = dx.each_mut().map(|dx| &mut dx[..]);
    let (saved, dy) = (&saved[..], if lens.y == 1 { &[1.0] } else { &y[..] });
    let pass = Backward { params, inputs, saved, dy, dx: gradients, d_params: &mut d_params };
    layer.backward(sizes, pass, scratch);
    [y, std::mem::take(&mut dx[0]), d_params]
}

fn inference_is_the_forward_pass<const N: usize, L: SubLayer<N>>(
    layer: &L,
    sizes: L::Sizes,
    inputs: [&[f32]; N],
) {
    let (lens, mut scratch) = (layer.lens(sizes), Scratch::new());
    let (params, mut saved) = (numbers(lens.params, 3), vec![f32::NAN; lens.saved]);
    let [mut expected, mut got] = [vec![f32::NAN; lens.y], vec![f32::NAN; lens.y]];
    let transposed = layer.transposed(&params);
    let pass = Forward { transposed: &transposed, inputs, y: &mut expected, saved: &mut saved };
    layer.forward(sizes, pass, &mut scratch);
    layer.infer(sizes, &transposed, inputs, &mut got, &mut scratch);
    assert_eq!(got, expected);
}

#[test]
fn inference_in_blocks_is_the_forward_pass() {
    // More than a block, which has 128 rows, and 8 under Miri.
    let [b, t, n, d, h] = if cfg!(miri) { [3, 3, 4, 2, 1] } else { [67, 3, 4, 6, 2] };
    let (x, memory) = (numbers(b * t * d, 1), numbers(b * n * d, 2));
    inference_is_the_forward_pass(&SelfAttention::new(d, h, false).unwrap(), [b, t, t], [&x]);
    inference_is_the_forward_pass(&CrossAttention::new(d, h).unwrap(), [b, t, n], [&x, &memory]);
    inference_is_the_forward_pass(&Mlp::new(d, 11).unwrap(), [b * t], [&x]);
}

#[test]
fn zero_and_huge_inputs_give_finite_numbers() {
    let [b, t, d, h] = if cfg!(miri) { [1, 3, 6, 2] } else { [2, 5, 24, 3] };
    let scales = if cfg!(miri) { &[1e15][..] } else { &[0.0, 1e4, 1e15] };
    for (level, &scale) in Level::available().into_iter().flat_map(|l| scales.iter().map(move |s| (l, s))) {
        let x: Vec<f32> = numbers(b * t * d, 2).iter().map(|x| x * scale).collect();
        let mut scratch = Scratch::at(level);
        let finite = |what: &str, all: [Vec<f32>; 3]| {
            let fine = all.iter().all(|numbers| numbers.iter().all(|x| x.is_finite()));
            assert!(fine, "{what} at a scale of {scale} on {}", level.name());
        };
        let params = |size, scale| numbers(size, 1).iter().map(|p| p * scale).collect::<Vec<_>>();

        let layer = SelfAttention::new(d, h, true).unwrap();
        let large = params(layer.size(), 30.0);
        finite("self-attention", both_passes(&layer, [b, t, t], &large, [&x], &mut scratch));

        let layer = Mlp::new(d, if cfg!(miri) { 5 } else { 37 }).unwrap();
        let large = params(layer.lens([1]).params, 30.0);
        finite("mlp", both_passes(&layer, [b * t], &large, [&x], &mut scratch));

        let layer = Head::new(13, d).unwrap().loss();
        let usual = params(layer.lens([1]).params, 1.0);
        let last: Vec<f32> = (0..b * t * 13).map(|i| if i % 13 == 12 { 1.0 } else { 0.0 }).collect();
        finite("head", both_passes(&layer, [b * t], &usual, [&x, &last], &mut scratch));
    }
}

#[test]
fn the_same_call_gives_the_same_bits() {
    let [b, t, d] = if cfg!(miri) { [1, 3, 8] } else { [8, 16, 64] };
    let layer = SelfAttention::new(d, 4, false).unwrap();
    let (params, x) = (numbers(layer.size(), 1), numbers(b * t * d, 2));
    let run = || both_passes(&layer, [b, t, t], &params, [&x], &mut Scratch::new());
    assert_eq!(run(), run());
}

/// Sizes are checked where an object is made; a check of each addition in the inner loops would take a third of the speed
/// that `cargo run` has.
#[test]
fn inner_loops_are_not_checked_for_overflow() {
    let sum = std::panic::catch_unwind(|| black_box(u8::MAX) + black_box(1));
    assert_eq!(sum.ok(), Some(0), "Cargo.toml turns overflow-checks off for this package");
}
