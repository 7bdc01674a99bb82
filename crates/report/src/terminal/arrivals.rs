//! Table of the rates of an open loop.

use harmonic_types::{LevelResult, Percentiles, Series};

use super::grid;
use crate::figure::{digits, or_absent, time};

const HEADER: [&str; 9] = [
    "arrivals",
    "goodput",
    "tok/s",
    "in flight",
    "TTFT p50",
    "TTFT p99",
    "TPOT p50",
    "E2E p99",
    "failed",
];

/// Table of a series whose levels are rates.
pub(super) fn arrivals(series: &Series) -> String {
    let rows: Vec<Vec<String>> = series.levels.iter().map(row).collect();
    grid(&HEADER, &rows, 0)
}

fn row(level: &LevelResult) -> Vec<String> {
    let at = |times: Option<Percentiles>, of: fn(Percentiles) -> f64| {
        or_absent(times.map(|times| time(of(times))))
    };
    vec![
        or_absent(level.rate.map(|rate| format!("{rate}/s"))),
        or_absent(level.goodput.map(|rate| format!("{}/s", digits(rate)))),
        or_absent(level.tok_s.map(|rate| digits(rate.mean))),
        or_absent(level.in_flight.map(digits)),
        at(level.ttft_ms, |times| times.p50),
        at(level.ttft_ms, |times| times.p99),
        at(level.tpot_ms, |times| times.p50),
        at(level.e2e_ms, |times| times.p99),
        level.failures.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn rates_stand_where_levels_do() {
        insta::assert_snapshot!(arrivals(&sample::open().series[0]), @r"
         arrivals  goodput  tok/s  in flight  TTFT p50  TTFT p99  TPOT p50  E2E p99  failed
        ────────────────────────────────────────────────────────────────────────────────────
            0.5/s   0.45/s    141       1.00   70.0 ms    105 ms         –        –       0
              4/s   3.60/s    399       8.00    560 ms    840 ms         –        –       0
        ");
    }
}
