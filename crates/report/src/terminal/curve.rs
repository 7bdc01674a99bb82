//! Curve of aggregate throughput over parallelism, drawn in characters.
//!
//! Owns: the layout: a scale at the left, a logarithmic horizontal axis, a glyph per level, and a
//! legend of the glyphs used.
//!
//! Does not do: interpolate. The lines between levels are only visual.

use std::fmt::Write as _;

use harmonic_layout::{Width, beside, shortened, unbroken};
use harmonic_types::{BenchRun, Series};

use super::axis::{Horizontal, Vertical};
use super::canvas::{Canvas, nearest};
use crate::mark::Mark;

/// Lines other than the plot: the title, the axis, its labels and the legend.
const FRAME_LINES: usize = 4;
/// Minimum size of the plot, in columns and rows.
const MIN_SIZE: (usize, usize) = (48, 4);
/// Columns of a curve at most: a wider one only has longer lines between its levels.
const MAX_COLUMNS: usize = 80;

/// Curve of each series within `width` and in about `height` lines (at least 8), without a
/// trailing newline. A series without figures yields a single line of text, an open loop nothing.
pub fn curve(run: &BenchRun, width: Width, height: usize) -> String {
    let columns = width.columns().map_or(MAX_COLUMNS, |columns| columns.min(MAX_COLUMNS));
    let curves: Vec<String> = run
        .series
        .iter()
        .filter(|series| is_closed(series))
        .map(|series| series_curve(series, columns, height))
        .collect();
    curves.join("\n\n")
}

/// Whether the series is a closed loop: rates cannot be shown on an axis of parallelism.
fn is_closed(series: &Series) -> bool {
    series.levels.iter().all(|level| level.rate.is_none())
}

/// A level on the plot.
struct Point {
    parallel: u32,
    tok_s: f64,
    mark: Mark,
}

fn series_curve(series: &Series, width: usize, height: usize) -> String {
    let points = points(series);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return format!("{}: no level has figures", series.model);
    };
    let rows = height.saturating_sub(FRAME_LINES).max(MIN_SIZE.1);
    let highest = points.iter().map(|point| point.tok_s).fold(0.0, f64::max);
    let max_steps = u32::try_from(rows / 2).unwrap_or(5).clamp(1, 5);
    let vertical = Vertical::covering(highest, max_steps);
    // Reduced so that all ticks are equally spaced.
    let steps = vertical.ticks().count().saturating_sub(1).max(1);
    let rows = (rows - 1) / steps * steps + 1;
    let horizontal = Horizontal::between(first.parallel, last.parallel);
    let scale = scale(vertical, rows);
    let margin = scale.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    // Less the axis, and space at the right for half of the last level's label.
    let columns = width.saturating_sub(margin + 4).max(MIN_SIZE.0);
    let position =
        |point: &Point| (horizontal.position(point.parallel), vertical.position(point.tok_s));

    let mut canvas = Canvas::new(columns, rows);
    for pair in points.windows(2) {
        canvas.line(position(&pair[0]), position(&pair[1]));
    }
    for point in &points {
        canvas.glyph(position(point), point.mark.glyph());
    }

    let title = format!("{:>margin$}   output of all streams, {}", "tok/s", series.model);
    let mut text = format!("{}\n", shortened(&title, width));
    for (label, line) in scale.iter().zip(canvas.lines()) {
        let axis = if label.is_empty() { '│' } else { '┤' };
        push_line(&mut text, &format!("{label:>margin$} {axis}{line}"));
    }
    push_line(&mut text, &format!("{:margin$} └{}", "", "─".repeat(columns + 1)));
    push_line(&mut text, &format!("{:margin$}  {}", "", labels(&points, horizontal, columns)));
    let indent = " ".repeat(margin + 2);
    text.push_str(&beside(&indent, &indent, &legend(&points), Width::of_line(width)).join("\n"));
    text
}

fn points(series: &Series) -> Vec<Point> {
    let point = |level: &harmonic_types::LevelResult| {
        let tok_s = level.tok_s?.mean;
        let mark = Mark::of(level.parallel, &series.verdict);
        tok_s.is_finite().then_some(Point { parallel: level.parallel, tok_s, mark })
    };
    let mut points: Vec<Point> = series.levels.iter().filter_map(point).collect();
    points.sort_by_key(|point| point.parallel);
    points
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Label of each row; empty where there is no tick.
fn scale(vertical: Vertical, rows: usize) -> Vec<String> {
    let mut labels = vec![String::new(); rows];
    for tick in vertical.ticks() {
        let row = nearest(1.0 - vertical.position(tick), rows);
        labels[row] = if vertical.step < 1.0 { format!("{tick}") } else { format!("{tick:.0}") };
    }
    labels
}

/// Labels of the levels under their points. A label that would touch its left neighbour is omitted,
/// except those of the sweet spot and the last level, which replace the neighbour.
fn labels(points: &[Point], horizontal: Horizontal, columns: usize) -> String {
    let mut placed: Vec<(usize, String, bool)> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let label = format!("{}x", point.parallel);
        let centre = nearest(horizontal.position(point.parallel), columns);
        let from = centre.saturating_sub(label.len() / 2);
        let keep = point.mark == Mark::SweetSpot || index + 1 == points.len();
        let free = |placed: &[(usize, String, bool)]| {
            placed.last().is_none_or(|(at, text, _)| at + text.len() < from)
        };
        while keep && !free(&placed) && placed.last().is_some_and(|(_, _, keep)| !keep) {
            placed.pop();
        }
        if free(&placed) {
            placed.push((from, label, keep));
        }
    }
    let mut line = String::new();
    for (from, label, _) in placed {
        let _ = write!(line, "{:1$}{label}", "", from - line.len().min(from));
    }
    line
}

/// Legend of the glyphs used, with their levels.
fn legend(points: &[Point]) -> String {
    let entry = |mark: Mark| {
        let point = points.iter().find(|point| point.mark == mark)?;
        Some(match mark {
            Mark::Level => unbroken(&format!("{} measured", mark.glyph())),
            mark => unbroken(&format!("{} {} {}x", mark.glyph(), mark.word(), point.parallel)),
        })
    };
    let entries: Vec<String> = [Mark::SweetSpot, Mark::Peak, Mark::Cliff, Mark::Level]
        .into_iter()
        .filter_map(entry)
        .collect();
    entries.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_run_as_a_curve() {
        insta::assert_snapshot!(curve(&sample::run(), Width::of_line(80), 16), @r"
        tok/s   output of all streams, smollm2:135m
        600 ┤                                                              ⢀⣀⣀⣀⣀⡤⠤⠤⠤⠖◆
            │                                                     ⣀⣠⠤⠴⠒●⠉⠉⠉⠉
            │                                              ⣀⣀⡤⠴⠒⠊⠉⠁
        400 ┤                                     ⣀⣀⣀⠤⠤⠴●⠚⠉⠁
            │                           ⣀⣀⣠⠤⠤⠖⠒⠚⠉⠉⠁
            │                ⢀⣀⣀⡤⠤⠤⠒⠒⠊⠉⠉
        200 ┤      ⣀⣀⣠⠤⠤⠔⠒⠒⠉⠉⠉
            │●⠒⠒⠚⠉⠉⠁
            │
          0 ┤
            └──────────────────────────────────────────────────────────────────────────
             1x                                        8x             16x           32x
             ◆ sweet spot 32x   ● measured
        ");
    }

    #[test]
    fn a_cliff_and_many_levels() {
        insta::assert_snapshot!(curve(&sample::cliff(), Width::of_line(80), 18), @r"
        tok/s   output of all streams, smollm2:135m
        400 ┤
            │
            │
        300 ┤                                                      ⢀⣠⠤⠖◆⠋⠉⠉▲⢧⡀
            │                                                  ⣀⡤●⠚⠉         ⠳⣄
            │                                             ⣀⡠⠴⠚⠉               ⠘▼⡀
        200 ┤                                        ⣀⣠⠴●⠋⠁                     ⠈⠙⠲⢤⣀⡀
            │                                   ⣀⡤⠴⠒⠉⠁                               ●
            │                             ⢀⣀⡤⠖⠚⠉⠁
        100 ┤                    ⢀⣀⣀⡤⠤⠔⠒⠚⠉●
            │        ⢀⣀⣀⣀⣠⠤●⠴⠒⠒⠋⠉⠉
            │●⠒⠒⠒⠚⠉⠉⠉⠉
          0 ┤
            └──────────────────────────────────────────────────────────────────────────
             1x           2x             4x            8x       12x   16x 20x 24x   32x
             ◆ sweet spot 16x   ▲ peak 20x   ▼ cliff 24x   ● measured
        ");
    }

    #[test]
    fn one_level_and_none() {
        insta::assert_snapshot!(curve(&sample::died(), Width::of_line(60), 10), @r"
        tok/s   output of all streams, smollm2:135m
        30 ┤                           ▲
        20 ┤
        10 ┤
         0 ┤
           └───────────────────────────────────────────────────────
                                      1x
            ▲ peak 1x
        ");
        insta::assert_snapshot!(curve(&sample::nothing(), Width::of_line(80), 16), @"smollm2:135m: no level has figures");
    }

    #[test]
    fn any_size_keeps_its_bounds_and_its_sweet_spot() {
        for width in [60, 64, 71, 80, 200] {
            for height in [8, 9, 15, 40] {
                let shown = curve(&sample::cliff(), Width::of_line(width), height);
                // The legend has a second line where the first is full.
                let wrapped = usize::from(width < 64);
                assert!(shown.lines().count() <= height + wrapped, "{width}x{height}:\n{shown}");
                assert!(
                    shown.lines().all(|line| line.chars().count() <= width),
                    "{width}x{height}:\n{shown}"
                );
                // One on the plot, one in the legend.
                assert_eq!(shown.matches('◆').count(), 2, "{width}x{height}:\n{shown}");
                assert!(shown.contains(" 16x"), "{width}x{height}:\n{shown}");
            }
        }
    }
}
