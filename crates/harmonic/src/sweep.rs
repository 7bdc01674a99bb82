//! A benchmark as it runs, and what follows from it.

use std::sync::Mutex;
use std::sync::PoisonError;

use harmonic_bench::{Observer, Phase, Progress};
use harmonic_report::terminal;
use harmonic_types::{BenchRun, LevelResult};
use indicatif::ProgressBar;

use crate::printer::Printer;
use crate::progress::bar;

const LEVELS: &str = "  {spinner:.cyan} {bar:20.cyan/dim} {msg}";

/// Shows each level when it is done, and on a terminal what the running one does.
pub struct Sweep<'a> {
    printer: &'a Printer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    single: Option<f64>,
}

impl<'a> Sweep<'a> {
    /// A sweep on `printer`'s terminal.
    pub fn on(printer: &'a Printer) -> Self {
        Self { printer, state: Mutex::new(State::default()) }
    }

    fn done(&self, state: &mut State, level: &LevelResult) {
        let line = match level.tok_s {
            Some(rate) => {
                if level.parallel == 1 {
                    state.single = Some(rate.mean);
                }
                let times = state
                    .single
                    .filter(|_| level.parallel > 1)
                    .map_or_else(String::new, |single| {
                        format!("   {:.1} times 1x", rate.mean / single)
                    });
                format!("  {:>4}x  {:>7.1} tok/s{times}", level.parallel, rate.mean)
            }
            None => format!("  {:>4}x  no answer came through", level.parallel),
        };
        match &state.bar {
            Some(bar) => bar.suspend(|| self.printer.say(&line)),
            None => self.printer.say(&line),
        }
    }
}

impl Observer for Sweep<'_> {
    fn progress(&self, progress: &Progress<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *progress {
            Progress::LevelStarted { parallel, number, of } => {
                if self.printer.is_live() {
                    let bar = state.bar.get_or_insert_with(|| bar(LEVELS, Some(of.into())));
                    bar.set_position(u64::from(number - 1));
                    bar.set_message(format!("{parallel} in parallel: warming up"));
                }
            }
            Progress::Level { parallel, phase, tok_s, .. } => {
                if let Some(bar) = &state.bar {
                    bar.set_message(message(parallel, phase, tok_s));
                }
            }
            Progress::LevelDone { result } => self.done(&mut state, result),
        }
    }
}

fn message(parallel: u32, phase: Phase, tok_s: Option<f64>) -> String {
    match phase {
        Phase::WarmUp { streaming } => {
            format!("{parallel} in parallel: warming up, {streaming} of {parallel} stream")
        }
        Phase::Measuring { trial, of } => {
            let rate = tok_s.map(|rate| format!(", {rate:.0} tok/s")).unwrap_or_default();
            format!("{parallel} in parallel: window {trial} of {of}{rate}")
        }
    }
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl std::fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sweep")
    }
}

/// The run as table, curve and words.
pub fn report(run: &BenchRun, width: usize) -> String {
    let curve = terminal::curve(run, width.min(80), 16);
    format!("{}\n\n{curve}\n\n{}", terminal::table(run), terminal::summary(run))
}
