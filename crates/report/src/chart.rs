//! A line chart as SVG.
//!
//! Owns: [`Chart`] and how it is drawn: axes, grid, references, curves with error bars, trials and
//! marks, and the labels.
//!
//! Invariants: well-formed XML whatever the figures and names; shape and word carry every meaning,
//! colour only repeats it; y begins at zero, so that heights compare; the same chart gives the same
//! bytes.
//!
//! Does not do: choose what is shown (`scaling`, `html`).

mod curve;
mod frame;
mod labels;
mod scale;
mod style;

use maud::{Markup, html};

use self::frame::Frame;
use self::labels::Labels;
pub use self::style::Theme;

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What it shows, for those who do not see it.
    pub description: String,
    /// Words at the x axis.
    pub x_name: String,
    /// Words at the y axis.
    pub y_name: String,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Lines to hold them against.
    pub references: Vec<Reference>,
    /// Class of the points, by which a reader of the document finds them.
    pub point_class: &'static str,
    /// Width and height in pixels.
    pub size: (f64, f64),
}

/// A curve.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Its name, which stands at its end.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
    /// Single trials behind the points.
    pub trials: Vec<(f64, f64)>,
    /// Points that stand out, by their index.
    pub marks: Vec<(usize, Sign, String)>,
}

/// A point of a curve.
#[derive(Clone, Debug, Default)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// How much.
    pub y: f64,
    /// The interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// What a pointer over it tells.
    pub title: String,
}

/// The shape of a point that stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A diamond.
    SweetSpot,
    /// A triangle that points up.
    Peak,
    /// One that points down.
    Cliff,
}

/// A line to hold the curves against. What lies above the chart is cut off.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub kind: ReferenceKind,
}

/// How a reference is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A limit: long dashes.
    Roof,
    /// What would be if nothing were lost: dots.
    Ideal,
    /// A model of a curve: a thin line.
    Fit,
}

/// The chart, as an `svg` element that can stand in a page or by itself.
pub fn render(chart: &Chart, theme: Theme) -> Markup {
    let frame = Frame::of(chart);
    let mut labels = Labels::within(frame.width, frame.height);
    // The y axis' name.
    labels.block(0.0, 0.0, 24.0);
    labels.at(4.0, 12.0, "start", &chart.y_name);
    curve::block(chart, &frame, &mut labels);
    let axes = frame::axes(chart, &frame);
    let references = curve::references(chart, &frame, &mut labels);
    let curves = curve::curves(chart, &frame, &mut labels);
    let (width, height) = chart.size;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            width=(width) height=(height) role="img" aria-label=(chart.description) class="chart" {
            style { (maud::PreEscaped(style::sheet(theme))) }
            @if theme == Theme::Print {
                rect width="100%" height="100%" class="ground" {}
            }
            (axes)
            (references)
            (curves)
        }
    }
}

#[cfg(test)]
mod tests;
