//! Canvas of characters on which lines are drawn in braille dots.
//!
//! Owns: dots, lines, and the glyphs over them.
//!
//! Invariants: nothing is drawn outside the grid.

/// Dots in a character, across and down.
const DOTS: (usize, usize) = (2, 4);

/// Bits of the dots in a braille character, by column and row (Unicode 16, block 2800).
const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Grid of characters.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    columns: usize,
    dots: Vec<u8>,
    glyphs: Vec<Option<char>>,
}

impl Canvas {
    /// Empty grid.
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, dots: vec![0; columns * rows], glyphs: vec![None; columns * rows] }
    }

    fn rows(&self) -> usize {
        self.dots.len() / self.columns.max(1)
    }

    /// Draws a line between two positions, each (x, y) from 0 at the left and bottom to 1.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (wide, high) = (self.columns * DOTS.0, self.rows() * DOTS.1);
        let steps = wide.max(high).saturating_mul(2).max(1);
        for step in 0..=steps {
            let fraction = step as f64 / steps as f64;
            let x = nearest(from.0 + (to.0 - from.0) * fraction, wide);
            let y = nearest(1.0 - from.1 - (to.1 - from.1) * fraction, high);
            let cell = (y / DOTS.1) * self.columns + x / DOTS.0;
            if let Some(dots) = self.dots.get_mut(cell) {
                *dots |= BITS[x % DOTS.0][y % DOTS.1];
            }
        }
    }

    /// Puts a glyph at a position, over any dots.
    pub(crate) fn glyph(&mut self, at: (f64, f64), glyph: char) {
        let x = nearest(at.0, self.columns * DOTS.0) / DOTS.0;
        let y = nearest(1.0 - at.1, self.rows() * DOTS.1) / DOTS.1;
        if let Some(cell) = self.glyphs.get_mut(y * self.columns + x) {
            *cell = Some(glyph);
        }
    }

    /// Rows from the top.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let columns = self.columns.max(1);
        self.dots.chunks(columns).zip(self.glyphs.chunks(columns)).map(|(dots, glyphs)| {
            dots.iter().zip(glyphs).map(|(dots, glyph)| glyph.unwrap_or(braille(*dots))).collect()
        })
    }
}

fn braille(dots: u8) -> char {
    if dots == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ') }
}

/// Index of the dot nearest to a position from 0 to 1, of `count` dots.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the number of dots before the cast"
)]
pub(crate) fn nearest(position: f64, count: usize) -> usize {
    let last = count.saturating_sub(1);
    (position * last as f64).round().clamp(0.0, last as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_glyphs_land_where_they_belong() {
        let mut canvas = Canvas::new(4, 2);
        canvas.line((0.0, 0.0), (1.0, 1.0));
        canvas.glyph((1.0, 1.0), '◆');
        let shown: Vec<String> = canvas.lines().collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
          ⡠◆
        ⡠⠊⠁
        ");
    }

    #[test]
    fn places_outside_stay_on_the_edge() {
        let mut canvas = Canvas::new(3, 1);
        canvas.glyph((7.0, -3.0), '●');
        canvas.line((-1.0, f64::NAN), (2.0, 2.0));
        assert!(canvas.lines().all(|line| line.ends_with('●')));
    }
}
