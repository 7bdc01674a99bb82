//! The Universal Scalability Law: X(N) = λN ÷ (1 + σ(N−1) + κN(N−1)) (Gunther, 1993).
//!
//! Owns: the fit with σ ≥ 0 and κ ≥ 0, the position of its maximum, and the confidence interval of
//! that position by a seeded bootstrap.
//!
//! Invariants: the same levels and seed give the same result; unless every level has an interval,
//! the optimum has none.
//!
//! Does not do: choose a level. The verdict uses the measurements, not a curve.

use crate::least_squares::non_negative;
use crate::verdict::{LevelThroughput, measured};

/// Resamples of the bootstrap.
pub const RESAMPLES: usize = 1000;

/// Coherence cost, as a share of one sequence's time at the highest level, below which it counts as
/// noise: the optimum implied by it lies far outside the measured range.
const NEGLIGIBLE: f64 = 0.01;

/// Half of a 95% interval in standard errors of a normal distribution.
const NORMAL_95: f64 = 1.959_964;

/// Fitted Universal Scalability Law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalabilityLaw {
    /// λ: tokens per second of one sequence.
    pub single_tok_s: f64,
    /// σ: serial fraction.
    pub contention: f64,
    /// κ: cost per pair of sequences.
    pub coherence: f64,
}

/// Position of the maximum, N* = √((1−σ)÷κ), in sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimum {
    /// N*; `None` where the law has no maximum.
    pub parallel: Option<f64>,
    /// 95% interval of N*; `None` where a level has no interval.
    pub ci95: Option<OptimumInterval>,
}

/// Interval of 95% of the resamples; a bound is `None` where it is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimumInterval {
    /// Lower bound, in sequences.
    pub low: Option<f64>,
    /// Upper bound, in sequences.
    pub high: Option<f64>,
}

impl ScalabilityLaw {
    /// Least-squares fit of `levels` in relative error; `None` with fewer than three distinct
    /// levels that have a positive throughput.
    ///
    /// Fitted in its linear form N÷X = p₀ + p₁(N−1) + p₂N(N−1) with non-negative coefficients:
    /// λ = 1÷p₀, σ = p₁÷p₀, κ = p₂÷p₀.
    pub fn fit(levels: &[LevelThroughput]) -> Option<Self> {
        let points: Vec<(f64, f64)> = measured(levels)
            .iter()
            .map(|level| (f64::from(level.parallel), level.tok_s.mean))
            .collect();
        Self::fit_points(&points)
    }

    /// [`Self::fit`] for (sequences, tokens per second), ascending.
    fn fit_points(points: &[(f64, f64)]) -> Option<Self> {
        let mut distinct: Vec<f64> = points.iter().map(|point| point.0).collect();
        distinct.dedup();
        if distinct.len() < 3 {
            return None;
        }
        let rows: Vec<[f64; 3]> = points
            .iter()
            .map(|&(n, tok_s)| {
                let time = n / tok_s;
                [1.0 / time, (n - 1.0) / time, n * (n - 1.0) / time]
            })
            .collect();
        let [first, serial, pairs] = non_negative(&rows, &vec![1.0; rows.len()])?;
        if first <= 0.0 {
            return None;
        }
        let highest = distinct.last().copied()?;
        let coherence = pairs / first;
        let rounding = coherence * highest * (highest - 1.0) < NEGLIGIBLE;
        Some(Self {
            single_tok_s: 1.0 / first,
            contention: serial / first,
            coherence: if rounding { 0.0 } else { coherence },
        })
    }

    /// Tokens per second with `parallel` sequences.
    pub fn tok_s(&self, parallel: u32) -> f64 {
        let n = f64::from(parallel);
        let cost = 1.0 + self.contention * (n - 1.0) + self.coherence * n * (n - 1.0);
        self.single_tok_s * n / cost
    }

    /// N*, at least 1; `None` without coherence cost, because throughput then never falls.
    pub fn optimum(&self) -> Option<f64> {
        (self.coherence > 0.0)
            .then(|| ((1.0 - self.contention).max(0.0) / self.coherence).sqrt().max(1.0))
    }
}

/// N* of `levels` and its interval; `None` where no law can be fitted.
///
/// Each resample draws every level's mean from a normal distribution with the level's interval as
/// its 95% interval. Intervals of few trials are wider than normal ones, so the result is
/// conservative.
pub fn optimum(levels: &[LevelThroughput], seed: u64) -> Option<Optimum> {
    let law = ScalabilityLaw::fit(levels)?;
    Some(Optimum { parallel: law.optimum(), ci95: bootstrap(&measured(levels), seed) })
}

fn bootstrap(levels: &[LevelThroughput], seed: u64) -> Option<OptimumInterval> {
    let errors: Vec<f64> = levels
        .iter()
        .map(|level| Some((level.tok_s.ci95_high? - level.tok_s.ci95_low?) / 2.0 / NORMAL_95))
        .collect::<Option<_>>()?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut found: Vec<f64> = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let points: Vec<(f64, f64)> = levels
            .iter()
            .zip(&errors)
            .map(|(level, error)| {
                let drawn = level.tok_s.mean + error * normal(&mut random);
                (f64::from(level.parallel), drawn)
            })
            .collect();
        // A resample with a throughput that is not positive is discarded.
        if points.iter().all(|point| point.1 > 0.0)
            && let Some(law) = ScalabilityLaw::fit_points(&points)
        {
            found.push(law.optimum().unwrap_or(f64::INFINITY));
        }
    }
    found.sort_by(f64::total_cmp);
    let last = found.len().checked_sub(1)?;
    let at = |index: usize| found.get(index).copied().filter(|value| value.is_finite());
    // 2.5% of the resamples lie outside on either side.
    Some(OptimumInterval { low: at(last / 40), high: at(last - last / 40) })
}

/// Random number of the standard normal distribution (Box and Muller, 1958).
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests;
