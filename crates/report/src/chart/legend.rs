//! Heading and legend of a chart, above its plot area.
//!
//! Invariants: the legend names each curve beside a piece of its line with its dashes and points, and
//! each kind of marker beside its shape, so that colour is not needed to tell them apart.

use maud::{Markup, html};

use super::frame::px;
use super::labels::{Anchor, LabelLayout};
use super::shape::{dashes, marker, point};
use super::style::COLOURS;
use super::text::{cut, width, wrap};
use super::{Chart, MarkerShape};

/// Distance of texts from the edges, in pixels.
pub const MARGIN: f64 = 8.0;

/// Most lines of a title, and of the text below it.
const MOST_LINES: usize = 3;

/// Size of a title's type, in relation to the chart's.
const TITLE: f64 = 1.25;

/// Length of the piece of a line in the legend.
const SAMPLE: f64 = 34.0;

/// Distances of a name from its sample, and of an entry from the one before, in pixels.
const GAP: f64 = 7.0;
const BETWEEN: f64 = 20.0;

/// What an entry of the legend stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    Curve(usize),
    Marker(MarkerShape),
}

/// Places title and subtitle from `top` on; returns their lower end.
pub fn heading(chart: &Chart, top: f64, labels: &mut LabelLayout) -> f64 {
    let (size, limit) = (chart.format.type_px, chart.format.width - 2.0 * MARGIN);
    let mut y = top;
    for line in wrap(&chart.title, size * TITLE, limit, MOST_LINES) {
        y += labels.line_height() * TITLE;
        labels.put_sized("title", (MARGIN, y), Anchor::Start, &line, Some(size * TITLE));
    }
    for line in wrap(&chart.subtitle, size, limit, MOST_LINES) {
        y += labels.line_height() + 2.0;
        labels.put("note", (MARGIN, y), Anchor::Start, &line);
    }
    if y > top { y + 0.5 * labels.line_height() } else { y }
}

/// Draws the legend's samples and places its names, from `top` on, if there is more than one curve;
/// returns its lower end, too.
pub fn legend(chart: &Chart, top: f64, labels: &mut LabelLayout) -> (Markup, f64) {
    let entries = entries(chart);
    let limit = chart.format.width - 2.0 * MARGIN;
    let size = chart.format.type_px;
    let row = labels.line_height() + 4.0;
    let (mut x, mut y) = (MARGIN, top + row);
    let mut samples = Vec::new();
    for (sample, name) in &entries {
        let length = match sample {
            Sample::Curve(_) => SAMPLE,
            Sample::Marker(_) => 16.0,
        };
        let name = cut(name, size, limit - length - GAP);
        let end = x + length + GAP + width(&name, size);
        if x > MARGIN && end > limit + MARGIN {
            (x, y) = (MARGIN, y + row);
        }
        labels.put("name", (x + length + GAP, y), Anchor::Start, &name);
        samples.push((*sample, x, y - 0.35 * size));
        x += length + GAP + width(&name, size) + BETWEEN;
    }
    let end = if entries.is_empty() { top } else { y + 0.5 * row };
    let drawn = html! {
        @for (sample, x, y) in samples {
            @match sample {
                Sample::Curve(index) => {
                    g class=(format!("s{}", index % COLOURS)) {
                        path class="curve" stroke-dasharray=[dashes(index)]
                            d=(format!("M{} {}h{SAMPLE}", px(x), px(y))) {}
                        path class="dot" d=(point(index, x + SAMPLE / 2.0, y)) {}
                    }
                }
                Sample::Marker(shape) => {
                    path class="key" d=(marker(shape, x + 8.0, y, 0.8)) {}
                }
            }
        }
    };
    (drawn, end)
}

/// All curves and the kinds of markers on them; empty where a single curve needs no name.
fn entries(chart: &Chart) -> Vec<(Sample, String)> {
    if chart.curves.len() < 2 {
        return Vec::new();
    }
    let curves = chart.curves.iter().enumerate();
    let mut entries: Vec<(Sample, String)> =
        curves.map(|(index, curve)| (Sample::Curve(index), curve.name.clone())).collect();
    for shape in [MarkerShape::SweetSpot, MarkerShape::Peak, MarkerShape::Cliff] {
        let mut markers = chart.curves.iter().flat_map(|curve| &curve.markers);
        if markers.any(|marker| marker.shape == shape) {
            entries.push((Sample::Marker(shape), shape.word().to_owned()));
        }
    }
    entries
}
