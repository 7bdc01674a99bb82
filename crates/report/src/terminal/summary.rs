//! Verdict on a run in words.
//!
//! Owns: one line per series, and one more on the real time of runs.
//!
//! Does not do: compute the verdict and its reason, which are part of the record (`perfmodel`).

use harmonic_layout::{Width, beside};
use harmonic_types::{BenchRun, Series};

use super::table::single_stream;
use crate::number_format::digits;
use crate::real_time;

/// Sweet spot of each series with its reason and speed-up over 1x, and the cliff, if any; for runs of
/// a team also whether they are real-time.
pub fn summary(run: &BenchRun, width: Width) -> String {
    let of_runs = |one: &Series| {
        let conclusion = real_time::conclusion(run, one);
        conclusion.map(|conclusion| format!("{}: {conclusion}", one.model))
    };
    lines(run.series.iter().flat_map(|one| [Some(series(one)), of_runs(one)]).flatten(), width)
}

/// Fitted curves of each series, one per line; empty without any.
pub fn fits(run: &BenchRun, width: Width) -> String {
    lines(run.series.iter().flat_map(fit_lines), width)
}

fn lines(all: impl Iterator<Item = String>, width: Width) -> String {
    all.flat_map(|line| beside("", "  ", &line, width)).collect::<Vec<_>>().join("\n")
}

/// Fitted curves of one series, one per line.
pub(crate) fn fit_lines(series: &Series) -> Vec<String> {
    let line = series.verdict.line.map(|line| {
        let limit = line.limit_tok_s.map_or_else(
            || "throughput has no limit".to_owned(),
            |limit| format!("throughput approaches {:.0} tok/s", limit.0),
        );
        format!(
            "{}: a step takes {} ms plus {} ms per sequence; {limit} (largest residual {:.0}%)",
            series.model,
            digits(line.fixed_ms),
            digits(line.per_sequence_ms),
            line.worst_residual * 100.0
        )
    });
    let law = series.verdict.law.map(|law| {
        let optimum = law.optimum.map_or_else(
            || "none".to_owned(),
            |optimum| format!("{optimum:.0}x{}", bounds(law.optimum_low, law.optimum_high)),
        );
        format!(
            "{}: scalability law: contention {:.3}, coherence {:.5}, optimum {optimum} (largest \
             residual {:.0}%)",
            series.model,
            law.contention,
            law.coherence,
            law.worst_residual * 100.0
        )
    });
    line.into_iter().chain(law).collect()
}

fn bounds(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!(" ({low:.0} to {high:.0})"),
        (Some(low), None) => format!(" ({low:.0} or more)"),
        _ => String::new(),
    }
}

/// Reason why a series has no sweet spot.
pub(crate) fn why_no_sweet_spot(series: &Series) -> String {
    if let Some(caveat) = series.verdict.withheld_for() {
        return caveat.message.clone();
    }
    let why = if series.levels.iter().any(|level| level.rate.is_some()) {
        "the load was given by arrival rates"
    } else if series.levels.iter().any(|level| level.tok_s.is_some()) {
        "no level is within the limit of time between tokens"
    } else {
        "no level was measured"
    };
    why.to_owned()
}

fn series(series: &Series) -> String {
    let Some(spot) = &series.verdict.sweet_spot else {
        return format!("{}: no sweet spot: {}", series.model, why_no_sweet_spot(series));
    };
    let speed_up = series
        .levels
        .iter()
        .find(|level| level.parallel == spot.parallel && level.parallel > 1)
        .and_then(|level| level.tok_s)
        .zip(single_stream(series))
        .map(|(rate, single)| format!(" ({} times 1x)", digits(rate.mean / single)))
        .unwrap_or_default();
    let cliff = series
        .verdict
        .cliff
        .map(|cliff| format!("; cliff at {}x", cliff.parallel))
        .unwrap_or_default();
    format!("{}: sweet spot {}x{speed_up}: {}{cliff}", series.model, spot.parallel, spot.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn fits_are_told_with_how_far_they_are_off() {
        insta::assert_snapshot!(fits(&sample::run(), Width::UNLIMITED), @"smollm2:135m: a step takes 5.63 ms plus 1.59 ms per sequence; throughput approaches 629 tok/s (largest residual 9%)");
        insta::assert_snapshot!(fits(&sample::cliff(), Width::UNLIMITED), @r"
        smollm2:135m: a step takes 20.8 ms plus 2.61 ms per sequence; throughput approaches 382 tok/s (largest residual 70%)
        smollm2:135m: scalability law: contention 0.007, coherence 0.00455, optimum 15x (14 to 16) (largest residual 17%)
        ");
        assert_eq!(fits(&sample::nothing(), Width::UNLIMITED), "");
    }

    #[test]
    fn runs_in_one_line() {
        insta::assert_snapshot!(summary(&sample::run(), Width::UNLIMITED), @"smollm2:135m: sweet spot 32x (4.12 times 1x): highest throughput, 581.7 tok/s; no peak in range: throughput still rises at the highest level measured");
        insta::assert_snapshot!(summary(&sample::cliff(), Width::UNLIMITED), @"smollm2:135m: sweet spot 16x (7.17 times 1x): 301.0 tok/s, not distinguishable from the peak of 305.0 tok/s at 20x (95% intervals overlap); cliff at 24x");
        insta::assert_snapshot!(summary(&sample::nothing(), Width::UNLIMITED), @"smollm2:135m: no sweet spot: no level was measured");
        insta::assert_snapshot!(summary(&sample::died(), Width::UNLIMITED), @"smollm2:135m: no sweet spot: requests failed at 32x");
        insta::assert_snapshot!(summary(&sample::busy(), Width::UNLIMITED), @"smollm2:135m: no sweet spot: the machine was busy: other programs used 0.98 of 2 CPUs at 8x");
    }
}
