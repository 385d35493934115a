//! The ways to break the code. One more is three lines more: what breaks and where, the right code and the wrong, and
//! the tests that must notice, as one writes them after `cargo test -p`.

/// One way to break the code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutation {
    /// What breaks, in a few words.
    pub(super) name: &'static str,
    /// Where, below `crates`.
    pub(super) file: &'static str,
    /// The code that is right; occurs once in the file.
    pub(super) right: &'static str,
    /// What it is replaced by.
    pub(super) wrong: &'static str,
    /// The tests that must fail, as one writes them after `cargo test -p`.
    pub(super) tests: &'static str,
}

macro_rules! mutations {
    ($($name:literal in $file:literal: $right:literal => $wrong:literal, $tests:literal;)*) => {
        &[$(Mutation { name: $name, file: $file, right: $right, wrong: $wrong, tests: $tests }),*]
    };
}

/// All mutations, in reading order of the code.
pub(super) const MUTATIONS: &[Mutation] = mutations! {
    "columns for rows in a grid" in "mnist2x2-data/src/grid.rs":
        "(cell / shape.cols * SIDE, cell % shape.cols * SIDE)" => "(cell / shape.rows * SIDE, cell % shape.rows * SIDE)",
        "mnist2x2-data --lib -- every_pixel_lies_where_its_cell_lies";
    "the same order in every epoch" in "mnist2x2-data/src/loader.rs":
        r#"keyed(self.seed, "order", epoch, 0)"# => r#"keyed(self.seed, "order", 0, 0)"#,
        "mnist2x2-data --lib -- fixed_grids_come_once_each_in_another_order_every_epoch";
    "the same fresh grids in every epoch" in "mnist2x2-data/src/loader.rs":
        r#"keyed(self.loader.seed, "grid", self.number, place as u64)"# =>
        r#"keyed(self.loader.seed, "grid", 0, place as u64)"#,
        "mnist2x2-data --lib -- fresh_grids_depend_on_epoch_and_seed";
    "grids of a batch off by one" in "mnist2x2-data/src/loader.rs":
        "let place = step * batch + offset;" => "let place = step * batch + offset.max(1) - 1;",
        "mnist2x2-data --lib -- fixed_grids_come_once_each_in_another_order_every_epoch";
    "parts of a batch off by one" in "mnist2x2-data/src/loader.rs":
        "in range.zip(" => "in (range.start.max(1) - 1..range.end).zip(",
        "mnist2x2-data --lib -- parts_in_any_split_and_on_any_thread_make_the_batch";
    "the same changes in every epoch" in "mnist2x2-data/src/loader.rs":
        r#"keyed(*seed, "augmentation", self.number, at as u64)"# => r#"keyed(*seed, "augmentation", 0, at as u64)"#,
        "mnist2x2-data --lib -- augmented_grids_are_new_in_each_epoch_and_the_same_for_whoever_asks";
    "rows for columns in the affine map" in "mnist2x2-data/src/augment.rs":
        "MIDDLE + a * x + b * y" => "MIDDLE + b * x + a * y",
        "mnist2x2-data --lib -- size_turn_and_slant_do_what_they_say";

    "windows that overwrite one another's gradients" in "mnist2x2-kernels/src/windows.rs":
        "|(sum, part)| *sum += part" => "|(sum, part)| *sum = *part",
        "mnist2x2-kernels --lib -- scattering_is_the_transpose_of_gathering";
    "the first convolution's gradient left out" in "mnist2x2-kernels/src/stem.rs":
        "let dx = if i == 0 {" => "let dx = if i <= 1 {",
        "mnist2x2-kernels --test candle -- stem_has_gradients";
    "a stem's stride ignored in its plain form" in "mnist2x2-model/src/patch_embedding.rs":
        "maps.conv2d(&kernel, 1, self.sizes.stride, 1, 1)?;" => "maps.conv2d(&kernel, 1, 1, 1, 1)?;",
        "mnist2x2-model --test fused";
    "rows for columns in a patch" in "mnist2x2-model/src/patch_embedding.rs":
        ".transpose(2, 3)? // (B, rows, columns, patch rows, patch columns)" => ".transpose(1, 3)?.transpose(2, 3)?",
        "mnist2x2-model --lib -- patches_go_row_by_row_with_pixels_row_by_row";
    "candle's LayerNorm for ours" in "mnist2x2-model/src/transformer.rs":
        "let centered = x.broadcast_sub(" =>
        "if true { return candle_nn::ops::layer_norm(&x.contiguous()?, &self.weight, &self.bias, 1e-5) }
         let centered = x.broadcast_sub(",
        "mnist2x2-model --test laws -- every_tensor_has_a_finite_gradient_and_moves_in_one_step";
    "the mean taken over the batch" in "mnist2x2-model/src/transformer.rs":
        "x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?" => "x.broadcast_sub(&x.mean_keepdim(0)?)?",
        "mnist2x2-model --test laws -- a_batch_equals_its_singles";
    "no gradient through the variance" in "mnist2x2-model/src/transformer.rs":
        "(variance + Self::EPSILON)?" => "(variance.detach() + Self::EPSILON)?",
        "mnist2x2-model --test laws -- gradients_agree_with_central_differences_in_f64";
    "scores without 1 / sqrt(D / H)" in "mnist2x2-model/src/transformer.rs":
        "let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();" => "let scale = 1.0;",
        "mnist2x2-model --test parity";
    "the last axis split as (D/H, H)" in "mnist2x2-model/src/transformer.rs":
        "x.reshape((b, t, heads, d / heads))?" => "x.reshape((b, t, d / heads, heads))?.transpose(2, 3)?",
        "mnist2x2-model --test parity";
    "heads and tokens taken for one another" in "mnist2x2-model/src/transformer.rs":
        ".transpose(1, 2)? // (B, H, T, D/H)" => ".reshape((b, heads, t, d / heads))?",
        "mnist2x2-model --test parity";
    "no causal mask" in "mnist2x2-model/src/transformer.rs":
        "self.causal.then(|| causal_mask(t, all.keys.dim(2)?, x)).transpose()?" => "None::<Tensor>",
        "mnist2x2-model --test laws -- later_tokens_never_change_earlier_logits";
    "the mask's sign flipped" in "mnist2x2-model/src/transformer.rs":
        "{ -1e9_f32 }" => "{ 1e9_f32 }",
        "mnist2x2-model --test laws -- later_tokens_never_change_earlier_logits";
    "tanh GELU for erf GELU" in "mnist2x2-model/src/transformer.rs":
        ".gelu_erf()?" => ".gelu()?",
        "mnist2x2-model --test parity";
    "every cached step at position 0" in "mnist2x2-model/src/transformer.rs":
        "self.token_embedding.forward(tokens, cache.position)?" => "self.token_embedding.forward(tokens, 0)?",
        "mnist2x2-model --test laws -- step_by_step_equals_all_at_once";
    "no gradient for the last tensor" in "mnist2x2-model/src/transformer.rs":
        r#"output: linear(config.width, config.vocabulary, vb.pp("decoder.output_proj"))?,"# =>
        r#"output: linear(config.width, config.vocabulary, vb.pp("decoder.output_proj"))
               .map(|output| Linear::new(output.weight().clone(), output.bias().map(Tensor::detach)))?,"#,
        "mnist2x2-model --test laws -- every_tensor_has_a_finite_gradient_and_moves_in_one_step";
    "the fused head's loss left out of the graph" in "mnist2x2-model/src/fused.rs":
        "kernels::head_loss(&self.hidden(tokens, memory)?, &self.head, &targets)" =>
        "kernels::head_loss(&self.hidden(tokens, memory)?.detach(), &self.head, &targets)",
        "mnist2x2-model --test laws -- every_tensor_has_a_finite_gradient_and_moves_in_one_step";
    "the fused self-attention never causal" in "mnist2x2-model/src/fused.rs":
        "kernels::self_attention(&x, &block.self_attention, heads, true)?" =>
        "kernels::self_attention(&x, &block.self_attention, heads, false)?",
        "mnist2x2-model --test laws -- later_tokens_never_change_earlier_logits";

    "the beam keeps the least likely" in "mnist2x2-infer/src/beam.rs":
        "b.total.total_cmp(&a.total)" => "a.total.total_cmp(&b.total)",
        "mnist2x2-infer --lib -- a_wide_beam_is_the_head_of_all_sequences_at_any_temperature";

    "Adam without bias correction" in "mnist2x2-train/src/optimizer.rs":
        "corrected_rate: (learning_rate / (1.0 - beta1.powf(t))) as f32," => "corrected_rate: learning_rate as f32,",
        "mnist2x2-train --lib -- three_steps_are_pytorchs";
    "Adam uphill" in "mnist2x2-train/src/optimizer.rs":
        "kept * *value - corrected_rate" => "kept * *value + corrected_rate",
        "mnist2x2-train --test laws -- eight_grids_are_learnt_by_heart";
    "biases decay too" in "mnist2x2-train/src/optimizer.rs":
        "self.adam_w(part, 1.0)" => "self.adam_w(part, self.kept)",
        "mnist2x2-train --lib -- only_matrices_decay";
    "Muon follows the gradient as it is" in "mnist2x2-train/src/optimizer.rs":
        "Orthogonaliser::new(rows, columns).run(&mut direction, scratch)" => "drop((Orthogonaliser::new(rows, columns), scratch))",
        "mnist2x2-train --lib -- muon_steps_along_the_orthogonal_direction";
    "no warm-up" in "mnist2x2-train/src/schedule.rs":
        "rise.min(1.0).min(fall)" => "fall",
        "mnist2x2-train --lib -- rates_rise_stay_and_fall";
    "validation digits are trained on" in "mnist2x2-train/src/loaders.rs":
        "digits.split_last(held_out)" => "(digits.clone(), digits.split_last(held_out).1)",
        "mnist2x2-train --lib -- no_validation_digit_is_trained_on";
    "the last epoch for the best" in "mnist2x2-train/src/trainer.rs":
        "if self.state.best.is_empty() { self.newest() } else { &self.state.best }" => "self.newest()",
        "mnist2x2-train --test laws -- the_best_epoch_is_kept_and_what_is_kept_is_what_was_validated";
    "resumed without the average" in "mnist2x2-train/src/trainer.rs":
        "self.state = checkpoint;" =>
        "let old = std::mem::replace(&mut self.state, checkpoint); self.state.ema = old.ema;",
        "mnist2x2-train --test laws -- stopped_anywhere_and_resumed_is_never_stopped";
    "every shard weighs the same" in "mnist2x2-train/src/gradient.rs":
        "let share = range.len() as f32 / grids as f32;" => "let share = 0.0 * range.len() as f32 + 1.0 / shards as f32;",
        "mnist2x2-train --lib -- shards_change_nothing_but_rounding";
    "as many shards as threads" in "mnist2x2-train/src/gradient.rs":
        "workers.map(split(grids, shards), |range| {" => "workers.map(split(grids, shards.min(workers.count())), |range| {",
        "mnist2x2-train --test laws -- the_same_seed_gives_the_same_bytes_on_any_number_of_threads";
    "resumed without the second moment" in "mnist2x2-train/src/trainer.rs":
        "self.state = checkpoint;" =>
        "let old = std::mem::replace(&mut self.state, checkpoint);
        self.state.optimizer.second_moment = old.optimizer.second_moment;",
        "mnist2x2-train --test laws -- stopped_anywhere_and_resumed_is_never_stopped";
    "resumed at the start of the epoch" in "mnist2x2-train/src/trainer.rs":
        "self.state = checkpoint;" =>
        "self.state = checkpoint; self.state.position.step = 0;",
        "mnist2x2-train --test laws -- stopped_anywhere_and_resumed_is_never_stopped";
    "a sequence that ends early counts as right" in "mnist2x2-train/src/evaluate.rs":
        "u64::from(read == Some(label))" => "u64::from(read.is_none_or(|read| read == label))",
        "mnist2x2-train --lib -- an_early_end_is_wrong";
};
