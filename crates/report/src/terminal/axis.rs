//! Where figures lie on the curve's axes.
//!
//! Owns: round numbers for the vertical axis, log2 places for the horizontal one.
//!
//! Invariants: places are from 0 to 1; the vertical axis starts at zero, so heights compare.

/// A vertical axis from 0 to `top` in steps of `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vertical {
    pub(crate) top: f64,
    pub(crate) step: f64,
}

impl Vertical {
    /// The smallest axis of at most `most` steps of 1, 2 or 5 × 10ⁿ that holds `highest`.
    pub(crate) fn holding(highest: f64, most: u32) -> Self {
        let least = if highest.is_finite() { highest.max(1e-6) } else { 1.0 };
        let most = f64::from(most.max(1));
        let magnitude = 10_f64.powf((least / most).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * magnitude)
            .into_iter()
            .find(|step| (least / step).ceil() <= most)
            .unwrap_or(10.0 * magnitude);
        Self { top: (least / step).ceil() * step, step }
    }

    /// From the top to zero.
    pub(crate) fn ticks(self) -> impl Iterator<Item = f64> {
        let mut left = self.top;
        std::iter::from_fn(move || {
            let tick = left;
            left -= self.step;
            // Half a step: what is left of the last difference is not exactly zero.
            (tick > -self.step / 2.0).then_some(tick.max(0.0))
        })
    }

    /// Height of a value, from 0 at the bottom to 1 at the top.
    pub(crate) fn place(self, value: f64) -> f64 {
        (value / self.top).clamp(0.0, 1.0)
    }
}

/// A horizontal axis from the lowest to the highest level, each doubling as wide as the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Horizontal {
    low: f64,
    span: f64,
}

impl Horizontal {
    /// From `low` to `high`.
    pub(crate) fn between(low: u32, high: u32) -> Self {
        let low = f64::from(low.max(1)).log2();
        Self { low, span: f64::from(high.max(1)).log2() - low }
    }

    /// From 0 at the lowest to 1 at the highest; the middle where there is one level only.
    pub(crate) fn place(self, level: u32) -> f64 {
        if self.span > 0.0 {
            ((f64::from(level.max(1)).log2() - self.low) / self.span).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertical_axes_are_round() {
        for (highest, top, ticks) in [
            (582.1, 600.0, vec![600.0, 400.0, 200.0, 0.0]),
            (27.7, 30.0, vec![30.0, 20.0, 10.0, 0.0]),
            (1.0, 1.0, vec![1.0, 0.5, 0.0]),
            (100.0, 100.0, vec![100.0, 50.0, 0.0]),
        ] {
            let axis = Vertical::holding(highest, 4);
            assert!((axis.top - top).abs() < 1e-9, "{highest}: {axis:?}");
            let found: Vec<f64> = axis.ticks().collect();
            assert_eq!(found, ticks, "{highest}");
        }
    }

    #[test]
    fn doublings_are_equally_wide() {
        let axis = Horizontal::between(1, 16);
        let places = [1, 2, 4, 8, 16].map(|level| axis.place(level).to_string());
        assert_eq!(places, ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(Horizontal::between(8, 8).place(8).to_string(), "0.5");
    }
}
