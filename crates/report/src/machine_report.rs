//! The paper's report on a machine (§4.1 to §4.4), with its verdict and ours, and with its
//! contradictions as footnotes.
//!
//! Invariants: every figure in a footnote is computed from the record; each footnote is referenced
//! at the contradiction.
//!
//! Does not do: define the paper's measurements, which are in the record
//! (`harmonic_profiles::published`); only the paper's claims about them are defined here.

use harmonic_layout::{Column, Table, Width, wrap_lines};
use harmonic_types::{BenchRun, LevelResult, Series};

use crate::number_format::or_absent;
use crate::terminal::fit_lines;

mod notes;

use self::notes::{Claims, Notes, claims};

/// Groups of §4.2.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Small models (~2.5 GB)", &["qwen3:4b", "executive", "operator"]),
    (
        "Medium models (~5 GB)",
        &["qwen3:8b", "technical_director", "research_director", "creative_director"],
    ),
    ("Large models (~9 GB)", &["qwen3:14b"]),
];

/// Text for a terminal; `None` for a record that is not the paper's.
pub fn text(run: &BenchRun, width: Width) -> Option<String> {
    let claims = claims(run)?;
    let mut notes = Notes::default();
    let mut parts = vec![format!("{}, as published in the paper", run.host)];
    parts.push(peaks(run, &claims, &mut notes, width));
    if let Some(full) = run.series.iter().find(|series| series.levels.len() > 1) {
        parts.push(levels(full, &claims, &mut notes, width));
        parts.push(verdicts(full, &claims, &mut notes, width));
    }
    parts.push(efficiency(run, &claims, &mut notes, width));
    parts.push(notes.text(width));
    Some(parts.join("\n\n"))
}

/// Tables of §4.2.
fn peaks(run: &BenchRun, claims: &Claims, notes: &mut Notes, width: Width) -> String {
    let columns = named(&["Model", "Peak Parallel", "Peak tok/s", "Efficiency"]);
    let mut parts = vec!["§4.2 Peaks".to_owned()];
    for (group, models) in GROUPS {
        let of_group = run.series.iter().filter(|series| models.contains(&series.model.as_str()));
        let rows: Vec<Vec<String>> =
            of_group.map(|series| peak(run, series, claims, notes)).collect();
        if !rows.is_empty() {
            let table = Table::new(columns.clone(), rows).text(width);
            parts.push(format!("{group}\n{table}"));
        }
    }
    parts.join("\n\n")
}

fn peak(run: &BenchRun, series: &Series, claims: &Claims, notes: &mut Notes) -> Vec<String> {
    let level = highest(series);
    let is_approximate = claims.approximate.contains(&series.model.as_str());
    let is_estimate = is_approximate || !claims.about_power.is_empty();
    vec![
        series.model.clone(),
        or_absent(level.map(|level| format!("{}x", level.parallel))),
        or_absent(
            rate(level).map(|rate| {
                if is_approximate { format!("~{rate:.0}") } else { format!("{rate:.1}") }
            }),
        ),
        or_absent(gross(level).map(|gross| efficiency_text(gross, is_estimate))),
        notes.of_peak(run, series, claims),
    ]
}

/// Table of §4.1.
fn levels(series: &Series, claims: &Claims, notes: &mut Notes, width: Width) -> String {
    let single = rate(series.levels.first());
    let rows: Vec<Vec<String>> = series
        .levels
        .iter()
        .enumerate()
        .map(|(index, level)| {
            let tok_s = rate(Some(level));
            let times = tok_s.zip(single).map(|(rate, single)| format!("{:.1}x", rate / single));
            vec![
                format!("{}x", level.parallel),
                or_absent(tok_s.map(|rate| format!("{rate:.1}"))),
                or_absent(times),
                notes.of_level(series, index, claims),
            ]
        })
        .collect();
    let columns = ["Parallelism", "tok/s", "over 1x"].map(Column::figure);
    let columns = columns.into_iter().chain([Column::text("").wraps()]);
    let table = Table::new(columns, rows).text(width);
    format!("§4.1 {} at each level\n{table}", series.model)
}

/// Verdict of §4.3, and ours.
fn verdicts(series: &Series, claims: &Claims, notes: &mut Notes, width: Width) -> String {
    let mut lines = vec!["§4.3 Claims of the paper".to_owned()];
    for claim in claims.characteristics {
        let mark = notes.of_claim(series, claim, claims);
        lines.push(format!("  {claim}{}{mark}", if mark.is_empty() { "" } else { " " }));
    }
    lines.push(String::new());
    lines.push(format!("Verdict on its figures of {}", series.model));
    if let Some(spot) = &series.verdict.sweet_spot {
        lines.push(format!("  sweet spot {}x: {}", spot.parallel, spot.reason));
    }
    let cliff = series.verdict.cliff.map_or_else(
        || "  no confirmed cliff: there are no intervals".to_owned(),
        |cliff| format!("  cliff at {}x", cliff.parallel),
    );
    lines.push(cliff);
    lines.extend(
        fit_lines(series).into_iter().map(|line| format!("  {}", without_name(series, &line))),
    );
    wrap_lines(&lines.join("\n"), width)
}

fn without_name<'a>(series: &Series, line: &'a str) -> &'a str {
    line.strip_prefix(&format!("{}: ", series.model)).unwrap_or(line)
}

/// Table of §4.4.
fn efficiency(run: &BenchRun, claims: &Claims, notes: &mut Notes, width: Width) -> String {
    let best = run.series.iter().filter_map(highest).max_by(|one, other| {
        rate(Some(one)).partial_cmp(&rate(Some(other))).unwrap_or(std::cmp::Ordering::Equal)
    });
    let gross = gross(best);
    let row = vec![
        claims.platform.to_owned(),
        or_absent(rate(best).map(|rate| format!("{rate:.1}"))),
        format!("{}{:.0} W", claims.about_power, claims.watts),
        or_absent(gross.map(|gross| efficiency_text(gross, !claims.about_power.is_empty()))),
        notes.of_efficiency(run, claims),
    ];
    let columns = named(&["Platform", "Peak tok/s", "Power", "Efficiency"]);
    format!("§4.4 Efficiency\n{}", Table::new(columns, [row]).text(width))
}

/// Efficiency with as many digits as the paper prints.
fn efficiency_text(gross: f64, is_estimate: bool) -> String {
    if is_estimate { format!("~{gross:.1} tok/W") } else { format!("{gross:.2} tok/W") }
}

/// Level with the highest throughput.
fn highest(series: &Series) -> Option<&LevelResult> {
    let measured = series.levels.iter().filter(|level| level.tok_s.is_some());
    measured.max_by(|one, other| {
        rate(Some(one)).partial_cmp(&rate(Some(other))).unwrap_or(std::cmp::Ordering::Equal)
    })
}

fn rate(level: Option<&LevelResult>) -> Option<f64> {
    Some(level?.tok_s?.mean)
}

fn gross(level: Option<&LevelResult>) -> Option<f64> {
    Some(level?.tok_per_w?.gross)
}

/// A column of names, columns of figures, and a column of marks without a header.
fn named(headers: &[&str]) -> Vec<Column> {
    let (names, figures) = headers.split_at(1);
    let names = names.iter().map(|header| Column::text(*header));
    let figures = figures.iter().map(|header| Column::figure(*header));
    names.chain(figures).chain([Column::text("").wraps()]).collect()
}

#[cfg(test)]
mod tests;
