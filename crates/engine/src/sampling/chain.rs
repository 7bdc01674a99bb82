//! Sampling chain after bias and penalties: top-k, top-p, min-p, temperature, draw.
//!
//! The result equals that of the chain over the whole sorted vocabulary. [`Ranking`] finds
//! candidates lazily; what needs every logit (the total mass for top-p without top-k, and the draw
//! without filters) is one summation pass instead of a sort.

use harmonic_batching::Token;
use harmonic_types::Sampling;

use super::mass::{exp, mass};
use super::ranking::Ranking;
use super::row::Row;

/// Result of the filters: the number of best candidates left, and their total weight after
/// temperature.
struct Filtered {
    candidates: usize,
    total: f64,
}

/// Weights relative to the best candidate.
#[derive(Clone, Copy)]
struct Weights {
    top: f32,
    /// 1 / temperature.
    inverse_temperature: f32,
}

impl Weights {
    /// Weight before temperature, which the filters use, as in llama.cpp's chain.
    fn unscaled(self, logit: f32) -> f32 {
        exp(logit - self.top)
    }

    fn scaled(self, logit: f32) -> f64 {
        f64::from(exp((logit - self.top) * self.inverse_temperature))
    }
}

/// Draws a token from `row`; `uniform` is in [0, 1). `None` if there is no candidate.
pub(super) fn draw(settings: &Sampling, row: Row<'_>, uniform: f64) -> Option<Token> {
    let mut ranking = Ranking::of(row);
    let best = ranking.get(0)?;
    let inverse_temperature = settings.temperature.recip();
    // Greedy too if the reciprocal of the temperature overflows.
    let is_greedy = settings.temperature <= 0.0 || !inverse_temperature.is_finite();
    if is_greedy || best.logit == f32::INFINITY {
        return Some(best.token);
    }
    let weights = Weights { top: best.logit, inverse_temperature };
    let Filtered { candidates, total } = filter(settings, &row, &mut ranking, weights);
    let mut left = uniform * total;
    let mut chosen = best.token;
    for rank in 0..candidates {
        // Rounding can leave a remainder after the last.
        let Some(candidate) = ranking.get(rank) else { break };
        chosen = candidate.token;
        left -= weights.scaled(candidate.logit);
        if left < 0.0 {
            break;
        }
    }
    Some(chosen)
}

fn filter(
    settings: &Sampling,
    row: &Row<'_>,
    ranking: &mut Ranking<'_>,
    weights: Weights,
) -> Filtered {
    let Sampling { top_k, top_p, min_p, .. } = *settings;
    let limit = if top_k == 0 { usize::MAX } else { top_k as usize };
    if limit >= row.len() && top_p >= 1.0 && min_p <= 0.0 {
        let total = mass(row, weights.top, weights.inverse_temperature);
        return Filtered { candidates: usize::MAX, total };
    }
    let enough = if top_p >= 1.0 {
        f64::INFINITY
    } else if limit >= row.len() {
        f64::from(top_p) * mass(row, weights.top, 1.0)
    } else {
        let best = ranking.best(limit).iter();
        f64::from(top_p) * best.map(|c| f64::from(weights.unscaled(c.logit))).sum::<f64>()
    };
    let mut reached = 0.0;
    let mut filtered = Filtered { candidates: 0, total: 0.0 };
    while filtered.candidates < limit
        && let Some(candidate) = ranking.get(filtered.candidates)
    {
        let weight = weights.unscaled(candidate.logit);
        if filtered.candidates > 0 && (reached >= enough || weight < min_p) {
            break;
        }
        reached += f64::from(weight);
        filtered.total += weights.scaled(candidate.logit);
        filtered.candidates += 1;
    }
    filtered
}
