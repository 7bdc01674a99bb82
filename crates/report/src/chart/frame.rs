//! Frame of a chart: margins, axes and grid.

use maud::{Markup, html};

use super::scale::{Scale, label, ticks, visible_labels};
use super::{Chart, ReferenceKind};

/// Margins in pixels: left for the labels of the y axis, top, and bottom.
const LEFT: f64 = 62.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 52.0;

/// Minimum distance of two labels of the x axis, in pixels.
const MIN_LABEL_GAP: f64 = 26.0;

/// Dimensions and scales of a chart.
#[derive(Clone, Debug)]
pub struct Frame {
    pub width: f64,
    pub height: f64,
    pub x: Scale,
    pub y: Scale,
    /// Ticks of the y axis.
    pub y_ticks: Vec<f64>,
    /// Distinct x values of the points, ascending.
    pub xs: Vec<f64>,
}

impl Frame {
    /// Frame that contains all curves and their intervals, and a nearby roof; other references do not
    /// extend it.
    pub fn of(chart: &Chart) -> Self {
        let (width, height) = chart.size;
        let points = || chart.curves.iter().flat_map(|curve| &curve.points);
        let mut xs: Vec<f64> = points().map(|point| point.x).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        let highs = points().map(|point| point.interval.map_or(point.y, |(_, high)| high));
        let trials = chart.curves.iter().flat_map(|curve| &curve.trials).map(|trial| trial.1);
        let highest = highs.chain(trials).fold(0.0, f64::max);
        let y_ticks = ticks(highest.max(roof(chart, highest)), 5);
        let max = y_ticks.last().copied().unwrap_or(1.0);
        let longest = chart.curves.iter().map(|curve| curve.name.chars().count()).max();
        // Names at the ends of curves are bold.
        let right = 28.0 + 7.8 * longest.unwrap_or(0) as f64;
        let widest = xs.last().copied().filter(|last| *last > 0.0).unwrap_or(1.0);
        Self {
            width,
            height,
            x: Scale { max: widest, from: LEFT, to: width - right.min(width / 3.0) },
            y: Scale { max, from: height - BOTTOM, to: TOP },
            y_ticks,
            xs,
        }
    }
}

/// Factor of the highest figure up to which a roof extends the frame; a higher one would flatten the
/// curves.
const MAX_ROOF_FACTOR: f64 = 1.6;

/// Height required by the roofs within [`MAX_ROOF_FACTOR`]; else 0.
fn roof(chart: &Chart, highest: f64) -> f64 {
    let roofs = chart.references.iter().filter(|line| line.kind == ReferenceKind::Roof);
    let heights = roofs.flat_map(|line| &line.points).map(|point| point.1);
    heights.filter(|height| *height <= highest * MAX_ROOF_FACTOR).fold(0.0, f64::max)
}

/// Grid, ticks and titles of the axes.
pub fn axes(chart: &Chart, frame: &Frame) -> Markup {
    let Frame { x, y, .. } = frame;
    let positions: Vec<f64> = frame.xs.iter().map(|at| x.at(*at)).collect();
    let shown = visible_labels(&positions, MIN_LABEL_GAP);
    html! {
        g class="grid" {
            @for tick in &frame.y_ticks {
                line x1=(px(x.from)) x2=(px(x.to)) y1=(px(y.at(*tick))) y2=(px(y.at(*tick))) {}
            }
        }
        g class="axis" {
            line x1=(px(x.from)) x2=(px(x.to)) y1=(px(y.from)) y2=(px(y.from)) {}
            @for at in &positions {
                line x1=(px(*at)) x2=(px(*at)) y1=(px(y.from)) y2=(px(y.from + 4.0)) {}
            }
        }
        g class="ticks" text-anchor="end" {
            @for tick in &frame.y_ticks {
                text x=(px(x.from - 8.0)) y=(px(y.at(*tick) + 4.0)) { (label(*tick)) }
            }
        }
        g class="ticks" text-anchor="middle" {
            @for ((at, value), shown) in positions.iter().zip(&frame.xs).zip(&shown) {
                @if *shown {
                    text x=(px(*at)) y=(px(y.from + 18.0)) { (label(*value)) }
                }
            }
        }
        text class="name" x=(px(x.from - 50.0)) y="16" { (chart.y_name) }
        text class="name" text-anchor="middle" x=(px(f64::midpoint(x.from, x.to)))
            y=(px(frame.height - 12.0)) { (chart.x_name) }
    }
}

/// Formats a position in pixels, with one decimal.
pub fn px(position: f64) -> String {
    format!("{position:.1}")
}
