//! Table of levels.

use harmonic_types::{LevelResult, Percentiles, Series};
use maud::{Markup, html};

use crate::mark::Mark;
use crate::number_format::{ABSENT, digits, or_absent, printable, scope, time, with_uncertainty};
use crate::real_time;
use crate::terminal::is_of_runs;

/// All figures of a series; empty columns are omitted.
pub fn levels(series: &Series) -> Markup {
    let about = format!("Levels of {}, all figures", printable(&series.model));
    let is_open = series.levels.iter().any(|level| level.rate.is_some());
    let columns: Vec<Column> = columns(series)
        .into_iter()
        .filter(|column| series.levels.iter().any(|level| (column.cell)(level) != ABSENT))
        .collect();
    let mark = |level: &LevelResult| Mark::of(level.parallel, &series.verdict);
    let is_marked = |level: &LevelResult| mark(level) != Mark::Level && !is_open;
    let has_marks = series.levels.iter().any(is_marked);
    html! {
        // Focusable, so that the arrow keys scroll it (WCAG 2.2, success criterion 2.1.1).
        div class="scroll" tabindex="0" role="region" aria-label=(about) {
            table {
                thead {
                    tr {
                        th scope="col" { (if is_open { "arrivals" } else if is_of_runs(series) { "runs" } else { "in flight" }) }
                        @if has_marks { th scope="col" class="mark" { "verdict" } }
                        @for column in &columns {
                            th scope="col" { (column.name) @if let Some(unit) = &column.unit { " " small { (unit) } } }
                        }
                    }
                }
                tbody {
                    @for level in &series.levels {
                        tr class=[is_marked(level).then_some("marked")] {
                            th scope="row" { (first(level)) }
                            @if has_marks {
                                td class="mark" {
                                    @if is_marked(level) { (mark(level).glyph()) " " (mark(level).word()) }
                                }
                            }
                            @for column in &columns { td { ((column.cell)(level)) } }
                        }
                    }
                }
            }
        }
    }
}

fn first(level: &LevelResult) -> String {
    level.rate.map_or_else(|| format!("{}x", level.parallel), |rate| format!("{rate}/s"))
}

/// Accessor of a latency distribution of a level.
type Times = fn(&LevelResult) -> Option<Percentiles>;

struct Column {
    name: &'static str,
    unit: Option<String>,
    cell: Box<dyn Fn(&LevelResult) -> String>,
}

fn column(
    name: &'static str,
    unit: &str,
    cell: impl Fn(&LevelResult) -> String + 'static,
) -> Column {
    Column { name, unit: (!unit.is_empty()).then(|| unit.to_owned()), cell: Box::new(cell) }
}

/// Columns of runs alone.
fn of_runs() -> [Column; 4] {
    let joules = |level: &LevelResult| level.runs?.joules;
    [
        column("runs", "per hour ± 95%", |level| {
            or_absent(level.runs.and_then(|runs| runs.per_hour).map(with_uncertainty))
        }),
        column("real-time", "", |level| {
            or_absent(level.runs.and_then(|runs| runs.real_time).map(real_time::word))
        }),
        column("energy", "J per run", move |level| {
            or_absent(joules(level).map(|joules| digits(joules.gross.0)))
        }),
        column("energy", "J per run net of idle", move |level| {
            or_absent(joules(level).and_then(|joules| joules.net).map(|net| digits(net.0)))
        }),
    ]
}

fn columns(series: &Series) -> Vec<Column> {
    let single = series.levels.iter().find(|level| level.parallel == 1 && level.rate.is_none());
    let single = single.and_then(|level| level.tok_s).map(|rate| rate.mean);
    let covered = series.levels.iter().find_map(|level| level.power);
    let covered = covered.map_or("", |power| scope(power.scope));
    let mut columns = vec![
        column("throughput", "tok/s ± 95%", |level| or_absent(level.tok_s.map(with_uncertainty))),
        column("per stream", "tok/s", |level| {
            or_absent(level.per_stream_tok_s.map(|rate| digits(rate.0)))
        }),
        column("speed-up", "over 1x", move |level| {
            let times = level.tok_s.zip(single).map(|(rate, single)| rate.mean / single);
            or_absent(times.map(digits))
        }),
        column("roof", "tok/s", |level| or_absent(level.roof_tok_s.map(|roof| digits(roof.0)))),
    ];
    if is_of_runs(series) {
        columns.extend(of_runs());
    }
    let [first, whole] =
        if is_of_runs(series) { ["first text", "makespan"] } else { ["TTFT", "E2E"] };
    let times: [(&'static str, Times); 4] = [
        (first, |level| level.ttft_ms),
        ("ITL", |level| level.itl_ms),
        ("TPOT", |level| level.tpot_ms),
        (whole, |level| level.e2e_ms),
    ];
    let high: (&str, fn(Percentiles) -> f64) =
        if is_of_runs(series) { ("p90", |t| t.p90) } else { ("p99", |t| t.p99) };
    for (name, of) in times {
        columns.push(column(name, "p50", move |level| or_absent(of(level).map(|t| time(t.p50)))));
        let (unit, high) = high;
        let at_high = move |level: &LevelResult| or_absent(of(level).map(|t| time(high(t))));
        columns.push(column(name, unit, at_high));
    }
    columns.extend([
        column("goodput", "requests/s", |level| or_absent(level.goodput.map(digits))),
        column("power", &format!("W, {covered}"), |level| {
            or_absent(level.power.map(|power| digits(power.watts.0)))
        }),
        column("idle", "W", |level| {
            or_absent(level.power.and_then(|power| power.idle_watts).map(|watts| digits(watts.0)))
        }),
        column("efficiency", "tok/W gross", |level| {
            or_absent(level.tok_per_w.map(|efficiency| digits(efficiency.gross)))
        }),
        column("efficiency", "tok/W net of idle", |level| {
            or_absent(level.tok_per_w.and_then(|efficiency| efficiency.net).map(digits))
        }),
        column("temperature", "°C", |level| {
            or_absent(level.sensors.and_then(|sensors| sensors.temperature_c).map(digits))
        }),
        column("clock", "MHz", |level| {
            or_absent(level.sensors.and_then(|sensors| sensors.clock_mhz).map(digits))
        }),
        column("windows", "", |level| level.trials.to_string()),
        column("requests", "", |level| level.requests.to_string()),
        column("failed", "", |level| level.failures.to_string()),
    ]);
    columns
}
