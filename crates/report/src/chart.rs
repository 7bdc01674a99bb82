//! Line chart as SVG.
//!
//! Owns: [`Chart`] and its drawing: heading, legend, axes, grid, references, curves with error bars,
//! trials and markers, and labels.
//!
//! Invariants: well-formed XML for any figures and names; shapes, dashes and words carry all
//! meaning, colour only repeats it; no text overlaps another one or leaves the drawing; y starts at
//! zero, so that heights are comparable; the same chart gives the same bytes.
//!
//! Does not do: choose the content (`scaling`, `html`).

mod curve;
mod format;
mod frame;
mod labels;
mod legend;
mod scale;
mod shape;
mod style;
mod text;

use maud::{Markup, html};

pub use self::format::Format;
use self::frame::Frame;
pub(crate) use self::frame::px;
pub(crate) use self::labels::{Anchor, Area, LabelLayout};
pub(crate) use self::scale::{Scale, label, spaced, ticks};
pub use self::style::Theme;
pub(crate) use self::style::sheet;
pub(crate) use self::text::{cut, width, wrap};

/// Content of a chart.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Title; empty where the chart stands below one.
    pub title: String,
    /// Further facts, below the title; may be empty.
    pub subtitle: String,
    /// Accessible description.
    pub description: String,
    /// Title of the x axis.
    pub x_name: String,
    /// Title of the y axis.
    pub y_name: String,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Reference lines.
    pub references: Vec<Reference>,
    /// CSS class of the points.
    pub point_class: &'static str,
    /// Size.
    pub format: Format,
}

/// A curve.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Name in the legend, which charts of several curves have.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<Point>,
    /// Single trials, as (x, y).
    pub trials: Vec<(f64, f64)>,
    /// Highlighted points.
    pub markers: Vec<Marker>,
}

/// A highlighted point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Index of the point in its curve.
    pub point: usize,
    /// Its shape.
    pub shape: MarkerShape,
    /// Its label.
    pub label: String,
}

/// A point of a curve.
#[derive(Clone, Debug, Default)]
pub struct Point {
    /// Figure on the x axis.
    pub x: f64,
    /// Figure on the y axis.
    pub y: f64,
    /// Bounds of the interval, if any.
    pub interval: Option<(f64, f64)>,
    /// Tooltip.
    pub title: String,
}

/// Shape of a highlighted point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerShape {
    /// Diamond.
    SweetSpot,
    /// Triangle pointing up.
    Peak,
    /// Triangle pointing down.
    Cliff,
}

impl MarkerShape {
    /// Its meaning, in the legend and in labels.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SweetSpot => "sweet spot",
            Self::Peak => "peak",
            Self::Cliff => "cliff",
        }
    }
}

/// Reference line, clipped at the top of the chart.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Label of the line.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
    /// Style of the line.
    pub kind: ReferenceKind,
}

/// Style of a reference line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// Upper limit: long dashes.
    Roof,
    /// Linear scaling: dots.
    Ideal,
    /// Fitted model of a curve: a thin line.
    Fit,
}

/// The chart as an `svg` element, valid in a page or as a file.
pub fn render(chart: &Chart, theme: Theme) -> Markup {
    let (labels, drawing, height) = layout(chart);
    let width = chart.format.width;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            width=(width) height=(height) role="img" aria-label=(chart.description) class="chart"
            font-size=(chart.format.type_px) {
            @if let Some(sheet) = theme.sheet() { style { (maud::PreEscaped(sheet)) } }
            @if theme != Theme::Page {
                rect width="100%" height="100%" class="background" {}
            }
            (drawing)
            (labels.draw())
        }
    }
}

/// All texts in their places, everything else as drawn, and the height of the drawing.
fn layout(chart: &Chart) -> (LabelLayout, Markup, f64) {
    let mut labels = LabelLayout::new(chart.format.width, chart.format.type_px);
    let top = legend::heading(chart, 0.0, &mut labels);
    let (legend, top) = legend::legend(chart, top, &mut labels);
    let frame = Frame::below(top, chart, &labels);
    labels.end_at(frame.height, frame.y.from);
    frame.label_axes(chart, &mut labels);
    curve::block_lines(chart, &frame, &mut labels);
    curve::label(chart, &frame, &mut labels);
    let drawing = html! {
        (legend)
        (frame.draw())
        (curve::references(chart, &frame))
        (curve::curves(chart, &frame))
    };
    (labels, drawing, frame.height)
}

#[cfg(test)]
mod tests;
