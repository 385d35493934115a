//! The exponential moving average of the weights (EMA).

use mnist2x2_kernels::vectorize;

use crate::workers::{STRETCH, Workers};

/// Exponential moving average of the parameters (B. Polyak and A. Juditsky, *Acceleration of Stochastic Approximation by
/// Averaging*, 1992; the exponential form as in A. Tarvainen and H. Valpola, *Mean teachers are better role models*, 2017).
///
/// Early on, when there is little to average over, its decay is lower: (1 + t) / (10 + t) after t steps.
pub(crate) fn update_ema(ema: &mut [f32], values: &[f32], decay: f64, steps: u64, workers: &Workers) {
    let early = (1 + steps) as f64 / (10 + steps) as f64;
    let share = (1.0 - decay.min(early)) as f32;
    let update = |(ema, values): (&mut [f32], &[f32])| {
        let places = ema.iter_mut().zip(values);
        vectorize(|| places.for_each(|(average, value)| *average += share * (value - *average)));
    };
    let stretches = ema.chunks_mut(STRETCH).zip(values.chunks(STRETCH)).collect();
    workers.for_each(stretches, update);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_follows_fast_at_first_and_slowly_later() {
        let workers = Workers::new(Some(1)).unwrap();
        let mut ema = [0.0, 4.0];
        update_ema(&mut ema, &[1.0, 4.0], 0.999, 0, &workers);
        assert!((ema[0] - 0.9).abs() < 1e-6 && (ema[1] - 4.0).abs() < 1e-6, "{ema:?}");
        update_ema(&mut ema, &[1.9, 4.0], 0.999, 1_000_000, &workers);
        assert!((ema[0] - 0.901).abs() < 1e-6, "{ema:?}");
    }
}
