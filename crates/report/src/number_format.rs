//! Formatting of figures.
//!
//! Owns: the number of digits of a figure, and the placeholder of an absent one.
//!
//! Invariants: the number of significant digits is also kept when rounding reaches a power of ten.

use harmonic_types::{Interval, PowerScope};

/// Placeholder of an absent figure.
pub(crate) const ABSENT: &str = "–";

/// Three significant digits, or all digits before the point: `7.13`, `27.7`, `582`, `12480`.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Two significant digits, for uncertainties: `0.34`, `3.4`, `15`.
pub(crate) fn uncertainty(value: f64) -> String {
    match value.abs() {
        size if size < 0.995 => format!("{value:.2}"),
        size if size < 9.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Time of `ms` milliseconds, in seconds from one second on: `7.13 ms`, `310 ms`, `2.30 s`.
pub(crate) fn time(ms: f64) -> String {
    if ms < 999.5 { format!("{} ms", digits(ms)) } else { format!("{} s", digits(ms / 1e3)) }
}

/// Text with characters that are invalid in a document replaced.
pub(crate) fn printable(text: &str) -> String {
    let is_unprintable = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}

/// Units that a number is not separated from by the end of a line.
const UNITS: [&str; 20] = [
    "s", "ms", "min", "h", "d", "W", "J", "kJ", "kB", "MB", "GB", "TB", "MiB", "GiB", "tok/s",
    "tok/W", "GB/s", "MHz", "GHz", "°C",
];

/// `text` whose numbers are joined to their units by spaces without a break.
pub(crate) fn with_units(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for (at, word) in text.split(' ').enumerate() {
        let unit = word.trim_end_matches([',', ';', ':', '.', ')', '?']);
        let follows_number = joined.ends_with(|last: char| last.is_ascii_digit());
        if at > 0 {
            joined.push(if follows_number && UNITS.contains(&unit) { '\u{a0}' } else { ' ' });
        }
        joined.push_str(word);
    }
    joined
}

/// Text that starts with a capital letter.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Power scope, spelled as in JSON.
pub(crate) const fn scope(scope: PowerScope) -> &'static str {
    match scope {
        PowerScope::GpuRail => "gpu-rail",
        PowerScope::GpuBoard => "gpu-board",
        PowerScope::SocPackage => "soc-package",
        PowerScope::CpuPackage => "cpu-package",
        PowerScope::System => "system",
    }
}

/// `582 ± 12`, or without the half-width where there is none.
pub(crate) fn with_uncertainty(rate: Interval) -> String {
    match rate.ci95_high {
        Some(high) => format!("{} ± {}", digits(rate.mean), uncertainty(high - rate.mean)),
        None => digits(rate.mean),
    }
}

/// The text, or [`ABSENT`].
pub(crate) fn or_absent(text: Option<String>) -> String {
    text.unwrap_or_else(|| ABSENT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_round_once_and_keep_three() {
        let shown = [0.0, 9.994, 9.996, 27.66, 99.96, 582.1, 12_480.4].map(digits);
        assert_eq!(shown, ["0.00", "9.99", "10.0", "27.7", "100", "582", "12480"]);
    }

    #[test]
    fn uncertainties_keep_two() {
        let shown = [0.344, 0.996, 9.1, 9.96, 14.9].map(uncertainty);
        assert_eq!(shown, ["0.34", "1.0", "9.1", "10", "15"]);
    }

    #[test]
    fn numbers_and_their_units_stay_together() {
        let text = "(up to 9 s), 2.4 tok/s; 3 streams in 5 min.";
        assert_eq!(with_units(text), "(up to 9\u{a0}s), 2.4\u{a0}tok/s; 3 streams in 5\u{a0}min.");
        assert_eq!(with_units(" s  s 1  s"), " s  s 1  s");
    }

    #[test]
    fn times_change_unit_at_a_second() {
        let shown = [7.132, 310.4, 999.4, 999.6, 12_345.0].map(time);
        assert_eq!(shown, ["7.13 ms", "310 ms", "999 ms", "1.00 s", "12.3 s"]);
    }
}
