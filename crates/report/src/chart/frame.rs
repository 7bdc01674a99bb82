//! Frame of a chart: plot area, axes and grid.

use maud::{Markup, html};

use super::labels::{Anchor, LabelLayout};
use super::legend::MARGIN;
use super::scale::{Scale, label, spaced, ticks};
use super::text::{cut, width};
use super::{Chart, ReferenceKind};

/// Distance of the labels of an axis from it, in pixels.
const LABEL_GAP: f64 = 8.0;

/// Least distance of two labels of the x axis, in pixels.
const BETWEEN_LABELS: f64 = 8.0;

/// Space above the plot area for markers that reach beyond it, in pixels.
const HEADROOM: f64 = 12.0;

/// Factor of the highest figure up to which a roof extends the frame; a higher one would flatten the
/// curves.
const MAX_ROOF_FACTOR: f64 = 1.6;

/// Largest figure that can be drawn.
const LARGEST: f64 = 1e300;

/// Scales of a chart, and what stands at its axes.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Height of the whole drawing.
    pub height: f64,
    pub x: Scale,
    pub y: Scale,
    /// Ticks of the y axis.
    y_ticks: Vec<f64>,
    /// Distinct x values of the points, ascending.
    xs: Vec<f64>,
}

impl Frame {
    /// Frame below `top` that contains all curves and their intervals, and a nearby roof; other
    /// references do not extend it.
    pub fn below(top: f64, chart: &Chart, labels: &LabelLayout) -> Self {
        let points = || chart.curves.iter().flat_map(|curve| &curve.points);
        let mut xs: Vec<f64> = points().map(|point| point.x).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        let highs = points().map(|point| point.interval.map_or(point.y, |(_, high)| high));
        let trials = chart.curves.iter().flat_map(|curve| &curve.trials).map(|trial| trial.1);
        let highest = highs.chain(trials).fold(0.0, f64::max).min(LARGEST);
        let y_ticks = ticks(highest.max(roof(chart, highest)), chart.format.y_ticks);
        let max = y_ticks.last().copied().unwrap_or(1.0);
        let widest = xs.last().copied().filter(|last| *last > 0.0).unwrap_or(1.0);

        let (size, line) = (chart.format.type_px, labels.line_height());
        let of_tick = |tick: &f64| width(&label(*tick), size);
        let left = MARGIN + y_ticks.iter().map(of_tick).fold(0.0, f64::max) + LABEL_GAP;
        let right = MARGIN + (of_tick(&widest) / 2.0).max(HEADROOM);
        let plot = top + line + HEADROOM + 2.0;
        let bottom = plot + chart.format.plot_height;
        Self {
            height: (bottom + 2.0 * (line + LABEL_GAP)).ceil(),
            x: Scale { max: widest, from: left, to: (chart.format.width - right).max(left + 1.0) },
            y: Scale { max, from: bottom, to: plot },
            y_ticks,
            xs,
        }
    }

    /// Places the titles of the axes and the labels of their ticks; the highest x is always labelled.
    pub fn label_axes(&self, chart: &Chart, labels: &mut LabelLayout) {
        let (size, line) = (chart.format.type_px, labels.line_height());
        let limit = chart.format.width - 2.0 * MARGIN;
        let (x, y) = (self.x, self.y);
        let name = cut(&chart.y_name, size, limit);
        labels.put("name", (MARGIN, y.to - HEADROOM - 0.3 * size - 1.0), Anchor::Start, &name);
        let name = cut(&chart.x_name, size, limit);
        labels.put(
            "name",
            (chart.format.width / 2.0, self.height - 0.6 * size),
            Anchor::Middle,
            &name,
        );
        for tick in &self.y_ticks {
            let at = (x.from - LABEL_GAP, y.at(*tick) + 0.35 * size);
            labels.put("tick", at, Anchor::End, &label(*tick));
        }
        let spans: Vec<(f64, f64)> = self
            .xs
            .iter()
            .map(|value| {
                let half = f64::midpoint(width(&label(*value), size), BETWEEN_LABELS);
                (x.at(*value) - half, x.at(*value) + half)
            })
            .collect();
        for (value, _) in self.xs.iter().zip(spaced(&spans)).filter(|(_, shown)| *shown) {
            labels.put("tick", (x.at(*value), y.from + line + 6.0), Anchor::Middle, &label(*value));
        }
    }

    /// Grid and axes.
    pub fn draw(&self) -> Markup {
        let Self { x, y, .. } = self;
        html! {
            g class="grid" {
                @for tick in &self.y_ticks {
                    line x1=(px(x.from)) x2=(px(x.to)) y1=(px(y.at(*tick))) y2=(px(y.at(*tick))) {}
                }
            }
            g class="axis" {
                line x1=(px(x.from)) x2=(px(x.to)) y1=(px(y.from)) y2=(px(y.from)) {}
                @for at in self.xs.iter().map(|value| x.at(*value)) {
                    line x1=(px(at)) x2=(px(at)) y1=(px(y.from)) y2=(px(y.from + 4.0)) {}
                }
            }
        }
    }
}

/// Height required by the roofs within [`MAX_ROOF_FACTOR`]; else 0.
fn roof(chart: &Chart, highest: f64) -> f64 {
    let roofs = chart.references.iter().filter(|line| line.kind == ReferenceKind::Roof);
    let heights = roofs.flat_map(|line| &line.points).map(|point| point.1);
    heights.filter(|height| *height <= highest * MAX_ROOF_FACTOR).fold(0.0, f64::max)
}

/// Formats a position in pixels, with one decimal.
pub fn px(position: f64) -> String {
    format!("{position:.1}")
}
