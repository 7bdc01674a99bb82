//! Line chart as SVG.
//!
//! Owns: [`Chart`] and its drawing: axes, grid, references, curves with error bars, trials and
//! markers, and labels.
//!
//! Invariants: well-formed XML for any figures and names; shapes and words carry all meaning, colour
//! only repeats it; y starts at zero, so that heights are comparable; the same chart gives the same
//! bytes.
//!
//! Does not do: choose the content (`scaling`, `html`).

mod curve;
mod frame;
mod labels;
mod scale;
mod style;

use maud::{Markup, html};

use self::frame::Frame;
use self::labels::LabelLayout;
pub use self::style::Theme;

/// Content of a chart.
#[derive(Clone, Debug, Default)]
pub struct Chart {
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
    /// Width and height in pixels.
    pub size: (f64, f64),
}

/// A curve.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Name, shown at the end of the curve.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<Point>,
    /// Single trials, as (x, y).
    pub trials: Vec<(f64, f64)>,
    /// Highlighted points: index, shape and label.
    pub markers: Vec<(usize, MarkerShape, String)>,
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
    let frame = Frame::of(chart);
    let mut labels = LabelLayout::new(frame.width, frame.height);
    // Title of the y axis.
    labels.block(0.0, 0.0, 24.0);
    labels.place_beside_point(4.0, 12.0, "start", &chart.y_name);
    curve::block_lines(chart, &frame, &mut labels);
    let axes = frame::axes(chart, &frame);
    let references = curve::references(chart, &frame, &mut labels);
    let curves = curve::curves(chart, &frame, &mut labels);
    let (width, height) = chart.size;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            width=(width) height=(height) role="img" aria-label=(chart.description) class="chart" {
            style { (maud::PreEscaped(style::sheet(theme))) }
            @if theme == Theme::Print {
                rect width="100%" height="100%" class="background" {}
            }
            (axes)
            (references)
            (curves)
        }
    }
}

#[cfg(test)]
mod tests;
