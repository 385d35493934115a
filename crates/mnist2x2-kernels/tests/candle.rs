//! The operations of candle: gradients through the graph, layouts, repeated backward passes, and errors.

mod oracle;

use candle_core::{DType, Device, Result, Tensor, Var};
use mnist2x2_kernels::{
    ConvolutionLayout, CrossAttentionLayout, Gradients, HeadLayout, MlpLayout, PatchEmbeddingLayout,
    SelfAttentionLayout, TokenEmbeddingLayout, cross_attention, head_loss, logits, mlp, patch_embedding,
    self_attention, stem, token_embedding,
};
use oracle::{assert_close, distributions, dot, gradient, numbers, wide};

const TOLERANCE: f64 = 2e-5;

fn tensor(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_vec(numbers(shape.iter().product(), seed), shape, &Device::Cpu).unwrap()
}

fn var(shape: &[usize], seed: u64) -> Var {
    Var::from_tensor(&tensor(shape, seed)).unwrap()
}

fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Holds `op`, of two or more variables, against `plain`: its value, the gradient of every variable under an upstream
/// gradient that is not contiguous, and the same gradients from a second backward pass.
fn check(inputs: &[Var], op: impl Fn(&[&Tensor]) -> Result<Tensor>, plain: impl Fn(&[Vec<f64>]) -> Vec<f64>) {
    let tensors: Vec<&Tensor> = inputs.iter().map(Var::as_tensor).collect();
    let y = op(&tensors).unwrap();
    let exact: Vec<Vec<f64>> = inputs.iter().map(|v| wide(&flat(v))).collect();
    assert_close(&flat(&y), &plain(&exact), TOLERANCE);

    // y^T times a constant: the gradient that reaches the operation is a transpose.
    let last = y.rank().saturating_sub(1);
    let (weights, loss) = if last == 0 {
        (Tensor::new(0.7f32, &Device::Cpu).unwrap(), (&y * 0.7).unwrap())
    } else {
        let turned = y.transpose(last - 1, last).unwrap();
        let weights = tensor(turned.dims(), 9);
        let loss = (turned * &weights).unwrap().sum_all().unwrap();
        (weights.transpose(last - 1, last).unwrap(), loss)
    };
    let weights = wide(&flat(&weights));
    for _ in 0..2 {
        let gradients = loss.backward().unwrap();
        for (i, input) in inputs.iter().enumerate() {
            let slope = gradient(&exact[i], |x| {
                let mut exact = exact.clone();
                exact[i] = x.to_vec();
                dot(&plain(&exact), &weights)
            });
            assert_close(
                &flat(gradients.get(input).expect("every variable has a gradient")),
                &slope,
                TOLERANCE,
            );
        }
    }

    let detached: Vec<Tensor> = inputs.iter().map(Var::as_detached_tensor).collect();
    let untracked = op(&detached.iter().collect::<Vec<_>>()).unwrap();
    assert!(!untracked.track_op());
    assert_eq!(flat(&untracked), flat(&y), "nothing but the gradient depends on tracking");
}

#[test]
fn gradients_of_one_variable_are_added_up_whoever_finds_them() {
    let [b, t, d, f] = [2, 3, 6, 5];
    let (x, params) = (tensor(&[b, t, d], 1), var(&[MlpLayout::new(d, f).size()], 2));
    let (other, unused) = (var(&[4], 3), var(&[4], 4));
    let twice = mlp(&mlp(&x, &params).unwrap(), &params).unwrap().sum_all().unwrap();
    let beside =
        (params.sqr().unwrap().sum_all().unwrap() + other.sqr().unwrap().sum_all().unwrap()).unwrap();
    let loss = (twice + beside).unwrap();
    let (store, variables) = (loss.backward().unwrap(), [&params, &other, &unused].map(Var::as_tensor));
    let mut gradients = Gradients::of(&loss, variables).unwrap();
    for variable in [&params, &other] {
        let expected = wide(&flat(store.get(variable).unwrap()));
        assert_close(gradients.get(variable).unwrap(), &expected, TOLERANCE);
    }
    assert!(gradients.get(&unused).is_none());
    let before = wide(gradients.get(&params).unwrap());
    gradients.add(0.5, &Gradients::of(&loss, variables).unwrap(), 2.0);
    let expected: Vec<f64> = before.iter().map(|g| 2.5 * g).collect();
    assert_close(gradients.get(&params).unwrap(), &expected, TOLERANCE);
}

#[test]
fn self_attention_has_gradients() {
    let [b, t, d, h] = [2, 5, 6, 3];
    for causal in [false, true] {
        let inputs = [var(&[b, t, d], 1), var(&[SelfAttentionLayout::new(d).size()], 2)];
        let plain = |v: &[Vec<f64>]| oracle::self_attention(&v[1], &v[0], [b, t, d], h, causal);
        check(&inputs, |v| self_attention(v[0], v[1], h, causal), plain);
    }
}

#[test]
fn cross_attention_has_gradients() {
    let [b, t, n, d, h] = [2, 3, 5, 6, 3];
    let size = CrossAttentionLayout::new(d).size();
    let inputs = [var(&[b, t, d], 1), var(&[b, n, d], 2), var(&[size], 3)];
    let plain = |v: &[Vec<f64>]| oracle::cross_attention(&v[2], &v[0], &v[1], [b, t, n, d], h);
    check(&inputs, |v| cross_attention(v[0], v[1], v[2], h), plain);
}

#[test]
fn mlp_has_gradients() {
    let [b, t, d, hidden] = [2, 3, 5, 7];
    let inputs = [var(&[b, t, d], 1), var(&[MlpLayout::new(d, hidden).size()], 2)];
    check(&inputs, |v| mlp(v[0], v[1]), |v| oracle::mlp(&v[1], &v[0], d, hidden));
}

#[test]
fn stem_has_gradients() {
    let [b, h, w] = [2, 5, 4];
    let (convolutions, sizes) = ([(3, 1), (2, 2), (5, 2)], [[h, w, 1], [h, w, 3], [3, 2, 2]]);
    let layouts =
        [(1, 3), (3, 2), (2, 5)].map(|(inputs, outputs)| ConvolutionLayout::new(inputs, outputs).size());
    let inputs = [var(&[b, h, w], 1), var(&[layouts.iter().sum()], 2)];
    let plain = |v: &[Vec<f64>]| {
        let (mut maps, mut start) = (v[0].clone(), 0);
        for ((size, (_, stride)), layout) in sizes.into_iter().zip(convolutions).zip(layouts) {
            maps = oracle::convolution(&v[1][start..start + layout], &maps, size, stride);
            start += layout;
        }
        maps
    };
    check(&inputs, |v| stem(v[0], v[1], &convolutions), plain);
}

#[test]
fn embeddings_have_gradients() {
    let [b, n, pixels, d] = [2, 3, 5, 4];
    let inputs = [var(&[b, n, pixels], 1), var(&[PatchEmbeddingLayout::new(n, pixels, d).size()], 2)];
    let plain = |v: &[Vec<f64>]| oracle::patch_embedding(&v[1], &v[0], [n, pixels, d]);
    check(&inputs, |v| patch_embedding(v[0], v[1]), plain);

    let ids = [3_u32, 0, 6, 6, 1, 3];
    let tokens = Tensor::new(&ids, &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
    let inputs = [var(&[TokenEmbeddingLayout::new(7, 5, 4).size()], 1)];
    let plain = |v: &[Vec<f64>]| oracle::token_embedding(&v[0], &ids, 3, [7, 5, 4]);
    check(&inputs, |v| token_embedding(&tokens, v[0], 7, 4, 0), plain);
}

#[test]
fn logits_and_loss_have_gradients() {
    let [b, t, d, v] = [2, 3, 5, 7];
    let inputs = [var(&[b, t, d], 1), var(&[HeadLayout::new(v, d).size()], 2)];
    let plain = |x: &[Vec<f64>]| oracle::linear(&x[0], &x[1][..v * d], &x[1][v * d..]);
    check(&inputs, |x| logits(x[0], x[1]), plain);

    let shares = distributions(b * t, v);
    let targets = Tensor::from_slice(&shares, (b, t, v), &Device::Cpu).unwrap();
    let plain = |x: &[Vec<f64>]| vec![oracle::head_loss(&x[1], &x[0], &wide(&shares), [v, d])];
    check(&inputs, |x| head_loss(x[0], x[1], &targets), plain);
}

#[test]
fn images_get_no_gradient_unless_they_are_variables() {
    let packed = var(&[PatchEmbeddingLayout::new(3, 5, 4).size()], 2);
    let patches = tensor(&[2, 3, 5], 1);
    let gradients = patch_embedding(&patches, &packed).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&patches).is_none());
    assert!(gradients.get(&packed).is_some());

    let packed = var(&[ConvolutionLayout::new(1, 5).size()], 3);
    let images = tensor(&[2, 4, 3], 1);
    let gradients = stem(&images, &packed, &[(5, 1)]).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&images).is_none());
    assert!(gradients.get(&packed).is_some());
}

#[test]
fn layouts_are_honoured() {
    let size = SelfAttentionLayout::new(6).size();
    let (x, packed) = (tensor(&[2, 5, 6], 1), tensor(&[size], 2));
    let expected = flat(&self_attention(&x, &packed, 3, true).unwrap());
    // The same numbers behind an offset, and behind a transpose.
    let behind = Tensor::cat(&[&tensor(&[7], 3), &packed], 0).unwrap().narrow(0, 7, size).unwrap();
    let turned = x.transpose(0, 1).unwrap().contiguous().unwrap().transpose(0, 1).unwrap();
    assert!(!turned.is_contiguous());
    assert_eq!(flat(&self_attention(&turned, &behind, 3, true).unwrap()), expected);
    assert_eq!(flat(&self_attention(&x, &behind, 3, true).unwrap()), expected);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let (x, packed) = (tensor(&[2, 5, 6], 1), tensor(&[SelfAttentionLayout::new(6).size()], 2));
    let says = |result: Result<Tensor>, part: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    };
    says(self_attention(&x, &packed, 4, false), "4 heads do not divide a width of 6");
    says(self_attention(&x, &packed, 0, false), "0 heads");
    says(self_attention(&x, &tensor(&[3], 1), 3, false), "shape [3]");
    says(self_attention(&x.narrow(1, 0, 0).unwrap(), &packed, 3, false), "empty");
    says(self_attention(&x.get(0).unwrap(), &packed, 3, false), "rank");
    says(self_attention(&x.to_dtype(DType::F64).unwrap(), &packed, 3, false), "dtype");
    says(cross_attention(&x, &tensor(&[3, 5, 6], 1), &packed, 3), "memory of shape [3, 5, 6]");
    says(mlp(&x, &packed), "fit no inner width");
    says(patch_embedding(&x, &tensor(&[13], 1)), "fit no width");
    says(stem(&x, &tensor(&[57], 1), &[(4, 2)]), "stem: parameters of shape [57], not [40]");
    says(stem(&x, &packed, &[(4, 0)]), "empty");
    says(stem(&x, &packed, &[]), "empty");
    let tokens = Tensor::new(&[[1_u32, 7]], &Device::Cpu).unwrap();
    let table = tensor(&[TokenEmbeddingLayout::new(7, 2, 4).size()], 1);
    says(token_embedding(&tokens, &table, 7, 4, 0), "token 7 is outside");
    says(token_embedding(&tokens, &table, 8, 4, 0), "positions");
    let head = tensor(&[HeadLayout::new(7, 6).size()], 1);
    says(head_loss(&x, &head, &tensor(&[2, 5, 6], 1)), "targets of shape [2, 5, 6]");
    says(logits(&x, &tensor(&[13], 1)), "fit no vocabulary");
}

#[test]
fn many_threads_at_once_get_the_same_numbers() {
    let (x, packed) = (tensor(&[2, 5, 6], 1), var(&[SelfAttentionLayout::new(6).size()], 2));
    let run = || {
        let y = self_attention(&x, &packed, 3, true).unwrap();
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        (flat(&y), flat(gradients.get(&packed).unwrap()))
    };
    let expected = run();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}
