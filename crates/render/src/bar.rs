//! A line that is drawn over while work goes on: a bar or a spinner.
//!
//! Invariant: it fits the terminal, because a line that wraps is not drawn over; its message is
//! shortened between words.

use std::time::Duration;

use harmonic_layout::shortened;
use harmonic_types::Bytes;
use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

const TICK: Duration = Duration::from_millis(100);

/// What a line shows beside its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarKind {
    /// Bytes of a known total.
    Transfer(Bytes),
    /// Bytes of an unknown total.
    Count,
    /// Position among levels.
    Levels(u64),
    /// Elapsed time.
    Spinner,
}

/// Bar or spinner.
#[derive(Debug)]
pub struct Bar {
    drawn: ProgressBar,
    /// Columns for the message.
    room: usize,
}

/// Spinner with a message and the elapsed time, on `printer`'s terminal.
pub fn spinner(printer: &Printer, message: &str) -> Bar {
    Bar::new(printer.line_columns(), BarKind::Spinner, message)
}

impl Bar {
    /// Line of at most `columns`.
    pub(crate) fn new(columns: usize, kind: BarKind, message: &str) -> Self {
        let (template, room) = template(columns, kind);
        let drawn = match kind {
            BarKind::Transfer(Bytes(total)) | BarKind::Levels(total) => ProgressBar::new(total),
            BarKind::Count | BarKind::Spinner => ProgressBar::new_spinner(),
        };
        let style = ProgressStyle::with_template(&template).expect("templates are parsed in a test");
        drawn.set_style(style.progress_chars("━╸─"));
        let bar = Self { drawn, room };
        bar.set_message(message);
        bar.drawn.enable_steady_tick(TICK);
        bar
    }

    /// Replaces the message.
    pub fn set_message(&self, message: &str) {
        self.drawn.set_message(shortened(message, self.room));
    }

    /// Removes the line.
    pub fn finish_and_clear(&self) {
        self.drawn.finish_and_clear();
    }

    pub(crate) fn set_length(&self, length: u64) {
        self.drawn.set_length(length);
    }

    pub(crate) fn set_position(&self, position: u64) {
        self.drawn.set_position(position);
    }

    /// Runs `print` with the line removed.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.drawn.suspend(print);
    }
}

/// Template of a line of at most `columns`, and the columns of its message.
fn template(columns: usize, kind: BarKind) -> (String, usize) {
    // Columns of `999.99 GB/999.99 GB 999.99 MB/s 59m` and the spaces between the parts.
    const TRANSFER: usize = 42;
    // Of a spinner, `999.99 GB 999.99 MB/s` and the spaces.
    const COUNT: usize = 28;
    // Of a spinner, `59m` and the spaces.
    const SPINNER: usize = 9;
    let room = |taken: usize| columns.saturating_sub(taken).max(1);
    match kind {
        BarKind::Transfer(_) => {
            let bar = (room(TRANSFER) / 3).clamp(4, 30);
            let template = format!(
                "  {{msg}} {{bar:{bar}.cyan/dim}} {{decimal_bytes}}/{{decimal_total_bytes}} \
                 {{decimal_bytes_per_sec}} {{eta}}"
            );
            (template, room(TRANSFER + bar))
        }
        BarKind::Count => {
            let template = "  {spinner:.cyan} {msg} {decimal_bytes} {decimal_bytes_per_sec}";
            (template.to_owned(), room(COUNT))
        }
        BarKind::Levels(_) => {
            let bar = (columns / 6).clamp(4, 20);
            (format!("  {{spinner:.cyan}} {{bar:{bar}.cyan/dim}} {{msg}}"), room(bar + 5))
        }
        BarKind::Spinner => ("  {spinner:.cyan} {msg} {elapsed}".to_owned(), room(SPINNER)),
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget, TermLike};

    use super::*;

    const MESSAGE: &str = "fetching a-model-with-a-long-name:135m from a place with a long address";

    #[test]
    fn any_line_fits_any_terminal_and_ends_between_words() {
        let gb = |gb: u64| gb * 1_000_000_000;
        for columns in [60_u16, 80, 100, 120, 200] {
            for kind in [
                BarKind::Transfer(Bytes(gb(999))),
                BarKind::Count,
                BarKind::Levels(8),
                BarKind::Spinner,
            ] {
                // One more column shows a line that is too long.
                let term = InMemoryTerm::new(24, columns + 1);
                let bar = Bar::new(usize::from(columns), kind, MESSAGE);
                bar.drawn.disable_steady_tick();
                let target: Box<dyn TermLike> = Box::new(term.clone());
                bar.drawn.set_draw_target(ProgressDrawTarget::term_like(target));
                bar.set_position(gb(998));
                bar.drawn.tick();
                let shown = term.contents();
                assert!(!shown.is_empty() && shown.lines().count() == 1, "{kind:?}: {shown}");
                assert!(shown.chars().count() <= usize::from(columns), "{kind:?}: {shown}");
                let known = MESSAGE.split(' ').chain([""]);
                let cut = shown.split_whitespace().find_map(|word| word.strip_suffix('…'));
                let first_is_cut = columns < 80;
                let whole = cut.is_none_or(|cut| known.clone().any(|word| word == cut));
                assert!(whole || first_is_cut, "{kind:?} at {columns}: {shown}");
                bar.finish_and_clear();
            }
        }
    }
}
