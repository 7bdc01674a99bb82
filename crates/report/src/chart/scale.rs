//! Scales from figures to pixels, and their ticks.

/// A linear scale from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Figure at the far end; more than zero.
    pub max: f64,
    /// Pixel of zero.
    pub from: f64,
    /// Pixel of `max`.
    pub to: f64,
}

impl Scale {
    /// Pixel of `value`, which is limited to the scale's range.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.max).clamp(0.0, 1.0)
    }
}

/// Round step of which about `wanted` reach `max`: 1, 2, 2.5 or 5 times a power of ten.
pub fn tick_step(max: f64, wanted: u32) -> f64 {
    let rough = max / f64::from(wanted.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = steps.iter().find(|step| rough <= *step * power * 1.000_001);
    fits.unwrap_or(&10.0) * power
}

/// Ticks from zero to the first at or above `max`.
pub fn ticks(max: f64, wanted: u32) -> Vec<f64> {
    let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
    let step = tick_step(max, wanted);
    let mut ticks = vec![0.0];
    let mut count = 0.0;
    while ticks.last().is_some_and(|last| *last < max * 0.999_999) && ticks.len() < 100 {
        count += 1.0;
        ticks.push(count * step);
    }
    ticks
}

/// Label of a tick, without trailing zeros; very large and small ones with an exponent.
pub fn label(tick: f64) -> String {
    let without_zeros = |text: &str| {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    };
    if tick == 0.0 || (0.01..1e7).contains(&tick.abs()) {
        return without_zeros(&format!("{tick:.4}"));
    }
    let text = format!("{tick:.2e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", without_zeros(mantissa)),
        None => text,
    }
}

/// Whether to show the label of each span (by ascending start), so that none overlaps another; the
/// last one is always shown.
pub fn spaced(spans: &[(f64, f64)]) -> Vec<bool> {
    let Some(last) = spans.last() else { return Vec::new() };
    let mut end = f64::NEG_INFINITY;
    let mut shown: Vec<bool> = spans
        .iter()
        .map(|span| {
            let fits = span.0 >= end && span.1 <= last.0;
            if fits {
                end = span.1;
            }
            fits
        })
        .collect();
    if let Some(last) = shown.last_mut() {
        *last = true;
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_top() {
        let shown = |max| ticks(max, 5).into_iter().map(label).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(581.7), "0 200 400 600");
        assert_eq!(shown(308.2), "0 100 200 300 400");
        assert_eq!(shown(1.1), "0 0.25 0.5 0.75 1 1.25");
        assert_eq!(shown(5.0), "0 1 2 3 4 5");
        assert_eq!(shown(0.0), "0 0.2 0.4 0.6 0.8 1");
    }

    #[test]
    fn labels_that_would_touch_are_left_out_but_never_the_last() {
        let spans = [10.0, 20.0, 40.0, 80.0, 120.0, 130.0].map(|at| (at - 12.0, at + 12.0));
        assert_eq!(spaced(&spans), [true, false, true, true, false, true]);
        assert_eq!(spaced(&[(5.0, 9.0)]), [true]);
        assert!(spaced(&[]).is_empty());
    }

    #[test]
    fn labels_are_short_for_any_magnitude() {
        let labels = [0.0, 0.25, 1e-6, 2.5e-5, 1250.0, 2.5e9, 1e300].map(label);
        assert_eq!(labels, ["0", "0.25", "1e-6", "2.5e-5", "1250", "2.5e9", "1e300"]);
    }

    proptest! {
        #[test]
        fn ticks_of_any_range_are_few_and_hold_it(max in 1e-6..1e9_f64) {
            let ticks = ticks(max, 5);
            prop_assert!((3..=9).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(*ticks.last().unwrap() >= max * 0.999);
        }
    }
}
