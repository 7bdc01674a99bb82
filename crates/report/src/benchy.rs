//! Table in the format of llama-benchy.
//!
//! Its tables have two rows per number of requests: `pp` for prefill and `tg` for generation. It
//! measures the two separately; this benchmark measures both together, as under real load. Figures
//! computed from prefill alone (its rate, `est_ppt`) are therefore empty, `tg` is the aggregate, and
//! `peak t/s` is the fastest window instead of the fastest second.
//!
//! Invariants: cells are `mean ± standard deviation`, as there; absent figures are empty.

use harmonic_types::{BenchRun, LevelResult, Percentiles, Series};

const HEADER: [&str; 9] = [
    "model",
    "test",
    "t/s (total)",
    "t/s (req)",
    "peak t/s",
    "peak t/s (req)",
    "ttfr (ms)",
    "est_ppt (ms)",
    "e2e_ttft (ms)",
];

/// Markdown table of all levels.
pub fn render(run: &BenchRun) -> String {
    let mut lines =
        vec![line(&HEADER.map(str::to_owned)), "|:--|--:|--:|--:|--:|--:|--:|--:|--:|".to_owned()];
    for series in &run.series {
        for level in &series.levels {
            lines.push(line(&prompt(run, series, level)));
            lines.push(line(&answer(run, series, level)));
        }
    }
    lines.join("\n")
}

fn line(cells: &[String; 9]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn name(series: &Series) -> String {
    series.model.replace('|', "\\|")
}

fn prompt(run: &BenchRun, series: &Series, level: &LevelResult) -> [String; 9] {
    let tokens = run.workload.prompt_tokens.map_or(0.0, f64::round);
    let first = level.ttft_ms.map(times).unwrap_or_default();
    let test = format!("pp{tokens:.0} (c{})", level.parallel);
    let none = String::new;
    [name(series), test, none(), none(), none(), none(), first.clone(), none(), first]
}

fn answer(run: &BenchRun, series: &Series, level: &LevelResult) -> [String; 9] {
    let rates: Vec<f64> = level.windows.iter().map(|window| window.tok_s.0).collect();
    let sd = standard_deviation(&rates);
    let streams = f64::from(level.parallel);
    let total = level.tok_s.map(|rate| cell(rate.mean, sd)).unwrap_or_default();
    let each = level.tok_s.map(|rate| cell(rate.mean / streams, sd / streams)).unwrap_or_default();
    let peak = rates.iter().copied().reduce(f64::max);
    let peak = |share: f64| peak.map(|peak| format!("{:.2}", peak / share)).unwrap_or_default();
    let test = format!("tg{} (c{})", run.workload.output_tokens, level.parallel);
    let none = String::new;
    [name(series), test, total, each, peak(1.0), peak(streams), none(), none(), none()]
}

fn times(times: Percentiles) -> String {
    cell(times.mean, times.sd)
}

fn cell(mean: f64, sd: f64) -> String {
    format!("{mean:.2} ± {sd:.2}")
}

/// Sample standard deviation; 0 for fewer than two values.
fn standard_deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn rows_have_the_form_of_llama_benchy() {
        let mut run = sample::metered();
        run.series[0].levels.truncate(2);
        insta::assert_snapshot!(render(&run), @r"
        | model | test | t/s (total) | t/s (req) | peak t/s | peak t/s (req) | ttfr (ms) | est_ppt (ms) | e2e_ttft (ms) |
        |:--|--:|--:|--:|--:|--:|--:|--:|--:|
        | smollm2:135m | pp180 (c1) |  |  |  |  | 73.50 ± 7.00 |  | 73.50 ± 7.00 |
        | smollm2:135m | tg160 (c1) | 141.20 ± 1.22 | 141.20 ± 1.22 | 141.91 | 141.91 |  |  |  |
        | smollm2:135m | pp180 (c8) |  |  |  |  | 588.00 ± 56.00 |  | 588.00 ± 56.00 |
        | smollm2:135m | tg160 (c8) | 399.00 ± 3.46 | 49.88 ± 0.43 | 400.99 | 50.12 |  |  |  |
        ");
    }
}
