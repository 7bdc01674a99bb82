//! What samples say.

use std::time::Duration;

use harmonic_bench::interval;

/// How many times as much: geometric mean of the ratios of pairs, with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub mean: f64,
    /// `None` from a single pair.
    pub interval: Option<(f64, f64)>,
}

/// The ratio over pairs of trials that ran one after the other: Student's t over the logarithms, so
/// that the interval of a ratio is that of its inverse.
pub fn ratio(pairs: &[(f64, f64)]) -> Option<Ratio> {
    let logs: Vec<f64> = pairs.iter().map(|(ours, other)| (ours / other).ln()).collect();
    let found = interval(&logs)?;
    let bounds = found.ci95_low.zip(found.ci95_high);
    Some(Ratio {
        mean: found.mean.exp(),
        interval: bounds.map(|(low, high)| (low.exp(), high.exp())),
    })
}

/// Nearest rank: the smallest sample with at least `percent` of the samples at or below it.
pub fn percentile(samples: &mut [Duration], percent: usize) -> Option<Duration> {
    samples.sort_unstable();
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    samples.get(rank - 1).copied()
}

/// The middle one of figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().checked_sub(1)? / 2, figures.len() / 2);
    Some(f64::midpoint(figures[low], figures[high]))
}
