//! Beam search: the several likeliest sequences for each picture (Graves, *Sequence Transduction with Recurrent Neural
//! Networks*, 2012, section 3).

use candle_core::Tensor;
use mnist2x2_model::{Cache, Seq2Seq};
use mnist2x2_tokenizer::{FINISH, START};

use crate::Error;
use crate::decoding::{Sequence, next_probabilities};

/// One way to go on: a sequence, and the row of the cache that has read it but for its newest token.
#[derive(Clone)]
struct Hypothesis {
    sequence: Sequence,
    row: u32,
}

impl Hypothesis {
    fn newest(&self) -> u32 {
        self.sequence.tokens.last().copied().unwrap_or(START)
    }

    fn is_finished(&self) -> bool {
        self.newest() == FINISH
    }

    fn followed_by(&self, token: usize, probability: f32) -> Self {
        let mut sequence = self.sequence.clone();
        sequence.tokens.push(token as u32);
        sequence.probabilities.push(probability);
        Self { sequence, row: self.row }
    }
}

/// The `width` likeliest sequences found for each picture, likeliest first.
///
/// The search keeps `width` hypotheses after every token, so the first is at least as likely as [`crate::greedy`]'s
/// whenever that one is never pushed out; with `width` 1 it is [`crate::greedy`]'s.
///
/// # Shapes
/// `images` (B, height, width)
///
/// # Errors
/// [`Error::Seq2Seq`] if the images are not of the model's size or the device fails.
pub fn beam_search(model: &Seq2Seq, images: &Tensor, width: usize) -> Result<Vec<Vec<Sequence>>, Error> {
    beam_search_over(model, &model.encode(images)?, width)
}

/// [`beam_search`] over pictures that are encoded already: (B, N, D).
pub(crate) fn beam_search_over(
    model: &Seq2Seq,
    memory: &Tensor,
    width: usize,
) -> Result<Vec<Vec<Sequence>>, Error> {
    let mut cache = Cache::new(model, memory)?;
    let empty = Sequence { tokens: Vec::new(), probabilities: Vec::new() };
    let start = |row| vec![Hypothesis { sequence: empty.clone(), row }];
    let mut beams: Vec<Vec<Hypothesis>> = (0..memory.dim(0)? as u32).map(start).collect();
    for _ in 0..model.config().cells() {
        let live: Vec<&mut Hypothesis> = beams.iter_mut().flatten().filter(|h| !h.is_finished()).collect();
        if live.is_empty() {
            break;
        }
        let rows: Vec<u32> = live.iter().map(|hypothesis| hypothesis.row).collect();
        let newest: Vec<u32> = live.iter().map(|hypothesis| hypothesis.newest()).collect();
        live.into_iter().zip(0..).for_each(|(hypothesis, row)| hypothesis.row = row);
        cache = cache.select(&rows)?;
        let probabilities = next_probabilities(&mut cache, &newest)?;
        beams = beams.into_iter().map(|beam| advance(beam, &probabilities, width)).collect();
    }
    Ok(beams
        .into_iter()
        .map(|beam| beam.into_iter().map(|hypothesis| hypothesis.sequence).collect())
        .collect())
}

/// The `width` likeliest of all ways to go on by one token; what has finished stays as it is.
fn advance(beam: Vec<Hypothesis>, probabilities: &[Vec<f32>], width: usize) -> Vec<Hypothesis> {
    let mut candidates = Vec::new();
    for hypothesis in beam {
        if hypothesis.is_finished() {
            candidates.push(hypothesis);
            continue;
        }
        let next = probabilities[hypothesis.row as usize].iter().enumerate();
        candidates.extend(next.map(|(token, &probability)| hypothesis.followed_by(token, probability)));
    }
    // A stable sort: of equally likely sequences the one with the smaller tokens comes first, on every machine.
    candidates.sort_by(|a, b| b.sequence.probability().total_cmp(&a.sequence.probability()));
    candidates.truncate(width);
    candidates
}

#[cfg(test)]
mod tests {
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

    /// The probability that the model gives a sequence when it is read at once, by teacher forcing.
    fn forced_probability(model: &Seq2Seq, image: &Tensor, tokens: &[u32]) -> f32 {
        let input = [&[START], &tokens[..tokens.len() - 1]].concat();
        let input = Tensor::from_vec(input, (1, tokens.len()), &Device::Cpu).unwrap();
        let logits = model.forward(image, &input).unwrap();
        let rows = candle_nn::ops::softmax(&logits, 2).unwrap().squeeze(0).unwrap().to_vec2::<f32>().unwrap();
        rows.iter().zip(tokens).map(|(row, &token)| row[token as usize]).product()
    }

    #[test]
    fn a_beam_of_one_is_greedy() {
        let (model, images) = model_and_images(5);
        let greedy = greedy(&model, &images).unwrap();
        let beams = beam_search(&model, &images, 1).unwrap();
        for (beam, greedy) in beams.iter().zip(&greedy) {
            assert_eq!(beam[0].tokens, greedy.tokens);
        }
    }

    #[test]
    fn a_wide_beam_finds_the_likeliest_of_all_sequences() {
        let (model, images) = model_and_images(2);
        let beams = beam_search(&model, &images, 13 * 13).unwrap();
        for (row, beam) in beams.iter().enumerate() {
            let image = images.narrow(0, row, 1).unwrap();
            for sequence in beam.iter().step_by(17) {
                let forced = forced_probability(&model, &image, &sequence.tokens);
                assert!(
                    (forced - sequence.probability()).abs() < 1e-5,
                    "row {row}: {sequence:?} has {forced}"
                );
            }
            assert!(beam.windows(2).all(|pair| pair[0].probability() >= pair[1].probability()));
            let all = (0..13_u32.pow(3)).map(|code| [code / 169, code / 13 % 13, code % 13]);
            let unfinished = all.filter(|tokens| !tokens[..2].contains(&FINISH));
            let best =
                unfinished.map(|tokens| forced_probability(&model, &image, &tokens)).fold(0.0, f32::max);
            assert!(beam[0].probability() >= best - 1e-6, "{} < {best}", beam[0].probability());
        }
    }

    #[test]
    fn sequences_say_nothing_of_cells_after_their_end() {
        let sequence = Sequence { tokens: vec![3, START, FINISH], probabilities: vec![0.5, 0.5, 0.5] };
        assert_eq!(sequence.digits(4), [Some(3), None, None, None]);
        assert!((sequence.probability() - 0.125).abs() < 1e-9);
    }
}
