//! Placement of all text of a chart.
//!
//! Owns: the texts that are placed, with their areas.
//!
//! Invariants: no text overlaps another one, and none leaves the drawing; text keeps off curves and
//! points where there is space. Text for which there is no space is left out.

use maud::{Markup, html};

use super::frame::px;
use super::text::width;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    /// Whether the two have a point in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Side of a text's position that it extends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// To the right.
    Start,
    /// To both sides.
    Middle,
    /// To the left.
    End,
}

impl Anchor {
    /// SVG `text-anchor`.
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Side of a line that its label belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    Any,
}

/// A text in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedText {
    pub class: &'static str,
    pub text: String,
    pub anchor: Anchor,
    /// Anchor on the base line.
    pub x: f64,
    pub y: f64,
    /// Size of the type, if it differs from the chart's.
    pub size: Option<f64>,
    pub area: Area,
}

/// Parts of a line's height above and below its base line.
const ASCENT: f64 = 0.95;
const DESCENT: f64 = 0.28;

/// Distance of a label from its point, in pixels.
const FROM_POINT: f64 = 11.0;

/// Steps, of a line each, in which a label moves away from its point.
const STEPS: u32 = 5;

/// Texts of a chart, and the areas of its lines.
#[derive(Clone, Debug)]
pub struct LabelLayout {
    width: f64,
    height: f64,
    /// Lower end of the plot area, which labels of points and lines do not leave.
    floor: f64,
    type_px: f64,
    lines: Vec<Area>,
    texts: Vec<PlacedText>,
}

impl LabelLayout {
    /// Empty layout of this width, with type of `type_px` pixels. Its height is unlimited until
    /// [`LabelLayout::end_at`].
    pub const fn new(width: f64, type_px: f64) -> Self {
        let height = f64::INFINITY;
        Self { width, height, floor: height, type_px, lines: Vec::new(), texts: Vec::new() }
    }

    /// Sets the height of the drawing, and the lower end of its plot area.
    pub const fn end_at(&mut self, height: f64, floor: f64) {
        (self.height, self.floor) = (height, floor);
    }

    /// Height of a line of text.
    pub fn line_height(&self) -> f64 {
        self.type_px * (ASCENT + DESCENT)
    }

    /// Texts that were placed.
    pub fn texts(&self) -> &[PlacedText] {
        &self.texts
    }

    /// Declares a square that labels keep off.
    pub fn block(&mut self, x: f64, y: f64, radius: f64) {
        let area =
            Area { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius };
        self.lines.push(area);
    }

    /// Places `text` at (`x`, `y`); returns whether there was space.
    pub fn put(
        &mut self,
        class: &'static str,
        (x, y): (f64, f64),
        anchor: Anchor,
        text: &str,
    ) -> bool {
        self.put_sized(class, (x, y), anchor, text, None)
    }

    /// Like [`LabelLayout::put`], in type of `size` pixels.
    pub fn put_sized(
        &mut self,
        class: &'static str,
        (x, y): (f64, f64),
        anchor: Anchor,
        text: &str,
        size: Option<f64>,
    ) -> bool {
        let area = area((x, y), anchor, text, size.unwrap_or(self.type_px));
        let is_free = self.is_inside(&area) && !self.meets_text(&area);
        if is_free {
            self.texts.push(PlacedText { class, text: text.to_owned(), anchor, x, y, size, area });
        }
        is_free
    }

    /// Places `text` near one of the `points`, the first if possible: on its `side`, else above or
    /// below it, beside that, or further away; over a line if there is no space elsewhere. Returns
    /// whether there was space.
    pub fn put_near(
        &mut self,
        class: &'static str,
        points: &[(f64, f64)],
        side: Side,
        text: &str,
    ) -> bool {
        let mut places = self.places(points, side);
        places.retain(|(at, anchor)| area(*at, *anchor, text, self.type_px).bottom <= self.floor);
        let is_clear = |(at, anchor): &((f64, f64), Anchor)| {
            let area = area(*at, *anchor, text, self.type_px);
            !self.lines.iter().any(|line| line.overlaps(&area))
                && self.is_inside(&area)
                && !self.meets_text(&area)
        };
        match places.iter().copied().find(is_clear) {
            Some((at, anchor)) => self.put(class, at, anchor, text),
            None => places.into_iter().any(|(at, anchor)| self.put(class, at, anchor, text)),
        }
    }

    /// Places for a label of one of the `points`, the best first.
    fn places(&self, points: &[(f64, f64)], side: Side) -> Vec<((f64, f64), Anchor)> {
        let (em, height) = (self.type_px, self.line_height());
        let beside = |(x, y): &(f64, f64), anchor| {
            let dx = if anchor == Anchor::End { -FROM_POINT } else { FROM_POINT };
            ((x + dx, y + 0.35 * em), anchor)
        };
        let on_side = match side {
            Side::Left => Some(Anchor::End),
            Side::Right => Some(Anchor::Start),
            Side::Any => None,
        };
        let mut places: Vec<((f64, f64), Anchor)> =
            on_side.iter().flat_map(|anchor| points.iter().map(|at| beside(at, *anchor))).collect();
        for step in 0..STEPS {
            let away = FROM_POINT + f64::from(step) * height;
            for (x, y) in points {
                let (above, below) = (y - away - DESCENT * em, y + away + ASCENT * em);
                for (dx, anchor) in
                    [(0.0, Anchor::Middle), (FROM_POINT, Anchor::Start), (-FROM_POINT, Anchor::End)]
                {
                    places.extend([((x + dx, above), anchor), ((x + dx, below), anchor)]);
                }
            }
        }
        for at in points {
            places.extend([beside(at, Anchor::Start), beside(at, Anchor::End)]);
        }
        places
    }

    /// Text elements of all that was placed.
    pub fn draw(&self) -> Markup {
        html! {
            @for text in self.texts() {
                text class=(text.class) x=(px(text.x)) y=(px(text.y))
                    text-anchor=[(text.anchor != Anchor::Start).then(|| text.anchor.name())]
                    font-size=[text.size.map(px)] { (text.text) }
            }
        }
    }

    fn is_inside(&self, area: &Area) -> bool {
        area.left >= 0.0
            && area.top >= 0.0
            && area.right <= self.width
            && area.bottom <= self.height
    }

    fn meets_text(&self, area: &Area) -> bool {
        self.texts.iter().any(|text| text.area.overlaps(area))
    }
}

fn area((x, y): (f64, f64), anchor: Anchor, text: &str, size: f64) -> Area {
    let length = width(text, size);
    let left = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - length / 2.0,
        Anchor::End => x - length,
    };
    Area { left, top: y - ASCENT * size, right: left + length, bottom: y + DESCENT * size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_at_one_point_go_to_different_places() {
        let mut labels = LabelLayout::new(400.0, 12.0);
        labels.end_at(300.0, 260.0);
        for _ in 0..6 {
            assert!(labels.put_near("mark", &[(200.0, 150.0)], Side::Any, "sweet spot 16x"));
        }
        for (index, text) in labels.texts().iter().enumerate() {
            let others = &labels.texts()[..index];
            assert!(others.iter().all(|other| !other.area.overlaps(&text.area)), "{labels:?}");
        }
    }

    #[test]
    fn a_label_in_a_corner_stays_inside() {
        let mut labels = LabelLayout::new(400.0, 12.0);
        labels.end_at(300.0, 260.0);
        assert!(labels.put_near("mark", &[(2.0, 2.0)], Side::Any, "peak"));
        let area = labels.texts()[0].area;
        assert!(area.left >= 0.0 && area.top >= 0.0, "{area:?}");
        assert!(!labels.put("mark", (390.0, 100.0), Anchor::Start, "beyond the edge"));
    }

    #[test]
    fn a_label_keeps_off_lines_until_there_is_no_other_place() {
        let mut labels = LabelLayout::new(400.0, 12.0);
        labels.end_at(300.0, 260.0);
        labels.block(200.0, 130.0, 20.0);
        assert!(labels.put_near("mark", &[(200.0, 150.0)], Side::Any, "peak"));
        assert!(labels.texts()[0].y > 150.0, "{labels:?}");
        labels.block(200.0, 150.0, 400.0);
        assert!(labels.put_near("mark", &[(200.0, 150.0)], Side::Any, "peak"));
    }
}
