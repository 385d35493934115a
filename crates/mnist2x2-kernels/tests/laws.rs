//! Laws that the sub-layers keep whatever their parameters: causality, one step equals one row, and no number grows past
//! what single precision holds.

mod oracle;

use mnist2x2_kernels::{CrossAttention, Head, KeyValueCache, Level, Mlp, Scratch, SelfAttention};
use oracle::{assert_close, numbers, wide};

#[test]
fn later_tokens_do_not_reach_earlier_ones() {
    let [b, t, d, h] = [2, 6, 15, 3];
    for level in Level::available() {
        let layer = SelfAttention::new(d, h, true).with_level(level);
        let (params, mut x) = (numbers(layer.layout().size(), 1), numbers(b * t * d, 2));
        let (mut before, mut after, mut scratch) = (x.clone(), x.clone(), Scratch::new());
        layer.infer([b, t], &params, &x, &mut before, &mut scratch);
        for x in x.chunks_mut(t * d) {
            x[4 * d..].iter_mut().for_each(|x| *x = *x * 1e4 + 3.0);
        }
        layer.infer([b, t], &params, &x, &mut after, &mut scratch);
        for (before, after) in before.chunks(t * d).zip(after.chunks(t * d)) {
            assert_eq!(before[..4 * d], after[..4 * d], "{}", level.name());
            assert_ne!(before[4 * d..], after[4 * d..]);
        }
    }
}

#[test]
fn steps_with_a_cache_are_the_rows_of_one_causal_pass() {
    let [b, t, d, h] = [3, 5, 24, 3];
    for level in Level::available() {
        let layer = SelfAttention::new(d, h, true).with_level(level);
        let (params, x) = (numbers(layer.layout().size(), 1), numbers(b * t * d, 2));
        let (mut whole, mut scratch) = (x.clone(), Scratch::new());
        layer.infer([b, t], &params, &x, &mut whole, &mut scratch);
        let mut cache = KeyValueCache::new(1, t, d);
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
    let [b, n, d, h] = [3, 7, 15, 3];
    for level in Level::available() {
        let layer = CrossAttention::new(d, h).with_level(level);
        let (params, x) = (numbers(layer.layout().size(), 1), numbers(b * d, 2));
        let (memory, mut scratch) = (numbers(b * n * d, 3), Scratch::new());
        let (mut whole, mut y) = (x.clone(), x.clone());
        layer.infer([b, 1, n], &params, [&x, &memory], &mut whole, &mut scratch);
        let mut cache = KeyValueCache::new(b, n, d);
        layer.project_memory(&params, &memory, &mut cache, &mut scratch);
        layer.step(&params, &x, &mut y, &cache, &mut scratch);
        assert_close(&y, &wide(&whole), 1e-5);
    }
}

#[test]
fn inference_in_blocks_is_the_forward_pass() {
    let [b, t, n, d, h] = [67, 3, 4, 6, 2];
    let (mut scratch, x, memory) = (Scratch::new(), numbers(b * t * d, 1), numbers(b * n * d, 2));
    let (mut expected, mut got) = (x.clone(), x.clone());

    let layer = SelfAttention::new(d, h, false);
    let (params, mut saved) = (numbers(layer.layout().size(), 3), vec![0.0; layer.saved_len([b, t])]);
    layer.forward([b, t], &params, &x, &mut expected, &mut saved, &mut scratch);
    layer.infer([b, t], &params, &x, &mut got, &mut scratch);
    assert_eq!(got, expected);

    let layer = CrossAttention::new(d, h);
    let (params, mut saved) = (numbers(layer.layout().size(), 3), vec![0.0; layer.saved_len([b, t, n])]);
    layer.forward([b, t, n], &params, [&x, &memory], &mut expected, &mut saved, &mut scratch);
    layer.infer([b, t, n], &params, [&x, &memory], &mut got, &mut scratch);
    assert_eq!(got, expected);

    let layer = Mlp::new(d, 11);
    let (params, mut saved) = (numbers(layer.layout().size(), 3), vec![0.0; layer.saved_len(b * t)]);
    layer.forward(b * t, &params, &x, &mut expected, &mut saved, &mut scratch);
    layer.infer(b * t, &params, &x, &mut got, &mut scratch);
    assert_eq!(got, expected);
}

#[test]
fn zero_and_huge_inputs_give_finite_numbers() {
    let [b, t, d, h] = [2, 5, 24, 3];
    for (level, scale) in Level::available().into_iter().flat_map(|l| [0.0, 1e4, 1e15].map(|s| (l, s))) {
        let x: Vec<f32> = numbers(b * t * d, 2).iter().map(|x| x * scale).collect();
        let (mut y, mut dx, mut scratch) = (x.clone(), x.clone(), Scratch::new());
        let finite = |what: &str, all: &[&[f32]]| {
            let fine = all.iter().all(|numbers| numbers.iter().all(|x| x.is_finite()));
            assert!(fine, "{what} at a scale of {scale} on {}", level.name());
        };

        let layer = SelfAttention::new(d, h, true).with_level(level);
        let params: Vec<f32> = numbers(layer.layout().size(), 1).iter().map(|p| p * 30.0).collect();
        let (mut saved, mut d_params) = (vec![0.0; layer.saved_len([b, t])], vec![0.0; params.len()]);
        layer.forward([b, t], &params, &x, &mut y, &mut saved, &mut scratch);
        layer.backward([b, t], &params, &x, &saved, &y, &mut dx, &mut d_params, &mut scratch);
        finite("self-attention", &[&y, &dx, &d_params]);

        let layer = Mlp::new(d, 37).with_level(level);
        let params: Vec<f32> = numbers(layer.layout().size(), 1).iter().map(|p| p * 30.0).collect();
        let (mut saved, mut d_params) = (vec![0.0; layer.saved_len(b * t)], vec![0.0; params.len()]);
        layer.forward(b * t, &params, &x, &mut y, &mut saved, &mut scratch);
        layer.backward(b * t, &params, &x, &saved, &y, &mut dx, &mut d_params, &mut scratch);
        finite("mlp", &[&y, &dx, &d_params]);

        let layer = Head::new(13, d).with_level(level);
        let params = numbers(layer.layout().size(), 1);
        let (mut saved, mut d_params) = (vec![0.0; layer.saved_len(b * t)], vec![0.0; params.len()]);
        let last: Vec<f32> = (0..b * t * 13).map(|i| if i % 13 == 12 { 1.0 } else { 0.0 }).collect();
        let loss = layer.loss(b * t, &params, &x, &last, &mut saved, &mut scratch);
        layer.backward(b * t, &params, &x, &saved, 1.0, &mut dx, &mut d_params, &mut scratch);
        finite("head", &[&[loss], &dx, &d_params]);
    }
}

#[test]
fn the_same_call_gives_the_same_bits() {
    let [b, t, d] = if cfg!(miri) { [1, 3, 8] } else { [8, 16, 64] };
    let layer = SelfAttention::new(d, 4, false);
    let (params, x) = (numbers(layer.layout().size(), 1), numbers(b * t * d, 2));
    let run = || {
        let (mut y, mut scratch) = (x.clone(), Scratch::new());
        layer.infer([b, t], &params, &x, &mut y, &mut scratch);
        y
    };
    assert_eq!(run(), run());
}
