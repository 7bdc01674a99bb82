//! Curves, their points and marks, and the lines to hold them against.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::frame::{Frame, px};
use super::labels::{Labels, Place};
use super::style::COLOURS;
use super::{Chart, Curve, Point, Reference, ReferenceKind, Sign};

/// References, cut off at the top of the chart, each with its name where there is room.
pub fn references(chart: &Chart, frame: &Frame, labels: &mut Labels) -> Markup {
    html! {
        @for reference in &chart.references {
            @let points = cut(&reference.points, frame.y.most);
            @if points.len() > 1 {
                path class=(class(reference.kind)) d=(path(&points, frame)) {}
                @if let Some(place) = named(reference, &points, frame, labels) {
                    text class="faint" x=(px(place.x)) y=(px(place.y)) text-anchor=(place.anchor) {
                        (reference.name)
                    }
                }
            }
        }
    }
}

/// Beside the line near its upper end: a roof's name to its left, where nothing lies; the others' to
/// the right.
fn named(
    reference: &Reference,
    points: &[(f64, f64)],
    frame: &Frame,
    labels: &mut Labels,
) -> Option<Place> {
    let (share, side) = match reference.kind {
        ReferenceKind::Roof => (0.9, "end"),
        ReferenceKind::Ideal => (0.8, "start"),
        ReferenceKind::Fit => (0.75, "middle"),
    };
    if reference.kind == ReferenceKind::Fit {
        let (x, y) = points[points.len() * 3 / 4];
        return labels.near(frame.x.at(x), frame.y.at(y), &reference.name);
    }
    let (x, y) = at_height(points, share)?;
    let (x, y) = (frame.x.at(x), frame.y.at(y));
    labels.at(x, y, side, &reference.name).or_else(|| labels.near(x, y, &reference.name))
}

/// The point in which a line first reaches this share of its greatest height.
fn at_height(points: &[(f64, f64)], share: f64) -> Option<(f64, f64)> {
    let wanted = points.iter().map(|point| point.1).fold(0.0, f64::max) * share;
    let after = points.iter().position(|point| point.1 >= wanted)?;
    let (x, y) = points[after];
    let Some(before) = after.checked_sub(1) else { return Some((x, y)) };
    let (from_x, from_y) = points[before];
    let part = if y > from_y { (wanted - from_y) / (y - from_y) } else { 1.0 };
    Some((from_x + (x - from_x) * part, wanted))
}

const fn class(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Roof => "roof",
        ReferenceKind::Ideal => "ideal",
        ReferenceKind::Fit => "fit",
    }
}

/// The part of a line up to the height `most`, with the point in which it crosses it.
fn cut(points: &[(f64, f64)], most: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        if y <= most {
            kept.push((x, y));
            continue;
        }
        if let Some(&(from_x, from_y)) = index.checked_sub(1).and_then(|before| points.get(before))
            && from_y < most
        {
            let share = (most - from_y) / (y - from_y);
            kept.push((from_x + (x - from_x) * share, most));
        }
        break;
    }
    kept
}

/// Pixels between the places along a line that words are kept off.
const ALONG: f64 = 10.0;

/// Keeps words off all lines.
pub fn block(chart: &Chart, frame: &Frame, labels: &mut Labels) {
    for curve in &chart.curves {
        let at = |point: &Point| (frame.x.at(point.x), frame.y.at(point.y));
        for pair in curve.points.windows(2) {
            along(at(&pair[0]), at(&pair[1]), labels);
        }
        for point in &curve.points {
            let (x, y) = at(point);
            labels.block(x, y, 6.0);
            if let Some((low, high)) = point.interval {
                along((x, frame.y.at(low)), (x, frame.y.at(high)), labels);
            }
        }
    }
    for reference in chart.references.iter().filter(|line| line.kind != ReferenceKind::Fit) {
        let points = cut(&reference.points, frame.y.most);
        for pair in points.windows(2) {
            let at = |(x, y): (f64, f64)| (frame.x.at(x), frame.y.at(y));
            along(at(pair[0]), at(pair[1]), labels);
        }
    }
}

fn along(from: (f64, f64), to: (f64, f64), labels: &mut Labels) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let mut at = 0.0;
    while at <= length {
        let share = if length > 0.0 { at / length } else { 0.0 };
        labels.block(from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share, 2.0);
        at += ALONG;
    }
}

/// All curves; the marks last, so that nothing covers them.
pub fn curves(chart: &Chart, frame: &Frame, labels: &mut Labels) -> Markup {
    let ends: Vec<Option<Place>> = chart
        .curves
        .iter()
        .map(|curve| {
            let end = curve.points.last()?;
            let (x, y) = (frame.x.at(end.x) + 12.0, frame.y.at(end.y) + 4.0);
            Some(labels.beside(x, y, &curve.name))
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
                    @let sign = curve.marks.iter().find(|mark| mark.0 == at).map(|mark| mark.1);
                    path class=(chart.point_class) d=(shape(index, sign, point, frame)) {
                        title { (point.title) }
                    }
                }
                @if let Some(place) = ends[index] {
                    text class="end" x=(px(place.x)) y=(px(place.y)) { (curve.name) }
                }
            }
        }
        @for curve in &chart.curves {
            @for (at, _, words) in &curve.marks {
                @if let Some(point) = curve.points.get(*at) {
                    @let place = labels.near(frame.x.at(point.x), frame.y.at(point.y), words);
                    @if let Some(place) = place {
                        text class="mark" x=(px(place.x)) y=(px(place.y))
                            text-anchor=(place.anchor) { (words) }
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

/// Each curve has dashes of its own, the first none.
fn dashes(index: usize) -> Option<&'static str> {
    [None, Some("7 3"), Some("2 3"), Some("9 3 2 3"), Some("4 4")][index % 5]
}

/// The sign of a point that stands out, else the shape of its curve's points.
fn shape(curve: usize, sign: Option<Sign>, point: &Point, frame: &Frame) -> String {
    let (x, y) = (frame.x.at(point.x), frame.y.at(point.y));
    match sign {
        Some(Sign::SweetSpot) => polygon(x, y, &[(0.0, -8.0), (8.0, 0.0), (0.0, 8.0), (-8.0, 0.0)]),
        Some(Sign::Peak) => polygon(x, y, &[(0.0, -8.0), (8.0, 6.0), (-8.0, 6.0)]),
        Some(Sign::Cliff) => polygon(x, y, &[(0.0, 8.0), (8.0, -6.0), (-8.0, -6.0)]),
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
            cut(&[(0.0, 0.0), (10.0, 100.0), (20.0, 200.0)], 150.0),
            [(0.0, 0.0), (10.0, 100.0), (15.0, 150.0)]
        );
        assert_eq!(cut(&[(1.0, 200.0), (2.0, 400.0)], 150.0), []);
    }
}
