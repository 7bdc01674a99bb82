//! Layout of the labels of a chart, without overlaps.

/// Upper estimate of the mean width of a character, in pixels.
const CHARACTER_WIDTH: f64 = 6.8;

/// Height of a label, in pixels.
const LINE_HEIGHT: f64 = 15.0;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Areas occupied by labels and lines.
#[derive(Clone, Debug)]
pub struct LabelLayout {
    width: f64,
    height: f64,
    occupied: Vec<Area>,
}

/// Position of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelPosition {
    /// Anchor of the text, in pixels.
    pub x: f64,
    /// Base line of the text, in pixels.
    pub y: f64,
    /// SVG `text-anchor`: `start`, `middle` or `end`.
    pub anchor: &'static str,
}

impl LabelLayout {
    /// Empty layout of this size in pixels.
    pub const fn new(width: f64, height: f64) -> Self {
        Self { width, height, occupied: Vec::new() }
    }

    /// Blocks a square for labels.
    pub fn block(&mut self, x: f64, y: f64, radius: f64) {
        let area =
            Area { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius };
        self.occupied.push(area);
    }

    /// Places `text` near a point: above it, else below, at the corners, or further away; `None` if
    /// all positions are occupied.
    pub fn place_near(&mut self, x: f64, y: f64, text: &str) -> Option<LabelPosition> {
        let up_or_down = [-14.0, 25.0, -30.0, 40.0, -46.0, 56.0].map(|dy| (0.0, dy, "middle"));
        let corners = [
            (-9.0, -14.0, "end"),
            (9.0, -14.0, "start"),
            (9.0, 24.0, "start"),
            (-9.0, 24.0, "end"),
        ];
        let positions = [&up_or_down[..2], &corners, &up_or_down[2..]].concat();
        positions
            .into_iter()
            .map(|(dx, dy, anchor)| LabelPosition { x: x + dx, y: y + dy, anchor })
            .find(|position| self.reserve(*position, text))
    }

    /// Places `text` next to (`x`, `y`), on the side given by `anchor`; `None` if that is occupied.
    pub fn place_beside_point(
        &mut self,
        x: f64,
        y: f64,
        anchor: &'static str,
        text: &str,
    ) -> Option<LabelPosition> {
        let dx = if anchor == "end" { -8.0 } else { 8.0 };
        let position = LabelPosition { x: x + dx, y: y + 4.0, anchor };
        self.reserve(position, text).then_some(position)
    }

    /// Places `text` to start at (`x`, `y`), shifted vertically to the nearest free position.
    pub fn place_at_end(&mut self, x: f64, y: f64, text: &str) -> LabelPosition {
        for shift in 0..40_i32 {
            // Alternately down and up.
            let steps = f64::from((shift + 1) / 2) * if shift % 2 == 0 { -1.0 } else { 1.0 };
            let position = LabelPosition { x, y: y + steps * LINE_HEIGHT, anchor: "start" };
            if self.reserve(position, text) {
                return position;
            }
        }
        LabelPosition { x, y, anchor: "start" }
    }

    fn reserve(&mut self, position: LabelPosition, text: &str) -> bool {
        let length = text.chars().count() as f64 * CHARACTER_WIDTH;
        let left = match position.anchor {
            "middle" => position.x - length / 2.0,
            "end" => position.x - length,
            _ => position.x,
        };
        let area = Area {
            left,
            top: position.y - LINE_HEIGHT + 4.0,
            right: left + length,
            bottom: position.y + 4.0,
        };
        let inside = area.left >= 0.0
            && area.top >= 0.0
            && area.right <= self.width
            && area.bottom <= self.height;
        let free = inside && self.occupied.iter().all(|occupied| !occupied.overlaps(&area));
        if free {
            self.occupied.push(area);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_at_one_point_go_to_different_places() {
        let mut labels = LabelLayout::new(400.0, 300.0);
        let positions: Vec<LabelPosition> =
            (0..4).map(|_| labels.place_near(200.0, 150.0, "sweet spot 16x").unwrap()).collect();
        for (index, position) in positions.iter().enumerate() {
            assert!(!positions[..index].contains(position), "{positions:?}");
        }
        let mut corner = LabelLayout::new(400.0, 300.0);
        let position = corner.place_near(2.0, 2.0, "peak").unwrap();
        assert!(position.y > 2.0 && position.anchor == "start", "{position:?}");
    }

    #[test]
    fn ends_of_curves_that_meet_are_moved_apart() {
        let mut labels = LabelLayout::new(400.0, 300.0);
        let one = labels.place_at_end(300.0, 100.0, "one");
        let two = labels.place_at_end(300.0, 101.0, "two");
        assert!((one.y - two.y).abs() >= LINE_HEIGHT - 1.0, "{one:?} {two:?}");
    }
}
