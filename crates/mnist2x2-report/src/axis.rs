//! One axis of a drawing: its range, and where its ticks stand.

use crate::number::{grouped, length};

/// Greater values have no place: their differences might be infinite. No number that is none is below it either.
const LARGEST: f64 = 1e300;

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart; values that are not above 0 have no place.
    Logarithmic,
}

impl Scale {
    /// Whether the scale has a place for `value`.
    pub(crate) fn shows(self, value: f64) -> bool {
        value.abs() <= LARGEST && (self == Self::Linear || value > 0.0)
    }

    fn place(self, value: f64) -> f64 {
        if self == Self::Linear { value } else { value.log10() }
    }
}

/// About how many steps an axis has.
const STEPS: f64 = 5.0;
/// At most so many powers of ten are marked.
const MAX_DECADES: usize = 9;
/// A range narrower than this share of its values is as good as a point.
const NARROWEST: f64 = 1e-9;

/// An axis that covers some values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// The axis on which all of `values` that the scale shows have a place; `None` if it shows none of them.
    pub(crate) fn covering(scale: Scale, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let shown: Vec<f64> = values.into_iter().filter(|&value| scale.shows(value)).collect();
        let (low, high) =
            widened(shown.iter().copied().reduce(f64::min)?, shown.iter().copied().reduce(f64::max)?);
        let whole = shown.iter().all(|value| value.fract() == 0.0);
        let ticks = match scale {
            Scale::Linear => nice_ticks(low, high, whole),
            Scale::Logarithmic => decade_ticks(low, high),
        };
        let (first, last) = (*ticks.first()?, *ticks.last()?);
        Some(Self { scale, low: low.min(first), high: high.max(last), ticks })
    }

    /// Where `value` lies, from 0 at the axis's beginning to 1 at its end.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let [low, high, value] = [self.low, self.high, value].map(|value| self.scale.place(value));
        (value - low) / (high - low)
    }

    /// Each tick's place and its label.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let decimals = self.decimals();
        self.ticks.iter().map(move |&tick| (self.position(tick), label(tick, decimals)))
    }

    /// The decimals that tell neighbouring ticks of a linear axis apart.
    fn decimals(&self) -> Option<usize> {
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).reduce(f64::min)?;
        (self.scale == Scale::Linear).then(|| (-(step * 1.001).log10().floor()).max(0.0) as usize)
    }
}

/// The range with some width, whatever it was.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if high - low > NARROWEST * low.abs().max(high.abs()) {
        return (low, high);
    }
    let reach = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
    (low - reach, high + reach)
}

/// Multiples of 1, 2 or 5 times a power of ten that enclose the range (P. S. Heckbert, *Nice numbers for graph labels*,
/// in Graphics Gems, 1990).
fn nice_ticks(low: f64, high: f64, whole: bool) -> Vec<f64> {
    let rough = (high - low) / STEPS;
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| nice * power >= 0.75 * rough);
    let step = power * nice.unwrap_or(10.0);
    let step = if whole { step.max(1.0) } else { step };
    let (first, last) = ((low / step + 1e-6).floor(), (high / step - 1e-6).ceil());
    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect()
}

/// Powers of ten that enclose the range; where they are few, 2 and 5 times them too; where those are few, nice numbers.
fn decade_ticks(low: f64, high: f64) -> Vec<f64> {
    let powers = enclosing(low, high, &[1.0]);
    if powers.len() > 5 {
        let every = powers.len().div_ceil(MAX_DECADES);
        return powers.into_iter().step_by(every).collect();
    }
    let ticks = enclosing(low, high, &[1.0, 2.0, 5.0]);
    if ticks.len() > 3 {
        ticks
    } else {
        nice_ticks(low, high, false).into_iter().filter(|&tick| tick > 0.0).collect()
    }
}

/// The multiples of powers of ten from the last below the range to the first above it.
fn enclosing(low: f64, high: f64, multiples: &[f64]) -> Vec<f64> {
    let powers = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32 + 1;
    let all: Vec<_> =
        powers.flat_map(|power| multiples.iter().map(move |by| by * 10_f64.powi(power))).collect();
    let first = all.partition_point(|&tick| tick <= low * (1.0 + NARROWEST)).saturating_sub(1);
    let last = all.partition_point(|&tick| tick < high * (1.0 - NARROWEST));
    all[first..=last].to_vec()
}

/// A tick in `decimals` decimals, or in as many as it needs.
fn label(tick: f64, decimals: Option<usize>) -> String {
    let size = tick.abs();
    match decimals {
        _ if size > 0.0 && !(1e-4..1e7).contains(&size) => format!("{tick:e}"),
        Some(0) => format!("{}{}", if tick < 0.0 { "-" } else { "" }, grouped(size as u64)),
        Some(decimals) => format!("{tick:.decimals$}"),
        None if size < 0.01 => format!("{}", (tick * 1e8).round() / 1e8),
        None => length(tick),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
        let axis = Axis::covering(scale, values.iter().copied()).unwrap();
        axis.ticks().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_ticks_are_nice_and_enclose_the_values() {
        assert_eq!(labels(Scale::Linear, &[93.77, 98.5]), ["93", "94", "95", "96", "97", "98", "99"]);
        assert_eq!(
            labels(Scale::Linear, &[0.04, 0.31]),
            ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30", "0.35"]
        );
        assert_eq!(labels(Scale::Linear, &[-3.5, 4.0]), ["-4", "-2", "0", "2", "4"]);
        assert_eq!(
            labels(Scale::Linear, &[938.0, 9_380.0]),
            ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]
        );
    }

    #[test]
    fn whole_numbers_have_whole_ticks() {
        assert_eq!(labels(Scale::Linear, &[1.0, 3.0]), ["1", "2", "3"]);
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten_until_they_are_few() {
        assert_eq!(
            labels(Scale::Logarithmic, &[0.0005, 2_000.0]),
            ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100", "1000", "10000"]
        );
        assert_eq!(
            labels(Scale::Logarithmic, &[0.008, 1.2]),
            ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]
        );
        assert_eq!(
            labels(Scale::Logarithmic, &[0.052, 0.091]),
            ["0.05", "0.06", "0.07", "0.08", "0.09", "0.1"]
        );
    }

    #[test]
    fn every_value_has_a_place_between_the_ends_and_greater_is_further() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let values = [0.013, 0.2, 7.0, 11.5];
            let axis = Axis::covering(scale, values).unwrap();
            let places = values.map(|value| axis.position(value));
            assert!(
                places.is_sorted() && places.iter().all(|place| (0.0..=1.0).contains(place)),
                "{places:?}"
            );
            assert!(axis.ticks().all(|(place, _)| (0.0..=1.0).contains(&place)), "{axis:?}");
        }
    }

    #[test]
    fn odd_values_do_no_harm() {
        let all = [f64::NAN, f64::INFINITY, -1.0, 0.0];
        assert_eq!(Axis::covering(Scale::Logarithmic, all), None);
        assert_eq!(Axis::covering(Scale::Linear, []), None);
        for values in
            [[0.0, 0.0], [5.0, 5.0], [0.3, 0.3], [1.0, 1.0 + 1e-16], [1e-300, 1e300], [-1e300, 1e300]]
        {
            let axis = Axis::covering(Scale::Linear, values).unwrap();
            assert!(values.iter().all(|&value| axis.position(value).is_finite()), "{axis:?}");
            assert!((2..12).contains(&axis.ticks.len()), "{axis:?}");
        }
    }
}
