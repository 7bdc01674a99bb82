//! Table of the rates of an open loop.

use harmonic_layout::{Column, Table, Width};
use harmonic_types::{LevelResult, Percentiles, Series};

use crate::number_format::{digits, or_absent, time};

fn columns() -> [Column; 9] {
    [
        Column::figure("arrivals"),
        Column::figure("goodput"),
        Column::figure("tok/s"),
        Column::figure("in flight").leaves(2),
        Column::figure("TTFT p50").leaves(4),
        Column::figure("TTFT p99"),
        Column::figure("TPOT p50").leaves(1),
        Column::figure("E2E p99").leaves(3),
        Column::figure("failed"),
    ]
}

/// Table of a series whose levels are rates.
pub(super) fn arrivals(series: &Series, width: Width) -> String {
    Table::new(columns(), series.levels.iter().map(row)).text(width)
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
        insta::assert_snapshot!(arrivals(&sample::open().series[0], Width::UNLIMITED), @r"
         arrivals  goodput  tok/s  in flight  TTFT p50  TTFT p99  TPOT p50  E2E p99  failed
        ────────────────────────────────────────────────────────────────────────────────────
            0.5/s   0.45/s    141       1.00   70.0 ms    105 ms         –        –       0
              4/s   3.60/s    399       8.00    560 ms    840 ms         –        –       0
        ");
    }
}
