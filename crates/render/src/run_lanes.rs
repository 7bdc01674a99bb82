//! The open tasks of a run on a terminal: a line each, drawn over while they go on.
//!
//! Invariants: the lines fit the terminal; they are gone when this is dropped, so that what is
//! printed afterwards stands alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harmonic_app::run_view::RunView;
use harmonic_layout::{shortened, wrap_lines};
use harmonic_orchestrator::TaskId;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::printer::Printer;
use crate::watch_clock::WatchClock;
use crate::{run_lane, runs};

/// Shortest time between two drawings.
const MIN_INTERVAL: Duration = Duration::from_millis(60);

/// Lines of the terminal that stay free.
const FREE_LINES: usize = 3;

/// Lanes on stderr's terminal.
#[derive(Debug)]
pub struct RunLanes<'a> {
    printer: &'a Printer,
    all: MultiProgress,
    lanes: BTreeMap<TaskId, ProgressBar>,
    /// Below the lanes: how many there are beside those shown, the figures, the question.
    footer: ProgressBar,
    clock: WatchClock,
    drawn: Option<Instant>,
}

impl<'a> RunLanes<'a> {
    /// No lanes yet.
    pub fn new(printer: &'a Printer) -> Self {
        let all = MultiProgress::new();
        let footer = all.add(ProgressBar::new_spinner()).with_style(style());
        let lanes = BTreeMap::new();
        let clock = WatchClock::default();
        Self { printer, all, lanes, footer, clock, drawn: None }
    }

    /// Draws the run, with `question` below it. Frequent calls draw some of the time; `now` draws
    /// always.
    pub fn draw(&mut self, view: &RunView, question: Option<&str>, now: bool) {
        if !now && self.drawn.is_some_and(|drawn| drawn.elapsed() < MIN_INTERVAL) {
            return;
        }
        self.drawn = Some(Instant::now());
        let columns = self.printer.line_columns().saturating_sub(1);
        let most = self.printer.height().saturating_sub(FREE_LINES).max(1);
        self.lanes.retain(|id, bar| {
            let is_open = view.lane(*id).is_some();
            if !is_open {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            is_open
        });
        for (id, lane) in view.lanes().take(most) {
            let bar = self.lanes.entry(id).or_insert_with(|| {
                self.all.insert_before(&self.footer, ProgressBar::new_spinner()).with_style(style())
            });
            bar.set_message(run_lane::line(lane, columns));
        }
        let time = self.clock.time(view, Instant::now());
        let hidden = view.lanes().count().saturating_sub(most);
        let footer = shortened(&runs::footer(view, hidden, time), columns);
        self.footer.set_message(match question {
            Some(question) => format!("{footer}\n{}", shortened(question, columns)),
            None => footer,
        });
    }

    /// Prints `text` above the lanes.
    pub fn above(&self, text: &str) {
        let text = wrap_lines(text, self.printer.message_width());
        self.all.suspend(|| self.printer.message(&text));
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").expect("a template of one key parses")
}

impl Drop for RunLanes<'_> {
    /// Also runs after an error or Ctrl-C.
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = self.all.clear();
    }
}
