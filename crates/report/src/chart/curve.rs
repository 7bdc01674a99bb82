//! Curves with their points and markers, and reference lines.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::frame::{Frame, px};
use super::labels::{LabelLayout, Side};
use super::shape::{dashes, marker as marker_shape, point as point_shape};
use super::style::COLOURS;
use super::{Chart, Curve, Point, ReferenceKind};

/// Reference lines, clipped at the top of the chart.
pub fn references(chart: &Chart, frame: &Frame) -> Markup {
    html! {
        @for reference in &chart.references {
            @let points = clip(&reference.points, frame.y.max);
            @if points.len() > 1 {
                path class=(class(reference.kind)) d=(path(&points, frame)) {}
            }
        }
    }
}

/// Heights of the label of a reference line, as shares of the line's, in order of preference.
const REFERENCE_LABELS: [f64; 5] = [0.9, 0.8, 0.65, 0.5, 0.35];

/// Distance within which markers with the same label have one, in pixels.
const ONE_PLACE: f64 = 24.0;

/// Places the labels of the markers, then those of the reference lines, where there is space: near
/// the upper end of a line, where the chart is empty beside it.
pub fn label(chart: &Chart, frame: &Frame, labels: &mut LabelLayout) {
    let mut labelled: Vec<((f64, f64), &str)> = Vec::new();
    for curve in &chart.curves {
        for marker in &curve.markers {
            let Some(point) = curve.points.get(marker.point) else { continue };
            let at = (frame.x.at(point.x), frame.y.at(point.y));
            // Markers of several curves in one place need one label.
            let is_labelled = labelled.iter().any(|((x, y), text)| {
                *text == marker.label && (x - at.0).hypot(y - at.1) < ONE_PLACE
            });
            if !is_labelled {
                labels.put_near("mark", &[at], Side::Any, &marker.label);
                labelled.push((at, &marker.label));
            }
        }
    }
    for reference in &chart.references {
        let points = clip(&reference.points, frame.y.max);
        if points.len() < 2 {
            continue;
        }
        // A roof is above and left of everything else.
        let side = match reference.kind {
            ReferenceKind::Roof => Side::Left,
            ReferenceKind::Ideal => Side::Right,
            ReferenceKind::Fit => Side::Any,
        };
        let at: Vec<(f64, f64)> = REFERENCE_LABELS
            .iter()
            .filter_map(|share| at_height(&points, *share))
            .map(|(x, y)| (frame.x.at(x), frame.y.at(y)))
            .collect();
        labels.put_near("note", &at, side, &reference.name);
    }
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

/// Size of a marker around the point of its curve.
const MARKER_SCALE: f64 = 1.2;

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
            labels.block(x, y, 10.0);
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

/// All curves.
pub fn curves(chart: &Chart, frame: &Frame) -> Markup {
    html! {
        @for (index, curve) in chart.curves.iter().enumerate() {
            g class=(format!("s{}", index % COLOURS)) {
                @for (x, y) in &curve.trials {
                    circle class="trial" cx=(px(frame.x.at(*x))) cy=(px(frame.y.at(*y))) r="2" {}
                }
                (intervals(curve, frame))
                path class="curve" stroke-dasharray=[dashes(index)]
                    d=(path(&curve.points.iter().map(|p| (p.x, p.y)).collect::<Vec<_>>(), frame)) {}
                @for marker in &curve.markers {
                    @if let Some(point) = curve.points.get(marker.point) {
                        @let (x, y) = (frame.x.at(point.x), frame.y.at(point.y));
                        path class="marker" d=(marker_shape(marker.shape, x, y, MARKER_SCALE)) {}
                    }
                }
                @for point in &curve.points {
                    @let (x, y) = (frame.x.at(point.x), frame.y.at(point.y));
                    path class=(chart.point_class) d=(point_shape(index, x, y)) {
                        title { (point.title) }
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
