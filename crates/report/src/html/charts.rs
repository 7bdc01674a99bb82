//! Small charts: latencies, power and efficiency.

use harmonic_types::{LevelResult, Percentiles, Series};

use crate::chart::{Chart, Curve, Format, Point};
use crate::number_format::{digits, scope, time};
use crate::terminal::is_of_runs;
use crate::title;

/// Accessor of a latency distribution of a level.
type Times = fn(&LevelResult) -> Option<Percentiles>;

/// Latencies of requests, with captions.
const TIMES: [(&str, Times, &str); 2] = [
    (
        "TTFT",
        |level| level.ttft_ms,
        "Time to first token: 50%, 90% and 99% of responses start within these times.",
    ),
    ("ITL", |level| level.itl_ms, "Time between tokens of one stream, over all gaps."),
];

/// Latencies of runs of a team, with captions.
const RUN_TIMES: [(&str, Times, &str); 2] = [
    (
        "First text",
        |level| level.ttft_ms,
        "Time to the first text of any task: 50%, 90% and 99% of runs show it within these times.",
    ),
    (
        "Makespan",
        |level| level.e2e_ms,
        "Time to the answer: 50%, 90% and 99% of runs have it within these times.",
    ),
];

/// Small charts of a series with their captions.
pub fn of(series: &Series) -> Vec<(Chart, String)> {
    let levels: Vec<&LevelResult> = series.levels.iter().collect();
    let is_open = levels.iter().any(|level| level.rate.is_some());
    let is_of_runs = is_of_runs(series);
    let x_name = match (is_open, is_of_runs) {
        (true, _) => "arrivals per second",
        (false, true) => "runs at a time",
        (false, false) => "sequences in flight",
    };
    let mut charts = Vec::new();
    let kinds = if is_of_runs { RUN_TIMES } else { TIMES };
    for (name, of, caption) in kinds {
        let curves = quantiles(&levels, of);
        if curves.iter().any(|curve| curve.points.len() > 1) {
            charts.push((chart(name, x_name, &format!("{name}, ms"), curves), caption.to_owned()));
        }
    }
    if let Some(power) = levels.iter().find_map(|level| level.power) {
        let covered = scope(power.scope);
        let watts = curve("power", &levels, |level| Some(level.power?.watts.0), "W");
        let idle = curve("idle", &levels, |level| Some(level.power?.idle_watts?.0), "W");
        let caption = format!("Power of the {covered} under load, and idle with the model loaded.");
        charts.push((chart("Power", x_name, "W", vec![watts, idle]), caption));
        let gross = curve("gross", &levels, |level| Some(level.tok_per_w?.gross), "tok/W");
        let net = curve("net of idle", &levels, |level| level.tok_per_w?.net, "tok/W");
        let caption = format!("Output tokens per joule, by the power of the {covered}.");
        charts.push((chart("Efficiency", x_name, "tok/W", vec![gross, net]), caption));
    }
    for (chart, _) in &mut charts {
        chart.description = format!("{}: {}", title::model(series), chart.description);
    }
    charts
}

fn chart(name: &str, x_name: &str, y_name: &str, mut curves: Vec<Curve>) -> Chart {
    curves.retain(|curve| !curve.points.is_empty());
    Chart {
        description: format!("{name} over {x_name}"),
        x_name: x_name.to_owned(),
        y_name: y_name.to_owned(),
        curves,
        point_class: "dot",
        format: Format::HALF,
        ..Chart::default()
    }
}

fn quantiles(levels: &[&LevelResult], of: fn(&LevelResult) -> Option<Percentiles>) -> Vec<Curve> {
    let at = |name: &str, quantile: fn(Percentiles) -> f64| {
        let points = levels.iter().filter_map(|level| {
            let ms = quantile(of(level)?);
            let (x, title) = (x(level), format!("{name} at {}: {}", label(level), time(ms)));
            Some(Point { x, y: ms, interval: None, title })
        });
        Curve { name: name.to_owned(), points: points.collect(), ..Curve::default() }
    };
    vec![at("p50", |times| times.p50), at("p90", |times| times.p90), at("p99", |times| times.p99)]
}

fn curve(
    name: &str,
    levels: &[&LevelResult],
    of: impl Fn(&LevelResult) -> Option<f64>,
    unit: &str,
) -> Curve {
    let points = levels.iter().filter_map(|level| {
        let y = of(level)?;
        let title = format!("{name} at {}: {} {unit}", label(level), digits(y));
        Some(Point { x: x(level), y, interval: None, title })
    });
    Curve { name: name.to_owned(), points: points.collect(), ..Curve::default() }
}

fn x(level: &LevelResult) -> f64 {
    level.rate.unwrap_or_else(|| f64::from(level.parallel))
}

fn label(level: &LevelResult) -> String {
    level.rate.map_or_else(|| format!("{}x", level.parallel), |rate| format!("{rate}/s"))
}
