//! The verdict on a run in words.
//!
//! Owns: one line per series.
//!
//! Does not do: judge. The verdict and its reason come from `laws`, by way of the record.

use harmonic_types::{BenchRun, Series};

use crate::figure::digits;
use super::table::single_stream;

/// One line per series: the sweet spot and why, its speed-up over 1x, the cliff where there is one.
pub fn summary(run: &BenchRun) -> String {
    let lines: Vec<String> = run.series.iter().map(series).collect();
    lines.join("\n")
}

fn series(series: &Series) -> String {
    let Some(spot) = &series.verdict.sweet_spot else {
        return format!("{}: no level was measured, so there is no sweet spot", series.model);
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
        .map(|cliff| format!("; it drops at {}x", cliff.parallel))
        .unwrap_or_default();
    format!("{}: sweet spot {}x{speed_up}: {}{cliff}", series.model, spot.parallel, spot.reason)
}

#[cfg(test)]
mod tests {
    use crate::sample;
    use super::*;

    #[test]
    fn runs_in_one_line() {
        insta::assert_snapshot!(summary(&sample::run()), @"smollm2:135m: sweet spot 32x (4.12 times 1x): highest throughput, 581.7 tok/s; no peak in range: throughput still rises at the highest level measured");
        insta::assert_snapshot!(summary(&sample::cliff()), @"smollm2:135m: sweet spot 16x (7.17 times 1x): 301.0 tok/s, not distinguishable from the peak of 305.0 tok/s at 20x (95% intervals overlap); it drops at 24x");
        insta::assert_snapshot!(summary(&sample::nothing()), @"smollm2:135m: no level was measured, so there is no sweet spot");
    }
}
