//! Chart of throughput over parallelism: the paper's `scaling_curves.png`, with intervals, roof and
//! verdict.

use std::fmt::Write as _;

use harmonic_types::{BenchRun, LevelResult, Series};

use crate::chart::{Chart, Curve, MarkerShape, Point, Reference, ReferenceKind, Theme, render};
use crate::figure::{printable, time, with_uncertainty};

/// Points per unit of parallelism of a fitted curve.
const STEPS_PER_LEVEL: u32 = 4;

/// SVG of one or several runs for a screen.
pub fn svg(runs: &[&BenchRun]) -> String {
    render(&chart(runs), Theme::Screen).into_string()
}

/// SVG of one or several runs for an image.
pub fn svg_for_print(runs: &[&BenchRun]) -> String {
    render(&chart(runs), Theme::Print).into_string()
}

/// Chart of one or several runs.
pub fn chart(runs: &[&BenchRun]) -> Chart {
    let series: Vec<(&BenchRun, &Series)> =
        runs.iter().flat_map(|run| run.series.iter().map(move |series| (*run, series))).collect();
    let several = runs.len() > 1;
    let shown = series.iter().filter(|(_, series)| levels(series).next().is_some());
    let curves: Vec<Curve> =
        shown.clone().map(|(run, series)| curve(run, series, several)).collect();
    // References are shown for a single curve only, to avoid clutter.
    let references = match shown.collect::<Vec<_>>().as_slice() {
        [(_, only)] => references(only),
        _ => Vec::new(),
    };
    let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
    Chart {
        description: format!("Output tokens per second over parallelism: {}", names.join(", ")),
        x_name: "sequences in flight".to_owned(),
        y_name: "output tok/s, all streams".to_owned(),
        curves,
        references,
        point_class: "point",
        size: (860.0, 460.0),
    }
}

/// Levels with a throughput, except those of an open loop.
fn levels(series: &Series) -> impl Iterator<Item = (&LevelResult, f64)> {
    let measured = series.levels.iter().filter(|level| level.rate.is_none());
    measured.filter_map(|level| Some((level, level.tok_s?.mean)))
}

fn curve(run: &BenchRun, series: &Series, several: bool) -> Curve {
    let name =
        if several { format!("{} {}", host(run), series.model) } else { series.model.clone() };
    let name = printable(&name);
    let points: Vec<Point> = levels(series).map(|(level, rate)| point(level, rate)).collect();
    let trials = levels(series).flat_map(|(level, _)| {
        level.windows.iter().map(move |window| (f64::from(level.parallel), window.tok_s.0))
    });
    let mut markers: Vec<(usize, MarkerShape, String)> = Vec::new();
    let mut add_marker = |parallel: u32, sign: MarkerShape, word: &str| {
        let index = points.iter().position(|point| (point.x - f64::from(parallel)).abs() < 0.5);
        if let Some(index) = index
            && markers.iter().all(|(taken, ..)| *taken != index)
        {
            markers.push((index, sign, format!("{word} {parallel}x")));
        }
    };
    if let Some(spot) = &series.verdict.sweet_spot {
        add_marker(spot.parallel, MarkerShape::SweetSpot, "sweet spot");
    }
    if let Some(peak) = series.verdict.peak {
        add_marker(peak.parallel, MarkerShape::Peak, "peak");
    }
    if let Some(cliff) = series.verdict.cliff {
        add_marker(cliff.parallel, MarkerShape::Cliff, "cliff");
    }
    Curve { name, trials: trials.collect(), markers, points }
}

/// Name of the machine, without its description.
fn host(run: &BenchRun) -> &str {
    run.host.split(',').next().unwrap_or(&run.host)
}

fn point(level: &LevelResult, rate: f64) -> Point {
    let interval = level.tok_s.and_then(|rate| rate.ci95_low.zip(rate.ci95_high));
    let mut title = format!("{}x: ", level.parallel);
    if let Some(rate) = level.tok_s {
        title.push_str(&with_uncertainty(rate));
        title.push_str(" tok/s");
    }
    if let Some(ttft) = level.ttft_ms {
        let _ = write!(title, ", TTFT p50 {}", time(ttft.p50));
    }
    if let Some(tpot) = level.tpot_ms {
        let _ = write!(title, ", TPOT p50 {}", time(tpot.p50));
    }
    Point { x: level.parallel.into(), y: rate, interval, title }
}

fn references(series: &Series) -> Vec<Reference> {
    let mut references = Vec::new();
    let highest = levels(series).map(|(level, _)| level.parallel).max().unwrap_or(1);
    let roof: Vec<(f64, f64)> = series
        .levels
        .iter()
        .filter_map(|level| Some((f64::from(level.parallel), level.roof_tok_s?.0)))
        .collect();
    references.push(Reference { name: "roof".to_owned(), points: roof, kind: ReferenceKind::Roof });
    if let Some((_, single)) = levels(series).find(|(level, _)| level.parallel == 1) {
        let points = vec![(0.0, 0.0), (highest.into(), single * f64::from(highest))];
        let name = "linear from 1x".to_owned();
        references.push(Reference { name, points, kind: ReferenceKind::Ideal });
    }
    if let Some(line) = series.verdict.line {
        let at = |step: u32| {
            let n = f64::from(step) / f64::from(STEPS_PER_LEVEL);
            (n, n * 1e3 / (line.fixed_ms + line.per_sequence_ms * n))
        };
        let points = (STEPS_PER_LEVEL..=highest * STEPS_PER_LEVEL).map(at).collect();
        references.push(Reference { name: "fit".to_owned(), points, kind: ReferenceKind::Fit });
    }
    references
}
