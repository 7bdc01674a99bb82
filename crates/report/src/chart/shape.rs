//! Shapes of points and markers, and dashes of curves.
//!
//! Invariants: neighbouring curves differ in dashes and in the shape of their points; no shape of a
//! point is that of a marker.

use std::f64::consts::FRAC_1_SQRT_2;
use std::fmt::Write as _;

use super::MarkerShape;

/// Dash pattern of each curve; the first is solid.
pub fn dashes(curve: usize) -> Option<&'static str> {
    [None, Some("7 3"), Some("2 3"), Some("9 3 2 3"), Some("4 4")][curve % 5]
}

/// Path of a point of this curve at (`x`, `y`): a disc, a square, a plus or a cross.
pub fn point(curve: usize, x: f64, y: f64) -> String {
    const PLUS: [(f64, f64); 12] = [
        (-1.4, -4.4),
        (1.4, -4.4),
        (1.4, -1.4),
        (4.4, -1.4),
        (4.4, 1.4),
        (1.4, 1.4),
        (1.4, 4.4),
        (-1.4, 4.4),
        (-1.4, 1.4),
        (-4.4, 1.4),
        (-4.4, -1.4),
        (-1.4, -1.4),
    ];
    match curve % 4 {
        0 => format!("M{:.1} {y:.1}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z", x - 3.5),
        1 => polygon(x, y, &[(-3.3, -3.3), (3.3, -3.3), (3.3, 3.3), (-3.3, 3.3)]),
        2 => polygon(x, y, &PLUS),
        _ => {
            // The plus, turned by 45 degrees.
            let turned =
                PLUS.map(|(dx, dy)| ((dx - dy) * FRAC_1_SQRT_2, (dx + dy) * FRAC_1_SQRT_2));
            polygon(x, y, &turned)
        }
    }
}

/// Path of a marker at (`x`, `y`), in this scale.
pub fn marker(shape: MarkerShape, x: f64, y: f64, scale: f64) -> String {
    let corners: &[(f64, f64)] = match shape {
        MarkerShape::SweetSpot => &[(0.0, -8.0), (8.0, 0.0), (0.0, 8.0), (-8.0, 0.0)],
        MarkerShape::Peak => &[(0.0, -8.0), (8.0, 6.0), (-8.0, 6.0)],
        MarkerShape::Cliff => &[(0.0, 8.0), (8.0, -6.0), (-8.0, -6.0)],
    };
    let scaled: Vec<(f64, f64)> = corners.iter().map(|(dx, dy)| (dx * scale, dy * scale)).collect();
    polygon(x, y, &scaled)
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
