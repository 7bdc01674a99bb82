//! Chart of throughput over parallelism: the paper's `scaling_curves.png`, with intervals, roof and
//! verdict.

use std::fmt::Write as _;

use harmonic_types::{BenchRun, LevelResult, Series};

use crate::chart::{
    Chart, Curve, Format, Marker, MarkerShape, Point, Reference, ReferenceKind, Theme, render,
};
use crate::compare::{Subject, short_names};
use crate::number_format::{printable, time, with_uncertainty};
use crate::terminal::is_of_runs;
use crate::title;

/// Segments of a fitted curve.
const FIT_SEGMENTS: u32 = 120;

/// SVG of a run as a file, with its title.
pub fn svg(run: &BenchRun, theme: Theme) -> String {
    let chart = chart(run, Format::WIDE);
    let (title, subtitle) = (title::title(run), title::subtitle(run));
    render(&Chart { title, subtitle, ..chart }, theme).into_string()
}

/// SVG of several runs as a file, with a legend that tells them apart.
pub fn comparison(subjects: &[Subject], theme: Theme) -> String {
    let names: Vec<String> = subjects.iter().map(|subject| subject.name.clone()).collect();
    let names = short_names(&names);
    let curves = names.iter().zip(subjects).flat_map(|(name, subject)| {
        let shown = subject.run.series.iter().filter(|series| levels(series).next().is_some());
        shown.map(move |series| curve(printable(&description(name, &subject.run, series)), series))
    });
    let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
    let title = format!("Throughput over parallelism: {}", listed(&names));
    let chart = of_curves(curves.collect(), Format::WIDE);
    render(&Chart { description: title.clone(), title, ..chart }, theme).into_string()
}

/// `a, b and c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Name of a curve among those of other runs: `monday: qwen3:4b F16 on AMD EPYC 9B14, 2026-11-27`.
fn description(name: &str, run: &BenchRun, series: &Series) -> String {
    let mut text = format!("{name}: {}", title::model(series));
    let machine = title::machine(run);
    if machine != name {
        let _ = write!(text, " on {machine}");
    }
    if let Some(date) = title::date(run) {
        let _ = write!(text, ", {date}");
    }
    text
}

/// Chart of a run, without a title.
pub fn chart(run: &BenchRun, format: Format) -> Chart {
    let shown: Vec<&Series> =
        run.series.iter().filter(|series| levels(series).next().is_some()).collect();
    let curves = shown.iter().map(|series| curve(title::model(series), series));
    let names: Vec<String> = shown.iter().map(|series| title::model(series)).collect();
    // References are shown for a single curve only, to avoid clutter.
    let references = match shown.as_slice() {
        [only] => references(only),
        _ => Vec::new(),
    };
    let mut chart = of_curves(curves.collect(), format);
    if shown.iter().any(|series| is_of_runs(series)) {
        "runs at a time".clone_into(&mut chart.x_name);
    }
    let description = format!("Output tokens per second over parallelism: {}", names.join(", "));
    Chart { description, references, ..chart }
}

/// Chart of these curves. The markers of one have their words beside them; of several, which have a
/// legend, their levels.
fn of_curves(mut curves: Vec<Curve>, format: Format) -> Chart {
    if let [curve] = curves.as_mut_slice() {
        for marker in &mut curve.markers {
            marker.label = format!("{} {}", marker.shape.word(), marker.label);
        }
    }
    Chart {
        x_name: "sequences in flight".to_owned(),
        y_name: "output tok/s, all streams".to_owned(),
        curves,
        point_class: "point",
        format,
        ..Chart::default()
    }
}

/// Levels with a throughput, except those of an open loop.
fn levels(series: &Series) -> impl Iterator<Item = (&LevelResult, f64)> {
    let measured = series.levels.iter().filter(|level| level.rate.is_none());
    measured.filter_map(|level| Some((level, level.tok_s?.mean)))
}

fn curve(name: String, series: &Series) -> Curve {
    let points: Vec<Point> = levels(series).map(|(level, rate)| point(level, rate)).collect();
    let trials = levels(series).flat_map(|(level, _)| {
        level.windows.iter().map(move |window| (f64::from(level.parallel), window.tok_s.0))
    });
    let verdict = &series.verdict;
    let marked = [
        (MarkerShape::SweetSpot, verdict.sweet_spot.as_ref().map(|spot| spot.parallel)),
        (MarkerShape::Peak, verdict.peak.map(|peak| peak.parallel)),
        (MarkerShape::Cliff, verdict.cliff.map(|cliff| cliff.parallel)),
    ];
    let mut markers: Vec<Marker> = Vec::new();
    for (shape, parallel) in marked {
        let Some(parallel) = parallel else { continue };
        let at = points.iter().position(|point| (point.x - f64::from(parallel)).abs() < 0.5);
        if let Some(point) = at
            && markers.iter().all(|marker| marker.point != point)
        {
            markers.push(Marker { point, shape, label: format!("{parallel}x") });
        }
    }
    Curve { name, trials: trials.collect(), markers, points }
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
            let n = 1.0 + (f64::from(highest) - 1.0) * f64::from(step) / f64::from(FIT_SEGMENTS);
            (n, n * 1e3 / (line.fixed_ms + line.per_sequence_ms * n))
        };
        let points = (0..=FIT_SEGMENTS).map(at).collect();
        references.push(Reference { name: "fit".to_owned(), points, kind: ReferenceKind::Fit });
    }
    references
}
