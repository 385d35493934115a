//! Beam search: the several likeliest sequences for each picture (Graves, *Sequence Transduction with Recurrent Neural
//! Networks*, 2012, section 3).

use candle_core::Tensor;
use mnist2x2_model::{Cache, Seq2Seq};
use mnist2x2_tokenizer::{FINISH, START};

use crate::calibration::argmax;
use crate::decoding::{Sequence, next_logits};
use crate::{Error, Temperature};

/// Tokens that are digits: the first ones of the vocabulary.
const DIGITS: usize = 10;

/// A sequence so far.
pub(crate) struct Hypothesis {
    pub(crate) sequence: Sequence,
    /// Whether every token of it was the likeliest one: at the end, what [`crate::greedy`] writes.
    pub(crate) is_greedy: bool,
    /// The row of the cache that has read it but for its newest token.
    row: u32,
}

impl Hypothesis {
    fn newest(&self) -> u32 {
        self.sequence.tokens.last().copied().unwrap_or(START)
    }

    fn is_finished(&self) -> bool {
        self.newest() == FINISH
    }
}

/// The `width` likeliest sequences found for each picture at `temperature`, likeliest first.
///
/// The search keeps `width` hypotheses after every token, and [`crate::greedy`]'s beside them if it is not among them: so
/// the first is at least as likely as that one. The temperature decides the order of sequences that differ in more than
/// one token, so the search is done at it.
///
/// # Shapes
/// `images` (B, height, width)
///
/// # Errors
/// As [`crate::transcribe`].
pub fn beam_search(
    model: &Seq2Seq,
    images: &Tensor,
    width: usize,
    temperature: Temperature,
) -> Result<Vec<Vec<Sequence>>, Error> {
    let beams = search(model, &model.encode(images)?, &[], width, temperature)?.into_iter();
    Ok(beams.map(|beam| beam.into_iter().take(width).map(|found| found.sequence).collect()).collect())
}

/// [`beam_search`] over pictures that are encoded already: (B, N, D). What is greedy comes along for free, as one of the
/// `width` hypotheses or the last after them.
///
/// `empty` names the cells of each picture that are known to be empty, for a model that was trained on full grids and names
/// a digit for every cell: at an empty one its likeliest digit is taken for free, so that the sequence goes on.
pub(crate) fn search(
    model: &Seq2Seq,
    memory: &Tensor,
    empty: &[&[bool]],
    width: usize,
    temperature: Temperature,
) -> Result<Vec<Vec<Hypothesis>>, Error> {
    let mut cache = Cache::new(model, memory)?;
    let start = |row| {
        let sequence = Sequence { tokens: Vec::new(), log_probabilities: Vec::new() };
        vec![Hypothesis { sequence, is_greedy: true, row }]
    };
    let mut beams: Vec<Vec<Hypothesis>> = (0..memory.dim(0)? as u32).map(start).collect();
    for position in 0..model.config().max_digits() {
        let live: Vec<&mut Hypothesis> = beams.iter_mut().flatten().filter(|h| !h.is_finished()).collect();
        if live.is_empty() {
            break;
        }
        let rows: Vec<u32> = live.iter().map(|hypothesis| hypothesis.row).collect();
        let newest: Vec<u32> = live.iter().map(|hypothesis| hypothesis.newest()).collect();
        live.into_iter().zip(0..).for_each(|(hypothesis, row)| hypothesis.row = row);
        // At first there is one row for each picture, as in the cache.
        if position > 0 {
            cache = cache.select(&rows)?;
        }
        let logits = next_logits(&mut cache, &newest)?;
        for (picture, beam) in beams.iter_mut().enumerate() {
            let is_empty = empty.get(picture).is_some_and(|cells| cells[position]);
            *beam = advance(beam, &logits, width, temperature, is_empty);
        }
    }
    Ok(beams)
}

/// A way to go on from a hypothesis of a beam.
struct Candidate<'a> {
    parent: &'a Hypothesis,
    /// A token and the logarithm of its probability; nothing if the hypothesis is finished and stays as it is.
    next: Option<(usize, f64)>,
    /// The logarithm of the probability of all of it.
    total: f64,
    is_greedy: bool,
}

impl Candidate<'_> {
    fn hypothesis(self) -> Hypothesis {
        let mut sequence = self.parent.sequence.clone();
        if let Some((token, log_probability)) = self.next {
            sequence.tokens.push(token as u32);
            sequence.log_probabilities.push(log_probability);
        }
        Hypothesis { sequence, is_greedy: self.is_greedy, row: self.parent.row }
    }
}

/// The `width` likeliest of all ways to go on by one token, and the greedy way.
fn advance(
    beam: &[Hypothesis],
    logits: &[Vec<f32>],
    width: usize,
    temperature: Temperature,
    is_empty: bool,
) -> Vec<Hypothesis> {
    let mut candidates = Vec::new();
    for parent in beam {
        let before = parent.sequence.log_probability();
        let mut add = |next: Option<(usize, f64)>, is_likeliest| {
            let total = before + next.map_or(0.0, |(_, log_probability)| log_probability);
            candidates.push(Candidate { parent, next, total, is_greedy: parent.is_greedy && is_likeliest });
        };
        if parent.is_finished() {
            add(None, true);
            continue;
        }
        let logits = &logits[parent.row as usize];
        if is_empty {
            add(Some((argmax(&logits[..DIGITS]), 0.0)), true);
        } else {
            let (log_probability, best) = (temperature.log_softmax(logits), argmax(logits));
            (0..logits.len()).for_each(|token| add(Some((token, log_probability(token))), token == best));
        }
    }
    // A stable sort: of equally likely sequences the one with the smaller tokens comes first, on every machine.
    candidates.sort_by(|a, b| b.total.total_cmp(&a.total));
    let ranked = candidates.into_iter().enumerate();
    let kept = ranked.filter(|(rank, candidate)| *rank < width || candidate.is_greedy);
    kept.map(|(_, candidate)| candidate.hypothesis()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::Device;
    use mnist2x2_model::{Config, Parameters};
    use mnist2x2_random::Random;

    use super::*;
    use crate::greedy;

    fn model_and_images(batch: usize) -> (Seq2Seq, Tensor) {
        let config = Config::tiny();
        let mut random = Random::keyed(0, "images", 0, 0);
        let (height, width) = (config.image_height(), config.image_width());
        let pixels: Vec<f32> = (0..batch * height * width).map(|_| random.normal() as f32).collect();
        let images = Tensor::from_vec(pixels, (batch, height, width), &Device::Cpu).unwrap();
        let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
        (Seq2Seq::new(parameters.frozen().unwrap()).unwrap(), images)
    }

    /// Every sequence that can be written of an image, and its probability by teacher forcing: likeliest first.
    fn all_sequences(model: &Seq2Seq, image: &Tensor, temperature: f64) -> Vec<(Vec<u32>, f64)> {
        let prefixes: Vec<u32> = (0..169).flat_map(|prefix| [START, prefix / 13, prefix % 13]).collect();
        let prefixes = Tensor::from_vec(prefixes, (169, 3), &Device::Cpu).unwrap();
        let memory = model.encode(image).unwrap().repeat((169, 1, 1)).unwrap();
        let logits = model.decode(&prefixes, &memory).unwrap().to_vec3::<f32>().unwrap();
        let probability = |prefix: u32, position: usize, token: u32| {
            let weights =
                logits[prefix as usize][position].iter().map(|&z| (f64::from(z) / temperature).exp());
            let weights: Vec<f64> = weights.collect();
            weights[token as usize] / weights.iter().sum::<f64>()
        };
        let sequence = |code: u32| {
            let (prefix, tokens) = (code / 13, [code / 169, code / 13 % 13, code % 13]);
            let end = tokens.iter().position(|&token| token == FINISH).map_or(3, |finish| finish + 1);
            // What would come after the end says nothing of the sequence; it is kept once, with zeros there.
            let is_kept = tokens[end..].iter().all(|&token| token == 0);
            let factors = (0..end).map(|position| probability(prefix, position, tokens[position]));
            is_kept.then(|| (tokens[..end].to_vec(), factors.product()))
        };
        let mut all: Vec<(Vec<u32>, f64)> = (0..13 * 169).filter_map(sequence).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }

    #[test]
    fn a_beam_of_one_is_greedy() {
        let (model, images) = model_and_images(5);
        let greedy = greedy(&model, &images).unwrap();
        let beams = beam_search(&model, &images, 1, Temperature::ONE).unwrap();
        for (beam, greedy) in beams.iter().zip(&greedy) {
            assert_eq!(beam[0].tokens, greedy.tokens);
        }
    }

    #[test]
    fn the_greedy_sequence_is_found_at_any_width_and_temperature() {
        let (model, images) = model_and_images(5);
        let expected = greedy(&model, &images).unwrap();
        let memory = model.encode(&images).unwrap();
        for (width, temperature) in [(1, 0.5), (2, 3.0), (5, 1.0)] {
            let temperature = Temperature::new(temperature).unwrap();
            let found = search(&model, &memory, &[], width, temperature).unwrap();
            for (beam, expected) in found.iter().zip(&expected) {
                let greedy: Vec<&Hypothesis> = beam.iter().filter(|found| found.is_greedy).collect();
                assert_eq!((greedy.len(), &greedy[0].sequence.tokens), (1, &expected.tokens));
                let is_last = beam[beam.len() - 1].is_greedy;
                assert!(beam.len() == width || beam.len() == width + 1 && is_last, "{}", beam.len());
                assert!(beam[0].sequence.log_probability() >= greedy[0].sequence.log_probability());
            }
        }
    }

    #[test]
    fn a_wide_beam_is_the_head_of_all_sequences_at_any_temperature() {
        let (model, images) = model_and_images(2);
        for temperature in [0.07, 1.0, 2.5] {
            // As wide as there are prefixes of two tokens: none is ever pushed out.
            let beams = beam_search(&model, &images, 169, Temperature::new(temperature).unwrap()).unwrap();
            for (row, beam) in beams.iter().enumerate() {
                let all = all_sequences(&model, &images.narrow(0, row, 1).unwrap(), temperature);
                let by_tokens: HashMap<_, _> = all.iter().cloned().collect();
                assert_eq!((beam.len(), by_tokens.len()), (169, 1 + 12 + 144 * 13));
                for (found, (_, expected)) in beam.iter().zip(&all) {
                    let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * b;
                    assert!(close(found.probability(), *expected), "{found:?} in the place of {expected}");
                    assert!(close(found.probability(), by_tokens[&found.tokens]), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn the_probabilities_of_all_sequences_sum_to_1_at_any_temperature() {
        let (model, images) = model_and_images(2);
        for temperature in [1e-3, 0.3, 1.0, 7.0, 1e6] {
            let beams =
                beam_search(&model, &images, 13 * 169, Temperature::new(temperature).unwrap()).unwrap();
            for beam in beams {
                let sum: f64 = beam.iter().map(Sequence::probability).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{} sequences have {sum} at {temperature}", beam.len());
            }
        }
    }

    #[test]
    fn sequences_say_nothing_of_cells_after_their_end() {
        let tokens = vec![3, START, FINISH];
        let sequence = Sequence { tokens, log_probabilities: vec![0.5_f64.ln(); 3] };
        assert_eq!(sequence.digits(4), [Some(3), None, None, None]);
        assert_eq!(sequence.digits(1), [Some(3), None], "a digit too many is not left out");
        assert!((sequence.probability() - 0.125).abs() < 1e-9);
    }
}
