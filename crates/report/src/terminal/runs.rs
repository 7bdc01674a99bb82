//! Table of levels whose requests are runs of a team.

use harmonic_layout::{Column, Table, Width};
use harmonic_types::{LevelResult, Percentiles, Series};

use crate::number_format::{digits, or_absent, time, uncertainty};
use crate::real_time;

fn columns() -> [Column; 11] {
    [
        Column::figure("runs"),
        Column::figure("per hour"),
        Column::figure("± 95%").leaves(2),
        Column::figure("tok/s"),
        Column::figure("makespan"),
        Column::figure("p90"),
        Column::figure("first text"),
        Column::figure("J/run"),
        Column::figure("net J").leaves(1),
        Column::text("real-time"),
        Column::figure("failed").leaves(3),
    ]
}

/// Table of a series of runs: how many at a time, runs per hour, aggregate output tok/s, median and
/// 90% of the makespan, median time to the first text, and energy of a run.
pub(super) fn runs(series: &Series, width: Width) -> String {
    Table::new(columns(), series.levels.iter().map(row)).text(width)
}

/// Whether the requests of `series` were runs.
pub(crate) fn is_of_runs(series: &Series) -> bool {
    series.levels.iter().any(|level| level.runs.is_some())
}

fn row(level: &LevelResult) -> Vec<String> {
    let of = |times: Option<Percentiles>, of: fn(Percentiles) -> f64| {
        or_absent(times.map(|times| time(of(times))))
    };
    let runs = level.runs;
    let rate = runs.and_then(|runs| runs.per_hour);
    let joules = runs.and_then(|runs| runs.joules);
    let half = rate.and_then(|rate| Some(rate.ci95_high? - rate.mean));
    vec![
        format!("{}x", level.parallel),
        or_absent(rate.map(|rate| digits(rate.mean))),
        or_absent(half.map(uncertainty)),
        or_absent(level.tok_s.map(|rate| digits(rate.mean))),
        of(level.e2e_ms, |times| times.p50),
        of(level.e2e_ms, |times| times.p90),
        of(level.ttft_ms, |times| times.p50),
        or_absent(joules.map(|joules| digits(joules.gross.0))),
        or_absent(joules.and_then(|joules| joules.net).map(|net| digits(net.0))),
        or_absent(runs.and_then(|runs| runs.real_time).map(real_time::word)),
        level.failures.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn runs_as_a_table_that_keeps_what_was_asked_for_at_80_columns() {
        let series = &sample::runs().series[0];
        insta::assert_snapshot!(runs(series, Width::UNLIMITED), @r"
         runs  per hour  ± 95%  tok/s  makespan     p90  first text  J/run  net J  real-time  failed
        ─────────────────────────────────────────────────────────────────────────────────────────────
           1x       794     24    141    3.17 s  3.49 s     60.0 ms    820    548  yes             0
           8x      2244     67    399    8.98 s  9.88 s      480 ms    302    205  yes             0
          16x      2984     90    530    13.5 s  14.9 s      960 ms    237    164  no              0
          32x      3272     98    582    24.6 s  27.1 s      1.92 s    233    167  no              0
        ");
        let narrow = runs(series, Width::of_terminal(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        insta::assert_snapshot!(narrow, @r"
         runs  per hour  tok/s  makespan     p90  first text  J/run  real-time  failed
        ───────────────────────────────────────────────────────────────────────────────
           1x       794    141    3.17 s  3.49 s     60.0 ms    820  yes             0
           8x      2244    399    8.98 s  9.88 s      480 ms    302  yes             0
          16x      2984    530    13.5 s  14.9 s      960 ms    237  no              0
          32x      3272    582    24.6 s  27.1 s      1.92 s    233  no              0
         not shown at this width: net J, ± 95%
        ");
    }
}
