//! Statistics of samples.

use std::time::Duration;

use harmonic_bench::interval;

/// Ratio with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub middle: f64,
    /// `None` for a single pair.
    pub interval: Option<(f64, f64)>,
}

/// Pairs from which order statistics give a 95% interval: all six on one side of the median have a
/// chance of 2 × 2⁻⁶ = 3%.
const ENOUGH_PAIRS: usize = 6;

/// Ratio over pairs of consecutive trials.
///
/// From [`ENOUGH_PAIRS`] on, the median and the interval between order statistics, which assumes no
/// distribution: llama-server has two speeds, depending on which of its slots a load gets. With
/// fewer pairs, the geometric mean and Student's t over the logarithms.
pub fn ratio(pairs: &[(f64, f64)]) -> Option<Ratio> {
    let mut ratios: Vec<f64> = pairs.iter().map(|(ours, other)| ours / other).collect();
    if ratios.len() >= ENOUGH_PAIRS {
        ratios.sort_by(f64::total_cmp);
        let from_end = tail(ratios.len());
        let interval = Some((ratios[from_end], ratios[ratios.len() - 1 - from_end]));
        return Some(Ratio { middle: median(ratios)?, interval });
    }
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let found = interval(&logs)?;
    let bounds = found.ci95_low.zip(found.ci95_high);
    Some(Ratio {
        middle: found.mean.exp(),
        interval: bounds.map(|(low, high)| (low.exp(), high.exp())),
    })
}

/// Number of the `count` samples that can be cut off at either end so that the rest contains the
/// median with 95% confidence: the sign test.
fn tail(count: usize) -> usize {
    let mut below = 0.0;
    let mut ways = 1.0;
    for cut in 0..count / 2 {
        below += ways * 0.5f64.powf(count as f64);
        if 2.0 * below > 0.05 {
            return cut.saturating_sub(1);
        }
        ways *= (count - cut) as f64 / (cut + 1) as f64;
    }
    count / 2
}

/// Nearest rank: the smallest sample with at least `percent` of the samples at or below it.
pub fn percentile(samples: &mut [Duration], percent: usize) -> Option<Duration> {
    samples.sort_unstable();
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    samples.get(rank - 1).copied()
}

/// Median.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().checked_sub(1)? / 2, figures.len() / 2);
    Some(f64::midpoint(figures[low], figures[high]))
}
