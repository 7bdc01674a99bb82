//! The times of a run's tasks over the clock, in characters: a line for each task.
//!
//! Invariants: each kind of time has a character of its own, named in the legend; lines have no
//! trailing spaces and fit the width; a time that is shorter than a character is shown where nothing
//! else is in its place.
//!
//! Does not do: print, colour. The drawing for pages is `timeline`.

use harmonic_layout::{Width, columns, shortened};
use harmonic_types::{RunRecord, SpanKind, TaskSpan, counted};

use super::costs::{seconds, wall_ms};
use super::task::{SPAN_KINDS, TaskView, glyph, span_words, views};
use crate::chart::{label, ticks};

/// Most lines of tasks.
const MOST_LINES: usize = 32;

/// Columns of the drawing at most: a wider one says no more.
const MOST_COLUMNS: usize = 80;

/// Least columns of the bars.
const LEAST_BAR: usize = 24;

/// Columns between parts of a line.
const GAP: usize = 2;

/// Timeline of the tasks of `record`; empty where none has a time.
pub fn render(record: &RunRecord, width: Width) -> String {
    let views: Vec<TaskView<'_>> = views(record);
    let drawn: Vec<&TaskView<'_>> =
        views.iter().filter(|view| !view.record.spans.is_empty()).collect();
    if drawn.is_empty() {
        return String::new();
    }
    let width = width.columns().map_or(MOST_COLUMNS, |columns| columns.min(MOST_COLUMNS));
    let shown = &drawn[..drawn.len().min(MOST_LINES)];
    let names: Vec<String> = shown.iter().map(|view| name(view)).collect();
    let ends: Vec<String> = shown.iter().map(|view| end(view)).collect();
    let longest = |all: &[String]| all.iter().map(|text| columns(text)).max().unwrap_or(0);
    let end_width = longest(&ends);
    let room = width.saturating_sub(end_width + LEAST_BAR + 2 * GAP);
    let name_width = longest(&names).min(room).max(1);
    let bar_width = width.saturating_sub(name_width + end_width + 2 * GAP);
    let ticks = ticks(wall_ms(record) as f64 / 1e3, 4);
    let axis = Axis { seconds: ticks.last().copied().unwrap_or(1.0), columns: bar_width };

    let padded = |text: &str, width: usize| {
        let text = shortened(text, width);
        format!("{text}{}", " ".repeat(width.saturating_sub(columns(&text))))
    };
    let gap = " ".repeat(GAP);
    let bars: Vec<String> = shown.iter().map(|view| axis.bar(&view.record.spans)).collect();
    let lines = bars.iter().zip(names.iter().zip(&ends)).map(|(bar, (name, end))| {
        let (name, end) = (padded(name, name_width), format!("{end:>end_width$}"));
        format!("{name}{gap}{bar}{gap}{end}")
    });
    let mut lines: Vec<String> = lines.collect();
    let left = " ".repeat(name_width + GAP);
    lines.push(format!("{left}{}", axis.labels(&ticks)));
    if drawn.len() > shown.len() {
        lines.push(counted(drawn.len() - shown.len(), "more task"));
    }
    lines.extend(legend(&bars, width));
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n")
}

/// State, name and who did it: `✓ 1 Part 1 of 4, coder`.
fn name(view: &TaskView<'_>) -> String {
    let name = format!("{} {}", glyph(view.record.state), view.name());
    match view.worker() {
        Some(worker) => format!("{name}, {worker}"),
        None => name,
    }
}

/// Slots that it had, and the time until its end: `slot 3  1.24 s`.
fn end(view: &TaskView<'_>) -> String {
    let spans = &view.record.spans;
    let mut slots: Vec<u32> = spans.iter().filter_map(|span| span.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    let slots: Vec<String> = slots.iter().map(u32::to_string).collect();
    let slots = match slots.len() {
        0 => String::new(),
        1 => format!("slot {}  ", slots[0]),
        2..=3 => format!("slots {}  ", slots.join(",")),
        count => format!("{count} slots  "),
    };
    let last = spans.iter().map(|span| span.to_ms).max().unwrap_or(0);
    // In seconds, as the axis below.
    format!("{slots}{} s", seconds(last))
}

/// Horizontal axis from the start of the run.
struct Axis {
    /// Time at its end.
    seconds: f64,
    columns: usize,
}

impl Axis {
    /// Column in which `seconds` lie.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the number of columns before the cast"
    )]
    fn column(&self, seconds: f64) -> usize {
        let last = self.columns.saturating_sub(1) as f64;
        (seconds / self.seconds * self.columns as f64).floor().clamp(0.0, last) as usize
    }

    /// The times of a task. Where several are in a place, the later kind of the legend is seen, and
    /// of those that compute any before one that waits.
    fn bar(&self, spans: &[TaskSpan]) -> String {
        let mut cells: Vec<Option<SpanKind>> = vec![None; self.columns];
        for span in spans {
            let from = self.column(span.from_ms as f64 / 1e3);
            // A time that ends at the edge of a column does not reach into it.
            let to = self.column((span.to_ms.saturating_sub(1).max(span.from_ms)) as f64 / 1e3);
            for cell in &mut cells[from..=to.max(from)] {
                if cell.is_none_or(|shown| weight(shown) < weight(span.kind)) {
                    *cell = Some(span.kind);
                }
            }
        }
        cells.into_iter().map(|cell| cell.map_or(' ', character)).collect()
    }

    /// Ticks with their times in seconds, those that fit.
    fn labels(&self, ticks: &[f64]) -> String {
        let mut line = String::new();
        for tick in ticks {
            let text = format!("╵{} s", label(*tick));
            let at = self.column(*tick);
            let is_free = line.is_empty() || columns(&line) < at;
            if is_free && at + columns(&text) <= self.columns + GAP {
                line.push_str(&" ".repeat(at - columns(&line)));
                line.push_str(&text);
            }
        }
        line
    }
}

/// Character of a kind of time.
const fn character(kind: SpanKind) -> char {
    match kind {
        SpanKind::Queued => '·',
        SpanKind::Prefill => '▒',
        SpanKind::Decode => '█',
        SpanKind::Preempted => '~',
        SpanKind::Tool => '#',
        SpanKind::Person => '?',
    }
}

/// Order in which kinds of time are seen where they share a place.
const fn weight(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Queued => 0,
        SpanKind::Preempted => 1,
        SpanKind::Person => 2,
        SpanKind::Prefill => 3,
        SpanKind::Tool => 4,
        SpanKind::Decode => 5,
    }
}

/// The kinds that are seen in `bars`, with their characters, in lines of `width` columns.
fn legend(bars: &[String], width: usize) -> Vec<String> {
    let is_seen = |kind: &SpanKind| bars.iter().any(|bar| bar.contains(character(*kind)));
    let mut lines: Vec<String> = Vec::new();
    for kind in SPAN_KINDS.into_iter().filter(is_seen) {
        let entry = format!("{} {}", character(kind), span_words(kind));
        match lines.last_mut() {
            Some(line) if columns(line) + 3 + columns(&entry) <= width => {
                line.push_str("   ");
                line.push_str(&entry);
            }
            _ => lines.push(entry),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::sample::{small, wide};

    #[test]
    fn a_small_run_is_a_line_a_task() {
        insta::assert_snapshot!(render(&small(), Width::UNLIMITED), @r"
        ✓ 1 Arguments for, research_director  ▒█████████████              slot 0  1.52 s
        ✓ 2 Arguments against, analyst        ▒████████████               slot 1  1.42 s
        ✓ 3 Judgement, executive                           █████████      slot 0  2.49 s
                                              ╵0 s    ╵1 s     ╵2 s
        ▒ prefill   █ decode
        ");
    }

    #[test]
    fn a_wide_run_fits_its_width() {
        for columns_of in [40, 60, 80] {
            let shown = render(&wide(), Width::of_line(columns_of));
            for line in shown.lines() {
                assert!(columns(line) <= columns_of, "{columns_of}: {line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }

    #[test]
    fn a_run_without_times_has_no_timeline() {
        let mut run = small();
        run.tasks.iter_mut().for_each(|task| task.spans.clear());
        assert_eq!(render(&run, Width::UNLIMITED), "");
    }

    proptest! {
        #[test]
        fn every_time_is_in_its_place_and_nothing_is_drawn_outside(
            spans in proptest::collection::vec((0_u64..10_000, 0_u64..4_000), 1..20),
            width in 40_usize..120,
        ) {
            let mut run = small();
            let span = |(from_ms, length): &(u64, u64)| TaskSpan {
                kind: SpanKind::Decode, from_ms: *from_ms, to_ms: from_ms + length, slot: Some(1),
            };
            run.tasks[0].spans = spans.iter().map(span).collect();
            run.spent.time_ms = 0;
            let shown = render(&run, Width::of_line(width));
            for line in shown.lines() {
                prop_assert!(columns(line) <= width, "{line}");
            }
            let drawn = shown.lines().next().is_some_and(|line| line.contains('█'));
            prop_assert!(drawn, "{shown}");
        }
    }
}
