//! Axes of the curve.
//!
//! Owns: round ticks of the vertical axis, log2 positions of the horizontal one.
//!
//! Invariants: positions are from 0 to 1; the vertical axis starts at zero, so that heights are
//! comparable.

/// Vertical axis from 0 to `top` in steps of `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vertical {
    pub(crate) top: f64,
    pub(crate) step: f64,
}

impl Vertical {
    /// Smallest axis of at most `max_steps` steps of 1, 2 or 5 × 10ⁿ that contains `highest`.
    pub(crate) fn covering(highest: f64, max_steps: u32) -> Self {
        let highest_value = if highest.is_finite() { highest.max(1e-6) } else { 1.0 };
        let max_steps = f64::from(max_steps.max(1));
        let magnitude = 10_f64.powf((highest_value / max_steps).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * magnitude)
            .into_iter()
            .find(|step| (highest_value / step).ceil() <= max_steps)
            .unwrap_or(10.0 * magnitude);
        Self { top: (highest_value / step).ceil() * step, step }
    }

    /// Ticks from the top to zero.
    pub(crate) fn ticks(self) -> impl Iterator<Item = f64> {
        let mut left = self.top;
        std::iter::from_fn(move || {
            let tick = left;
            left -= self.step;
            // Half a step of tolerance: the last difference is not exactly zero.
            (tick > -self.step / 2.0).then_some(tick.max(0.0))
        })
    }

    /// Position of a value, from 0 at the bottom to 1 at the top.
    pub(crate) fn position(self, value: f64) -> f64 {
        (value / self.top).clamp(0.0, 1.0)
    }
}

/// Logarithmic horizontal axis from the lowest to the highest level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Horizontal {
    low: f64,
    span: f64,
}

impl Horizontal {
    /// Axis from `low` to `high`.
    pub(crate) fn between(low: u32, high: u32) -> Self {
        let low = f64::from(low.max(1)).log2();
        Self { low, span: f64::from(high.max(1)).log2() - low }
    }

    /// Position of a level, from 0 at the lowest to 1 at the highest; 0.5 with a single level.
    pub(crate) fn position(self, level: u32) -> f64 {
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
            let axis = Vertical::covering(highest, 4);
            assert!((axis.top - top).abs() < 1e-9, "{highest}: {axis:?}");
            let found: Vec<f64> = axis.ticks().collect();
            assert_eq!(found, ticks, "{highest}");
        }
    }

    #[test]
    fn doublings_are_equally_wide() {
        let axis = Horizontal::between(1, 16);
        let positions = [1, 2, 4, 8, 16].map(|level| axis.position(level).to_string());
        assert_eq!(positions, ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(Horizontal::between(8, 8).position(8).to_string(), "0.5");
    }
}
