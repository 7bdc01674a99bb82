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
    /// Pixel of `value`.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / self.max
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

/// Label of a tick, without trailing zeros.
pub fn label(tick: f64) -> String {
    let text = format!("{tick:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether to show the label of each position (ascending), so that labels are at least `gap` apart;
/// the last one is always shown.
pub fn visible_labels(positions: &[f64], gap: f64) -> Vec<bool> {
    let Some(last) = positions.last() else { return Vec::new() };
    let mut before = f64::NEG_INFINITY;
    let mut kept: Vec<bool> = positions
        .iter()
        .map(|at| {
            let fits = at - before >= gap && (last - at >= gap || at >= last);
            if fits {
                before = *at;
            }
            fits
        })
        .collect();
    if let Some(end) = kept.last_mut() {
        *end = true;
    }
    kept
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
        let at = [10.0, 20.0, 40.0, 80.0, 120.0, 130.0];
        assert_eq!(visible_labels(&at, 25.0), [true, false, true, true, false, true]);
        assert_eq!(visible_labels(&[5.0], 25.0), [true]);
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
