//! Table of the levels of a run.

use harmonic_layout::{Column, Table, Width, wrap_lines};
use harmonic_types::{BenchRun, Interval, LevelResult, Percentiles, Series};

use super::arrivals::arrivals;
use super::runs::{is_of_runs, runs};
use crate::mark::Mark;
use crate::number_format::{digits, or_absent, time, uncertainty};
use crate::title;

fn columns() -> [Column; 10] {
    [
        Column::figure("parallel"),
        Column::figure("tok/s"),
        Column::figure("± 95%"),
        Column::figure("per stream").leaves(1),
        Column::figure("speed-up").leaves(4),
        Column::figure("TTFT p50").leaves(5),
        Column::figure("ITL p50").leaves(3),
        Column::figure("ITL p99").leaves(2),
        Column::figure("failed"),
        Column::text(""),
    ]
}

/// Table of the levels: aggregate output tok/s with the half-width of its 95% interval, tok/s of
/// one stream, speed-up over 1x, latencies, failed requests, and the verdict. Of several models,
/// each has its name above its table.
pub fn table(run: &BenchRun, width: Width) -> String {
    of_each(run, width, |one| Some(series(one, width)))
}

/// Text of each series that has one, below the name of its model where the run has several.
pub(super) fn of_each(
    run: &BenchRun,
    width: Width,
    text: impl Fn(&Series) -> Option<String>,
) -> String {
    let named = |one: &Series| {
        let text = text(one)?;
        Some(match run.series.len() {
            1 => text,
            _ => format!("{}\n{text}", wrap_lines(&title::model(one), width)),
        })
    };
    run.series.iter().filter_map(named).collect::<Vec<_>>().join("\n\n")
}

fn series(series: &Series, width: Width) -> String {
    if series.levels.iter().any(|level| level.rate.is_some()) {
        return arrivals(series, width);
    }
    if is_of_runs(series) {
        return runs(series, width);
    }
    let single = single_stream(series);
    let rows = series
        .levels
        .iter()
        .map(|level| row(level, single, Mark::of(level.parallel, &series.verdict)));
    Table::new(columns(), rows).text(width)
}

/// Aggregate at 1x, the baseline of speed-ups.
pub(crate) fn single_stream(series: &Series) -> Option<f64> {
    let level = series.levels.iter().find(|level| level.parallel == 1)?;
    level.tok_s.map(|rate| rate.mean).filter(|rate| *rate > 0.0)
}

fn row(level: &LevelResult, single: Option<f64>, mark: Mark) -> [String; 10] {
    let rate = level.tok_s;
    let p50 = |of: Option<Percentiles>| or_absent(of.map(|found| time(found.p50)));
    [
        format!("{}x", level.parallel),
        or_absent(rate.map(|rate| digits(rate.mean))),
        or_absent(rate.and_then(half_width).map(uncertainty)),
        or_absent(level.per_stream_tok_s.map(|rate| digits(rate.0))),
        or_absent(
            rate.zip(single).map(|(rate, single)| format!("{}×", digits(rate.mean / single))),
        ),
        p50(level.ttft_ms),
        p50(level.itl_ms),
        or_absent(level.itl_ms.map(|itl| time(itl.p99))),
        level.failures.to_string(),
        match mark {
            Mark::Level => String::new(),
            mark => format!("{} {}", mark.glyph(), mark.word()),
        },
    ]
}

fn half_width(rate: Interval) -> Option<f64> {
    rate.ci95_high.map(|high| high - rate.mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_run_as_a_table() {
        insta::assert_snapshot!(table(&sample::run(), Width::UNLIMITED), @r"
         parallel  tok/s  ± 95%  per stream  speed-up  TTFT p50  ITL p50  ITL p99  failed
        ────────────────────────────────────────────────────────────────────────────────────────────────
               1x    141    3.4         141     1.00×   70.0 ms  7.08 ms  10.6 ms       0
               8x    399    9.1        49.9     2.83×    560 ms  20.1 ms  30.1 ms       0
              16x    530     15        33.1     3.76×    1.12 s  30.2 ms  45.2 ms       0
              32x    582     12        18.2     4.12×    2.24 s  55.0 ms  82.5 ms       0  ◆ sweet spot
        ");
    }

    #[test]
    fn each_of_several_models_is_named_above_its_table() {
        insta::assert_snapshot!(table(&sample::two(), Width::of_terminal(80)));
    }

    #[test]
    fn levels_without_figures_show_that_they_have_none() {
        insta::assert_snapshot!(table(&sample::died(), Width::UNLIMITED), @r"
         parallel  tok/s  ± 95%  per stream  speed-up  TTFT p50  ITL p50  ITL p99  failed
        ──────────────────────────────────────────────────────────────────────────────────────────
               1x   27.7      –        27.7     1.00×   70.0 ms  36.1 ms  54.2 ms       0  ▲ peak
              32x      –      –           –         –         –        –        –       9
        ");
    }

    #[test]
    fn the_widest_figures_fit_any_terminal() {
        for columns in [60, 80, 100] {
            let shown = table(&sample::wide(), Width::of_terminal(columns));
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{widest} columns:\n{shown}");
        }
        insta::assert_snapshot!(table(&sample::run(), Width::of_terminal(80)));
    }
}
