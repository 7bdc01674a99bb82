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
        let style =
            ProgressStyle::with_template(&template).expect("templates are parsed in a test");
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
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    const MESSAGE: &str = "fetching smollm2:135m-bf16 from a place that has a long address";

    /// Wide terminal that keeps the longest piece of text written to it.
    #[derive(Clone, Debug, Default)]
    struct Recorder(Arc<Mutex<String>>);

    impl TermLike for Recorder {
        fn width(&self) -> u16 {
            1000
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            let text = console::strip_ansi_codes(text).trim_end().to_owned();
            let mut kept = self.0.lock().unwrap();
            if text.len() > kept.len() {
                *kept = text;
            }
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn any_line_fits_any_terminal_and_its_message_ends_between_words() {
        let gb = |gb: u64| gb * 1_000_000_000;
        for columns in [60, 80, 100, 120, 200] {
            for kind in [
                BarKind::Transfer(Bytes(gb(999))),
                BarKind::Count,
                BarKind::Levels(8),
                BarKind::Spinner,
            ] {
                let recorder = Recorder::default();
                let bar = Bar::new(columns, kind, MESSAGE);
                bar.drawn.disable_steady_tick();
                bar.drawn
                    .set_draw_target(ProgressDrawTarget::term_like(Box::new(recorder.clone())));
                bar.set_position(gb(998));
                bar.drawn.tick();
                let shown = recorder.0.lock().unwrap().clone();
                assert!(shown.contains("fetching"), "{kind:?}: {shown}");
                assert!(shown.chars().count() <= columns, "{kind:?} at {columns}: {shown}");
                let cut = shown.split_whitespace().find_map(|word| word.strip_suffix('…'));
                let is_whole = cut.is_none_or(|cut| MESSAGE.split(' ').any(|word| word == cut));
                assert!(is_whole, "{kind:?} at {columns}: {shown}");
                bar.finish_and_clear();
            }
        }
    }
}
