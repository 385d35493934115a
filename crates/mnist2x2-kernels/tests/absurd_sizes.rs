//! Sizes that no memory holds: constructors refuse them, and passes refuse what their slices do not hold. Nothing reads
//! past a slice, whatever the profile checks.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use mnist2x2_kernels::{
    AttentionLayer, Backward, Convolution, CrossAttention, CrossAttentionLayout, Forward, Head, HeadLayout,
    KeyValueCache, Mlp, MlpLayout, Orthogonalizer, PatchEmbedding, Scratch, SelfAttention,
    SelfAttentionLayout, Stem, SubLayer, TokenEmbedding,
};

/// From nothing to the largest number, with those whose products wrap to something small.
const SIZES: [usize; 8] = [0, 1, 3, 1 << 31, 1 << 32, 1 << 62, usize::MAX / 3 + 1, usize::MAX];
/// More numbers than a test may ask memory for, but fewer than no memory holds.
const COSTLY: std::ops::Range<u128> = 1 << 20..1 << 57;

/// All combinations of `N` sizes, fewer under an interpreter.
fn combinations<const N: usize>() -> impl Iterator<Item = [usize; N]> {
    let sizes = if cfg!(miri) { &[0, 3, 1 << 62][..] } else { &SIZES };
    (0..sizes.len().pow(N as u32))
        .map(|place| std::array::from_fn(|i| sizes[place / sizes.len().pow(i as u32) % sizes.len()]))
}

fn exact(sizes: &[usize]) -> u128 {
    sizes.iter().fold(1, |product: u128, &size| product.saturating_mul(size as u128))
}

/// Asserts that a call refuses slices that are too short, by a panic that speaks of no arithmetic.
#[track_caller]
fn refuses(what: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(what);
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let said = said.unwrap_or_default();
    assert!(!said.contains("attempt to"), "{what}: {said}");
}

/// Asserts that no pass of a layer over absurd sizes gets past the checks at its door; `x` is how many numbers the first
/// input has for these sizes.
fn passes_refuse<const N: usize, L: SubLayer<N>>(layer: &L, sizes: L::Sizes, x: u128) {
    let what = format!("{} over {:?}", std::any::type_name::<L>(), sizes.as_ref());
    let lens = layer.lens(sizes);
    assert_eq!(lens.inputs[0] as u128, x.min(usize::MAX as u128), "{what}");
    if x <= 8 {
        return;
    }
    let (mut scratch, eight) = (Scratch::new(), [0.0; 8]);
    let (params, inputs, saved) = (&eight[..], [&eight[..]; N], &eight[..]);
    refuses(&what, || {
        let (mut y, mut saved) = ([0.0; 8], [0.0; 8]);
        layer.forward(
            sizes,
            Forward { transposed: params, inputs, y: &mut y, saved: &mut saved },
            &mut scratch,
        );
    });
    refuses(&what, || layer.infer(sizes, params, inputs, &mut [0.0; 8], &mut scratch));
    if lens.params > 8 {
        refuses(&what, || drop(layer.transposed(&eight)));
    }
    refuses(&what, || {
        let (mut dx, mut d_params) = ([[0.0; 8]; N], [0.0; 8]);
        let dx = dx.each_mut().map(|dx| &mut dx[..]);
        let pass = Backward { params, inputs, saved, dy: &eight, dx, d_params: &mut d_params };
        layer.backward(sizes, pass, &mut scratch);
    });
}

fn attention_refuses<const N: usize>(layer: &AttentionLayer<N>, width: usize) {
    for sizes in combinations::<3>() {
        passes_refuse(layer, sizes, exact(&[sizes[0], sizes[1], width]));
    }
}

#[test]
fn nothing_wraps_and_nothing_reads_past_a_slice() {
    set_hook(Box::new(|_| {})); // thousands of panics are expected

    let mut scratch = Scratch::new();
    let mlp = Mlp::new(4, 1 << 62);
    assert!(
        mlp.unwrap_err().to_string().contains("[4, 4611686018427387904] make more numbers than memory holds")
    );
    for [width, hidden] in combinations() {
        let numbers = exact(&[width, hidden]);
        assert!(MlpLayout::new(width, hidden).size() as u128 >= numbers.min(usize::MAX as u128));
        assert!(HeadLayout::new(hidden, width).size() as u128 >= numbers.min(usize::MAX as u128));
        let holds = numbers > 0 && numbers < COSTLY.end;
        let (mlp, head) = (Mlp::new(width, hidden), Head::new(hidden, width));
        assert!(holds || mlp.is_err() && head.is_err(), "{width} {hidden}");
        for [rows] in combinations() {
            let x = exact(&[rows, width]);
            if let Ok(layer) = &mlp {
                passes_refuse(layer, [rows], x);
            }
            if let Ok(layer) = &head {
                passes_refuse(layer, [rows], x);
                passes_refuse(&layer.clone().loss(), [rows], x);
            }
        }
        let of_square = exact(&[width, width]).min(usize::MAX as u128);
        assert!(SelfAttentionLayout::new(width).size() as u128 >= of_square);
        assert!(CrossAttentionLayout::new(width).size() as u128 >= of_square);
        let (width, heads) = (width, hidden);
        let attention = (SelfAttention::new(width, heads, true), CrossAttention::new(width, heads));
        let fits = heads > 0 && width > 0 && width.is_multiple_of(heads) && of_square < COSTLY.end;
        assert!(fits || attention.0.is_err() && attention.1.is_err(), "{width} {heads}");
        attention.0.iter().for_each(|layer| attention_refuses(layer, width));
        attention.1.iter().for_each(|layer| attention_refuses(layer, width));
        let [rows, columns] = [width, hidden];
        if numbers > 8 {
            refuses("a matrix", || Orthogonalizer::new(rows, columns).run(&mut [1.0; 8], &mut scratch));
        }
    }
    for [a, b, width] in combinations() {
        let numbers = exact(&[a, b, width]);
        if let Ok(layer) = PatchEmbedding::new(a, b, width) {
            combinations().for_each(|[batch]| passes_refuse(&layer, [batch], exact(&[batch, a, b])));
        }
        if let Ok(layer) = TokenEmbedding::new(a, b, width) {
            for (tokens, first) in [([u32::MAX], 0), ([0], usize::MAX)] {
                if width <= 8 && (a <= 3 || tokens[0] == 0) && (b <= 3 || first == 0) {
                    refuses("tokens", || layer.forward(1, first, &[0.0; 8], &tokens, &mut [0.0; 8]));
                    refuses("no room", || layer.forward(1, 0, &[0.0; 8], &[0], &mut []));
                }
            }
        }
        if numbers >= COSTLY.end {
            assert!(KeyValueCache::new(a, b, width).is_err(), "{a} {b} {width}");
        } else if numbers > 0 && numbers < COSTLY.start {
            let mut cache = KeyValueCache::new(a, b, width).unwrap();
            refuses("rows of a cache", || drop(cache.select(&[u32::MAX])));
            refuses("a cache", || cache.reset(usize::MAX));
        }
        let stem = Stem::new([a, b], &[(width, 1), (3, width)]);
        let convolution = Convolution::new([a, b], [3, width], 2);
        if let Ok(layer) = &stem {
            combinations().for_each(|[batch]| passes_refuse(layer, [batch], exact(&[batch, a, b])));
        }
        if let Ok(layer) = &convolution {
            combinations().for_each(|[batch]| passes_refuse(layer, [batch], exact(&[batch, a, b, 3])));
        }
        assert!(numbers > 0 && numbers < COSTLY.end || stem.is_err() && convolution.is_err());
    }
}
