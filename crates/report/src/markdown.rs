//! `report.md`: a run in the form of the paper's §4.
//!
//! Invariants: GitHub's Markdown; absent figures are `–`; every efficiency has the scope of its power.

use harmonic_types::{BenchRun, LevelResult, Percentiles, Series, Trend};

use crate::number_format::{digits, or_absent, scope, sentence, time, with_uncertainty};
use crate::terminal::{fit_lines, is_of_runs, why_no_sweet_spot};
use crate::{real_time, title};

pub(crate) mod text;

use self::text::{cell, plain, prose};

/// Content of the file.
pub fn render(run: &BenchRun) -> String {
    let mut out = vec![format!("# {}", plain(&title::title(run))), String::new()];
    out.extend(head(run));
    for series in &run.series {
        out.push(format!("## {}", plain(&title::model(series))));
        out.push(String::new());
        out.extend(if is_of_runs(series) { runs(series) } else { levels(series) });
        out.push(String::new());
    }
    out.extend(["## Peaks".to_owned(), String::new()]);
    out.extend(peaks(run));
    out.extend([String::new(), "## Scaling characteristics".to_owned(), String::new()]);
    out.extend(run.series.iter().flat_map(|series| characteristics(run, series)));
    out.extend(efficiency(run));
    out.extend(warnings(run));
    out.extend(method(run));
    out.push(String::new());
    out.join("\n")
}

fn head(run: &BenchRun) -> Vec<String> {
    let subtitle = title::subtitle(run);
    let mut lines = Vec::new();
    if !subtitle.is_empty() {
        lines.extend([plain(&subtitle), String::new()]);
    }
    lines.extend(run.environment.iter().map(|line| format!("- {}", plain(line))));
    lines.push(String::new());
    lines
}

fn levels(series: &Series) -> Vec<String> {
    let first = if series.levels.iter().any(|level| level.rate.is_some()) {
        "Arrivals"
    } else {
        "Parallelism"
    };
    let header = [
        first,
        "tok/s ± 95%",
        "per stream",
        "speed-up",
        "TTFT p50",
        "TTFT p99",
        "ITL p50",
        "ITL p99",
        "TPOT p50",
        "E2E p50",
        "goodput",
        "failed",
    ];
    let single = series
        .levels
        .iter()
        .find(|level| level.parallel == 1 && level.rate.is_none())
        .and_then(|level| level.tok_s)
        .map(|rate| rate.mean);
    let rows = series.levels.iter().map(|level| row(level, single));
    table(&header, rows)
}

fn row(level: &LevelResult, single: Option<f64>) -> Vec<String> {
    let at = |times: Option<Percentiles>, of: fn(Percentiles) -> f64| {
        or_absent(times.map(|times| time(of(times))))
    };
    let p50 = |times| at(times, |times| times.p50);
    let p99 = |times| at(times, |times| times.p99);
    let speed_up = level.tok_s.zip(single).map(|(rate, single)| rate.mean / single);
    vec![
        level.rate.map_or_else(|| format!("{}x", level.parallel), |rate| format!("{rate}/s")),
        or_absent(level.tok_s.map(with_uncertainty)),
        or_absent(level.per_stream_tok_s.map(|rate| digits(rate.0))),
        or_absent(speed_up.map(|times| format!("{}x", digits(times)))),
        p50(level.ttft_ms),
        p99(level.ttft_ms),
        p50(level.itl_ms),
        p99(level.itl_ms),
        p50(level.tpot_ms),
        p50(level.e2e_ms),
        or_absent(level.goodput.map(|rate| format!("{}/s", digits(rate)))),
        level.failures.to_string(),
    ]
}

/// Table of levels whose requests are runs.
fn runs(series: &Series) -> Vec<String> {
    let header = [
        "Runs at a time",
        "runs/h ± 95%",
        "tok/s ± 95%",
        "makespan p50",
        "makespan p90",
        "first text p50",
        "J/run gross",
        "J/run net",
        "real-time",
        "failed",
    ];
    let time_of = |times: Option<Percentiles>, of: fn(Percentiles) -> f64| {
        or_absent(times.map(|times| time(of(times))))
    };
    let rows = series.levels.iter().map(|level| {
        let runs = level.runs;
        let joules = runs.and_then(|runs| runs.joules);
        vec![
            format!("{}x", level.parallel),
            or_absent(runs.and_then(|runs| runs.per_hour).map(with_uncertainty)),
            or_absent(level.tok_s.map(with_uncertainty)),
            time_of(level.e2e_ms, |times| times.p50),
            time_of(level.e2e_ms, |times| times.p90),
            time_of(level.ttft_ms, |times| times.p50),
            or_absent(joules.map(|joules| digits(joules.gross.0))),
            or_absent(joules.and_then(|joules| joules.net).map(|net| digits(net.0))),
            or_absent(runs.and_then(|runs| runs.real_time).map(real_time::word)),
            level.failures.to_string(),
        ]
    });
    table(&header, rows)
}

/// Table in the form of §4.2.
fn peaks(run: &BenchRun) -> Vec<String> {
    let rows = run.series.iter().map(|series| {
        let peak = series.verdict.peak;
        let level = peak
            .and_then(|peak| series.levels.iter().find(|level| level.parallel == peak.parallel));
        let gross = level.and_then(|level| level.tok_per_w).map(|efficiency| efficiency.gross);
        vec![
            cell(&series.model),
            or_absent(peak.map(|peak| format!("{}x", peak.parallel))),
            or_absent(peak.map(|peak| format!("{:.1}", peak.tok_s.0))),
            or_absent(gross.map(|gross| format!("{gross:.2} tok/W"))),
        ]
    });
    table(&["Model", "Peak Parallel", "Peak tok/s", "Efficiency"], rows)
}

/// List in the form of §4.3.
fn characteristics(run: &BenchRun, series: &Series) -> Vec<String> {
    let verdict = &series.verdict;
    let model = plain(&series.model);
    let trend = verdict.trend.map(|trend| match trend {
        Trend::Rising => "no peak in range: throughput still rises at the highest level",
        Trend::Plateau => "plateau: no higher level is faster",
        Trend::PastPeak => "throughput falls past the peak",
    });
    let spot = verdict.sweet_spot.as_ref().map_or_else(
        || format!("no sweet spot: {}", plain(&why_no_sweet_spot(series))),
        |spot| format!("sweet spot {}x: {}", spot.parallel, plain(&spot.reason)),
    );
    let cliff = verdict.cliff.map(|cliff| format!("cliff at {}x", cliff.parallel));
    let real_time = real_time::conclusion(run, series).map(|conclusion| plain(&conclusion));
    let lines = trend.map(str::to_owned).into_iter().chain([spot]).chain(cliff).chain(real_time);
    let lines = lines.map(|line| format!("- {model}: {line}"));
    lines.chain(fit_lines(series).into_iter().map(|line| format!("- {}", plain(&line)))).collect()
}

/// Table in the form of §4.4.
fn efficiency(run: &BenchRun) -> Vec<String> {
    let rows: Vec<Vec<String>> = run
        .series
        .iter()
        .flat_map(|series| {
            series.levels.iter().filter_map(move |level| {
                let power = level.power?;
                let efficiency = level.tok_per_w;
                Some(vec![
                    cell(&series.model),
                    format!("{}x", level.parallel),
                    or_absent(level.tok_s.map(|rate| digits(rate.mean))),
                    digits(power.watts.0),
                    or_absent(power.idle_watts.map(|watts| digits(watts.0))),
                    scope(power.scope).to_owned(),
                    or_absent(efficiency.map(|efficiency| format!("{:.2}", efficiency.gross))),
                    or_absent(efficiency.and_then(|e| e.net).map(|net| format!("{net:.2}"))),
                ])
            })
        })
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let header =
        ["Model", "Parallelism", "tok/s", "W", "idle W", "scope", "tok/W gross", "tok/W net"];
    let mut lines = vec![String::new(), "## Efficiency".to_owned(), String::new()];
    lines.extend(table(&header, rows));
    lines
}

fn warnings(run: &BenchRun) -> Vec<String> {
    if run.warnings.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "## Warnings".to_owned(), String::new()];
    lines.extend(run.warnings.iter().map(|warning| {
        let (message, hint) = (sentence(&warning.message), sentence(&warning.hint));
        format!("- **{}**: {}. {}.", cell(&warning.code), prose(&message), prose(&hint))
    }));
    lines
}

fn method(run: &BenchRun) -> Vec<String> {
    let mut lines = vec![String::new(), "## Method".to_owned(), String::new()];
    lines.extend(crate::method::lines(run).into_iter().map(|line| format!("- {}", plain(&line))));
    lines
}

fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let rule = std::iter::once(":--").chain(std::iter::repeat("--:")).take(header.len());
    let head = [
        line(header.iter().map(|name| (*name).to_owned()).collect()),
        format!("|{}|", rule.collect::<Vec<_>>().join("|")),
    ];
    head.into_iter().chain(rows.into_iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_run_in_the_papers_form() {
        insta::assert_snapshot!(render(&sample::metered()), @r"
        # Stack starter on AMD EPYC 9B14

        smollm2:135m F16 · llama.cpp 11434 · 2026-11-30 00:53 UTC

        - harmonic 0.1.0
        - Linux 6.12, 2 threads

        ## smollm2:135m F16

        | Parallelism | tok/s ± 95% | per stream | speed-up | TTFT p50 | TTFT p99 | ITL p50 | ITL p99 | TPOT p50 | E2E p50 | goodput | failed |
        |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
        | 1x | 141 ± 3.4 | 141 | 1.00x | 70.0 ms | 105 ms | 7.08 ms | 10.6 ms | – | – | – | 0 |
        | 8x | 399 ± 9.1 | 49.9 | 2.83x | 560 ms | 840 ms | 20.1 ms | 30.1 ms | – | – | – | 0 |
        | 16x | 530 ± 15 | 33.1 | 3.76x | 1.12 s | 1.68 s | 30.2 ms | 45.2 ms | – | – | – | 0 |
        | 32x | 582 ± 12 | 18.2 | 4.12x | 2.24 s | 3.36 s | 55.0 ms | 82.5 ms | – | – | – | 0 |

        ## Peaks

        | Model | Peak Parallel | Peak tok/s | Efficiency |
        |:--|--:|--:|--:|
        | smollm2:135m | 32x | 581.7 | 2.74 tok/W |

        ## Scaling characteristics

        - smollm2:135m: no peak in range: throughput still rises at the highest level
        - smollm2:135m: sweet spot 32x: highest throughput, 581.7 tok/s; no peak in range: throughput still rises at the highest level measured
        - smollm2:135m: a step takes 5.63 ms plus 1.59 ms per sequence; throughput approaches 629 tok/s (largest residual 9%)

        ## Efficiency

        | Model | Parallelism | tok/s | W | idle W | scope | tok/W gross | tok/W net |
        |:--|--:|--:|--:|--:|--:|--:|--:|
        | smollm2:135m | 1x | 141 | 181 | 60.0 | gpu-board | 0.78 | 1.17 |
        | smollm2:135m | 8x | 399 | 188 | 60.0 | gpu-board | 2.12 | 3.12 |
        | smollm2:135m | 16x | 530 | 196 | 60.0 | gpu-board | 2.71 | 3.90 |
        | smollm2:135m | 32x | 582 | 212 | 60.0 | gpu-board | 2.74 | 3.83 |

        ## Method

        - protocol quick: closed loop with refill, measured while all streams run, between the ends of requests; unique prompts; intervals are Student's t over the windows
        - target http://127.0.0.1:4276, load generated on here
        - prompts of 16 words, 180 tokens with template and system prompt by the target's count; responses of 160 tokens
        - temperature 0.7, seed 0
        - measured in the order 32x, 16x, 8x, 1x
        ");
    }

    #[test]
    fn a_verdict_that_is_withheld_says_why() {
        let shown = render(&sample::busy());
        let line = "- smollm2:135m: no sweet spot: the machine was busy: other programs used 0.98 of 2 \
                    CPUs at 8x\n";
        assert!(shown.contains(line) && !shown.contains("still rises"), "{shown}");
    }

    #[test]
    fn markup_in_names_is_text() {
        let mut run = sample::cliff();
        run.series[0].model = "a|b <script>".to_owned();
        let shown = render(&run);
        assert!(shown.contains("## a|b \\<script> F16"), "{shown}");
        assert!(shown.contains("| a\\|b \\<script> |"), "{shown}");
    }
}
