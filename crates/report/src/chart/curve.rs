//! Curves with their points and markers, and reference lines.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::frame::{Frame, px};
use super::labels::{LabelLayout, LabelPosition};
use super::style::COLOURS;
use super::{Chart, Curve, MarkerShape, Point, Reference, ReferenceKind};

/// Reference lines, clipped at the top of the chart, each with its label where there is space.
pub fn references(chart: &Chart, frame: &Frame, labels: &mut LabelLayout) -> Markup {
    html! {
        @for reference in &chart.references {
            @let points = clip(&reference.points, frame.y.max);
            @if points.len() > 1 {
                path class=(class(reference.kind)) d=(path(&points, frame)) {}
                @if let Some(position) = reference_label(reference, &points, frame, labels) {
                    text class="faint" x=(px(position.x)) y=(px(position.y)) text-anchor=(position.anchor) {
                        (reference.name)
                    }
                }
            }
        }
    }
}

/// Position of a reference's label near its upper end: left of a roof, where the chart is empty;
/// right of an ideal line; near the curve of a fit.
fn reference_label(
    reference: &Reference,
    points: &[(f64, f64)],
    frame: &Frame,
    labels: &mut LabelLayout,
) -> Option<LabelPosition> {
    let (fraction, side) = match reference.kind {
        ReferenceKind::Roof => (0.9, "end"),
        ReferenceKind::Ideal => (0.8, "start"),
        ReferenceKind::Fit => (0.75, "middle"),
    };
    if reference.kind == ReferenceKind::Fit {
        let (x, y) = points[points.len() * 3 / 4];
        return labels.place_near(frame.x.at(x), frame.y.at(y), &reference.name);
    }
    let (x, y) = at_height(points, fraction)?;
    let (x, y) = (frame.x.at(x), frame.y.at(y));
    labels
        .place_beside_point(x, y, side, &reference.name)
        .or_else(|| labels.place_near(x, y, &reference.name))
}

/// Point at which a line first reaches this fraction of its maximum.
fn at_height(points: &[(f64, f64)], fraction: f64) -> Option<(f64, f64)> {
    let wanted = points.iter().map(|point| point.1).fold(0.0, f64::max) * fraction;
    let after = points.iter().position(|point| point.1 >= wanted)?;
    let (x, y) = points[after];
    let Some(before) = after.checked_sub(1) else { return Some((x, y)) };
    let (from_x, from_y) = points[before];
    let fraction = if y > from_y { (wanted - from_y) / (y - from_y) } else { 1.0 };
    Some((from_x + (x - from_x) * fraction, wanted))
}

const fn class(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Roof => "roof",
        ReferenceKind::Ideal => "ideal",
        ReferenceKind::Fit => "fit",
    }
}

/// Part of a line up to the height `max`, including the point of intersection.
fn clip(points: &[(f64, f64)], max: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        if y <= max {
            kept.push((x, y));
            continue;
        }
        if let Some(&(from_x, from_y)) = index.checked_sub(1).and_then(|before| points.get(before))
            && from_y < max
        {
            let fraction = (max - from_y) / (y - from_y);
            kept.push((from_x + (x - from_x) * fraction, max));
        }
        break;
    }
    kept
}

/// Pixels between the blocked areas along a line.
const BLOCK_SPACING: f64 = 10.0;

/// Blocks the areas of all lines for labels.
pub fn block_lines(chart: &Chart, frame: &Frame, labels: &mut LabelLayout) {
    for curve in &chart.curves {
        let at = |point: &Point| (frame.x.at(point.x), frame.y.at(point.y));
        for pair in curve.points.windows(2) {
            block_segment(at(&pair[0]), at(&pair[1]), labels);
        }
        for point in &curve.points {
            let (x, y) = at(point);
            labels.block(x, y, 6.0);
            if let Some((low, high)) = point.interval {
                block_segment((x, frame.y.at(low)), (x, frame.y.at(high)), labels);
            }
        }
    }
    for reference in chart.references.iter().filter(|line| line.kind != ReferenceKind::Fit) {
        let points = clip(&reference.points, frame.y.max);
        for pair in points.windows(2) {
            let at = |(x, y): (f64, f64)| (frame.x.at(x), frame.y.at(y));
            block_segment(at(pair[0]), at(pair[1]), labels);
        }
    }
}

fn block_segment(from: (f64, f64), to: (f64, f64), labels: &mut LabelLayout) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let mut at = 0.0;
    while at <= length {
        let fraction = if length > 0.0 { at / length } else { 0.0 };
        labels.block(from.0 + (to.0 - from.0) * fraction, from.1 + (to.1 - from.1) * fraction, 2.0);
        at += BLOCK_SPACING;
    }
}

/// All curves, with the markers drawn last, on top.
pub fn curves(chart: &Chart, frame: &Frame, labels: &mut LabelLayout) -> Markup {
    let ends: Vec<Option<LabelPosition>> = chart
        .curves
        .iter()
        .map(|curve| {
            let end = curve.points.last()?;
            let (x, y) = (frame.x.at(end.x) + 12.0, frame.y.at(end.y) + 4.0);
            Some(labels.place_at_end(x, y, &curve.name))
        })
        .collect();
    html! {
        @for (index, curve) in chart.curves.iter().enumerate() {
            g class=(format!("s{}", index % COLOURS)) {
                @for (x, y) in &curve.trials {
                    circle class="trial" cx=(px(frame.x.at(*x))) cy=(px(frame.y.at(*y))) r="2" {}
                }
                (intervals(curve, frame))
                path class="curve" stroke-dasharray=[dashes(index)]
                    d=(path(&curve.points.iter().map(|p| (p.x, p.y)).collect::<Vec<_>>(), frame)) {}
                @for (at, point) in curve.points.iter().enumerate() {
                    @let marker = curve.markers.iter().find(|marker| marker.0 == at).map(|marker| marker.1);
                    path class=(chart.point_class) d=(shape(index, marker, point, frame)) {
                        title { (point.title) }
                    }
                }
                @if let Some(position) = ends[index] {
                    text class="end" x=(px(position.x)) y=(px(position.y)) { (curve.name) }
                }
            }
        }
        @for curve in &chart.curves {
            @for (at, _, words) in &curve.markers {
                @if let Some(point) = curve.points.get(*at) {
                    @let position = labels.place_near(frame.x.at(point.x), frame.y.at(point.y), words);
                    @if let Some(position) = position {
                        text class="mark" x=(px(position.x)) y=(px(position.y))
                            text-anchor=(position.anchor) { (words) }
                    }
                }
            }
        }
    }
}

fn intervals(curve: &Curve, frame: &Frame) -> Markup {
    html! {
        @for point in &curve.points {
            @if let Some((low, high)) = point.interval {
                @let (x, top, bottom) = (frame.x.at(point.x), frame.y.at(high), frame.y.at(low.max(0.0)));
                path class="interval" d=(format!(
                    "M{0:.1} {top:.1}V{bottom:.1}M{1:.1} {top:.1}H{2:.1}M{1:.1} {bottom:.1}H{2:.1}",
                    x, x - 4.0, x + 4.0
                )) {}
            }
        }
    }
}

fn path(points: &[(f64, f64)], frame: &Frame) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", frame.x.at(*x), frame.y.at(*y));
    }
    path
}

/// Dash pattern of each curve; the first is solid.
fn dashes(index: usize) -> Option<&'static str> {
    [None, Some("7 3"), Some("2 3"), Some("9 3 2 3"), Some("4 4")][index % 5]
}

/// Path of a point: its marker's shape, else the shape of its curve's points.
fn shape(curve: usize, marker: Option<MarkerShape>, point: &Point, frame: &Frame) -> String {
    let (x, y) = (frame.x.at(point.x), frame.y.at(point.y));
    match marker {
        Some(MarkerShape::SweetSpot) => {
            polygon(x, y, &[(0.0, -8.0), (8.0, 0.0), (0.0, 8.0), (-8.0, 0.0)])
        }
        Some(MarkerShape::Peak) => polygon(x, y, &[(0.0, -8.0), (8.0, 6.0), (-8.0, 6.0)]),
        Some(MarkerShape::Cliff) => polygon(x, y, &[(0.0, 8.0), (8.0, -6.0), (-8.0, -6.0)]),
        None => match curve % 3 {
            0 => format!("M{:.1} {y:.1}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z", x - 3.5),
            1 => polygon(x, y, &[(-3.3, -3.3), (3.3, -3.3), (3.3, 3.3), (-3.3, 3.3)]),
            _ => polygon(x, y, &[(0.0, -4.5), (4.5, 0.0), (0.0, 4.5), (-4.5, 0.0)]),
        },
    }
}

fn polygon(x: f64, y: f64, corners: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (dx, dy)) in corners.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", x + dx, y + dy);
    }
    path.push('Z');
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_leaves_the_chart() {
        assert_eq!(
            clip(&[(0.0, 0.0), (10.0, 100.0), (20.0, 200.0)], 150.0),
            [(0.0, 0.0), (10.0, 100.0), (15.0, 150.0)]
        );
        assert_eq!(clip(&[(1.0, 200.0), (2.0, 400.0)], 150.0), []);
    }
}
