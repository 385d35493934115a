//! Numbers as people read them.

/// A share in percent with two decimals. It is 0 or 100 only if it is exactly that: one mistake among millions shows.
pub(crate) fn percent(share: f64) -> String {
    let percent = format!("{:.2}", 100.0 * share);
    match percent.as_str() {
        _ if !share.is_finite() => "unknown".into(),
        "100.00" if share < 1.0 => "> 99.99 %".into(),
        "0.00" if share > 0.0 => "< 0.01 %".into(),
        _ => format!("{percent} %"),
    }
}

/// A count with a comma between thousands.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let comma = |(place, digit): (usize, char)| {
        let comma = place > 0 && (digits.len() - place).is_multiple_of(3);
        [comma.then_some(','), Some(digit)]
    };
    digits.chars().enumerate().flat_map(comma).flatten().collect()
}

/// A count in at most four characters, for places with no room for more.
pub(crate) fn compact(count: u64) -> String {
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let unit = units.into_iter().find(|&(size, _)| count >= size && count >= 10_000);
    unit.map_or_else(|| count.to_string(), |(size, name)| format!("{}{name}", count / size))
}

/// A count with the name of what is counted.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A length in a drawing, exact to a hundredth of a unit.
pub(crate) fn length(x: f64) -> String {
    let text = format!("{x:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_whole_or_empty_only_if_it_is() {
        let shares = [0.0, 1e-9, 0.98526, 0.999_999, 1.0, f64::NAN];
        let shown = ["0.00 %", "< 0.01 %", "98.53 %", "> 99.99 %", "100.00 %", "unknown"];
        assert_eq!(shares.map(percent), shown);
    }

    #[test]
    fn counts_are_grouped_in_threes() {
        let counts = [0, 999, 1_000, 98_765, 1_234_567].map(grouped);
        assert_eq!(counts, ["0", "999", "1,000", "98,765", "1,234,567"]);
        assert_eq!([counted(1, "grid"), counted(0, "grid")], ["1 grid", "0 grids"]);
    }

    #[test]
    fn compact_counts_fit() {
        assert_eq!([0, 9_999, 10_000, 999_999, 1_500_000].map(compact), ["0", "9999", "10k", "999k", "1M"]);
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!([0.0, 12.0, 120.0, 1.239, 0.5].map(length), ["0", "12", "120", "1.24", "0.5"]);
    }
}
