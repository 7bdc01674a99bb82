//! Where words go in a chart, so that none lies on another.

/// Pixels that a character of the labels' size takes at most, on average.
const CHARACTER: f64 = 6.8;

/// Height of a line of labels.
const LINE: f64 = 15.0;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn touches(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Words that have been placed.
#[derive(Clone, Debug)]
pub struct Labels {
    width: f64,
    height: f64,
    taken: Vec<Area>,
}

/// A place for words: where the text is anchored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The anchor.
    pub x: f64,
    /// The base line.
    pub y: f64,
    /// `start`, `middle` or `end`.
    pub anchor: &'static str,
}

impl Labels {
    /// None yet, on a ground of this size.
    pub const fn within(width: f64, height: f64) -> Self {
        Self { width, height, taken: Vec::new() }
    }

    /// Keeps words off a place.
    pub fn block(&mut self, x: f64, y: f64, radius: f64) {
        let area =
            Area { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius };
        self.taken.push(area);
    }

    /// A place for `text` near a point: above it, then below, left, right and further off; `None`
    /// where all are taken.
    pub fn near(&mut self, x: f64, y: f64, text: &str) -> Option<Place> {
        let up_or_down = [-14.0, 25.0, -30.0, 40.0, -46.0, 56.0].map(|dy| (0.0, dy, "middle"));
        let corners = [
            (-9.0, -14.0, "end"),
            (9.0, -14.0, "start"),
            (9.0, 24.0, "start"),
            (-9.0, 24.0, "end"),
        ];
        let places = [&up_or_down[..2], &corners, &up_or_down[2..]].concat();
        places
            .into_iter()
            .map(|(dx, dy, anchor)| Place { x: x + dx, y: y + dy, anchor })
            .find(|place| self.take(*place, text))
    }

    /// The place for `text` right beside (`x`, `y`), on the side that `anchor` says; `None` where that
    /// is taken.
    pub fn at(&mut self, x: f64, y: f64, anchor: &'static str, text: &str) -> Option<Place> {
        let dx = if anchor == "end" { -8.0 } else { 8.0 };
        let place = Place { x: x + dx, y: y + 4.0, anchor };
        self.take(place, text).then_some(place)
    }

    /// The place for `text` at (`x`, `y`), moved down until it is free; it begins there.
    pub fn beside(&mut self, x: f64, y: f64, text: &str) -> Place {
        for shift in 0..40_i32 {
            // Down and up in turns.
            let steps = f64::from((shift + 1) / 2) * if shift % 2 == 0 { -1.0 } else { 1.0 };
            let place = Place { x, y: y + steps * LINE, anchor: "start" };
            if self.take(place, text) {
                return place;
            }
        }
        Place { x, y, anchor: "start" }
    }

    fn take(&mut self, place: Place, text: &str) -> bool {
        let length = text.chars().count() as f64 * CHARACTER;
        let left = match place.anchor {
            "middle" => place.x - length / 2.0,
            "end" => place.x - length,
            _ => place.x,
        };
        let area =
            Area { left, top: place.y - LINE + 4.0, right: left + length, bottom: place.y + 4.0 };
        let inside = area.left >= 0.0
            && area.top >= 0.0
            && area.right <= self.width
            && area.bottom <= self.height;
        let free = inside && self.taken.iter().all(|taken| !taken.touches(&area));
        if free {
            self.taken.push(area);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_at_one_point_go_to_different_places() {
        let mut labels = Labels::within(400.0, 300.0);
        let places: Vec<Place> =
            (0..4).map(|_| labels.near(200.0, 150.0, "sweet spot 16x").unwrap()).collect();
        for (index, place) in places.iter().enumerate() {
            assert!(!places[..index].contains(place), "{places:?}");
        }
        let mut corner = Labels::within(400.0, 300.0);
        let place = corner.near(2.0, 2.0, "peak").unwrap();
        assert!(place.y > 2.0 && place.anchor == "start", "{place:?}");
    }

    #[test]
    fn ends_of_curves_that_meet_are_moved_apart() {
        let mut labels = Labels::within(400.0, 300.0);
        let one = labels.beside(300.0, 100.0, "one");
        let two = labels.beside(300.0, 101.0, "two");
        assert!((one.y - two.y).abs() >= LINE - 1.0, "{one:?} {two:?}");
    }
}
