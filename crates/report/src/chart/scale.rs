//! From figures to pixels, and the ticks between.

/// A linear scale from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The figure at the far end; more than zero.
    pub most: f64,
    /// The pixel of zero.
    pub from: f64,
    /// The pixel of `most`.
    pub to: f64,
}

impl Scale {
    /// The pixel of `value`.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / self.most
    }
}

/// A round step so that about `wanted` steps reach `most`: 1, 2, 2.5 or 5 times a power of ten.
pub fn step(most: f64, wanted: u32) -> f64 {
    let rough = most / f64::from(wanted.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = steps.iter().find(|step| rough <= *step * power * 1.000_001);
    fits.unwrap_or(&10.0) * power
}

/// Ticks from zero to the first at or above `most`.
pub fn ticks(most: f64, wanted: u32) -> Vec<f64> {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let step = step(most, wanted);
    let mut ticks = vec![0.0];
    let mut count = 0.0;
    while ticks.last().is_some_and(|last| *last < most * 0.999_999) && ticks.len() < 100 {
        count += 1.0;
        ticks.push(count * step);
    }
    ticks
}

/// A tick's text: without digits that say nothing.
pub fn label(tick: f64) -> String {
    let text = format!("{tick:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Of positions that ascend, those whose labels keep `gap` between them; the last one always.
pub fn spaced(positions: &[f64], gap: f64) -> Vec<bool> {
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
        let shown = |most| ticks(most, 5).into_iter().map(label).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(581.7), "0 200 400 600");
        assert_eq!(shown(308.2), "0 100 200 300 400");
        assert_eq!(shown(1.1), "0 0.25 0.5 0.75 1 1.25");
        assert_eq!(shown(5.0), "0 1 2 3 4 5");
        assert_eq!(shown(0.0), "0 0.2 0.4 0.6 0.8 1");
    }

    #[test]
    fn labels_that_would_touch_are_left_out_but_never_the_last() {
        let at = [10.0, 20.0, 40.0, 80.0, 120.0, 130.0];
        assert_eq!(spaced(&at, 25.0), [true, false, true, true, false, true]);
        assert_eq!(spaced(&[5.0], 25.0), [true]);
    }

    proptest! {
        #[test]
        fn ticks_of_any_range_are_few_and_hold_it(most in 1e-6..1e9_f64) {
            let ticks = ticks(most, 5);
            prop_assert!((3..=9).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(*ticks.last().unwrap() >= most * 0.999);
        }
    }
}
