//! What came of the requests.

use std::fmt;
use std::time::Duration;

/// How long answers took.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that this share of the answers did not exceed; nothing if there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
    }

    /// The longest time.
    pub fn longest(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

/// What came of the requests.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How long all of it took.
    pub time: Duration,
    /// Requests that were answered with 200.
    pub answered: Times,
    /// Requests that were refused for lack of room: 503 with `Retry-After`.
    pub refused: Times,
    /// What went wrong with each of the others.
    pub errors: Vec<String>,
}

impl Outcome {
    /// Requests answered in a second.
    pub fn rate(&self) -> f64 {
        self.answered.count() as f64 / self.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// With another's requests, made at the same time.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.time = self.time.max(other.time);
        self.answered.0.extend(other.answered.0);
        self.refused.0.extend(other.refused.0);
        self.errors.extend(other.errors);
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| 1e3 * time.as_secs_f64();
        let (answered, refused) = (&self.answered, &self.refused);
        let [half, most] = [0.5, 0.99].map(|share| millis(answered.quantile(share)));
        let longest = millis(answered.longest());
        write!(out, "{} answered in {:.1} s: ", answered.count(), self.time.as_secs_f64())?;
        write!(out, "{:.0}/s, p50 {half:.1} ms, p99 {most:.1} ms, longest {longest:.1} ms", self.rate())?;
        if refused.count() > 0 {
            let most = millis(refused.quantile(0.99));
            write!(out, "; {} refused, p99 {most:.1} ms", refused.count())?;
        }
        write!(out, "; {} errors", self.errors.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let mut times = Times::default();
        assert_eq!(times.quantile(0.99), Duration::ZERO);
        (1..=200).rev().for_each(|millis| times.add(Duration::from_millis(millis)));
        for (share, millis) in [(0.0, 1), (0.5, 100), (0.99, 198), (1.0, 200)] {
            assert_eq!(times.quantile(share), Duration::from_millis(millis), "{share}");
        }
    }
}
