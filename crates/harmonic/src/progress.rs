//! Progress on the terminal: of models that are fetched, and of engines that start.
//!
//! On a terminal a bar or a spinner that goes when the work is done; elsewhere one line when work
//! begins. What the user should read stays.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harmonic_launcher::Progress as LaunchProgress;
use harmonic_models::Progress as PullProgress;
use harmonic_tune::{TuneEvent, TuneObserver, Turn};
use harmonic_types::{Bytes, EnginePlan};
use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

const BAR: &str = "  {msg} {bar:30.cyan/dim} {decimal_bytes}/{decimal_total_bytes} \
                   {decimal_bytes_per_sec} {eta}";
const COUNT: &str = "  {spinner:.cyan} {msg} {decimal_bytes} {decimal_bytes_per_sec}";
const SPINNER: &str = "  {spinner:.cyan} {msg} {elapsed}";
const TICK: Duration = Duration::from_millis(100);

/// Shows progress through a printer.
pub struct Shown<'a> {
    printer: &'a Printer,
    bar: Mutex<Option<ProgressBar>>,
}

impl<'a> Shown<'a> {
    /// Progress on `printer`'s terminal.
    pub fn on(printer: &'a Printer) -> Self {
        Self { printer, bar: Mutex::new(None) }
    }

    fn replace(&self, bar: Option<ProgressBar>) {
        let mut held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *held, bar) {
            old.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        let held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(bar) => bar.suspend(|| self.printer.say(line)),
            None => self.printer.say(line),
        }
    }
}

/// A bar in one of our styles; the templates are constants that a test parses.
pub fn bar(template: &str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).expect("our templates parse: tested");
    bar.set_style(style.progress_chars("━╸─"));
    bar.enable_steady_tick(TICK);
    bar
}

/// A spinner with a message and the time that it has been there.
pub fn spinner(message: impl Into<String>) -> ProgressBar {
    bar(SPINNER, None).with_message(message.into())
}

impl PullProgress for Shown<'_> {
    fn begin(&self, label: &str, total: Option<Bytes>) {
        if self.printer.is_live() {
            let template = if total.is_some() { BAR } else { COUNT };
            let bar = bar(template, total.map(|bytes| bytes.0));
            self.replace(Some(bar.with_message(label.to_owned())));
        } else {
            let size = total.map(|bytes| format!(" ({bytes})")).unwrap_or_default();
            self.printer.say(&format!("  {label}{size}"));
        }
    }

    fn advance(&self, done: Bytes) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.set_position(done.0);
        }
    }

    fn end(&self) {
        self.replace(None);
    }

    fn note(&self, line: &str) {
        self.say(&format!("  {line}"));
    }
}

impl LaunchProgress for Shown<'_> {
    fn starting(&self, engine: &EnginePlan, number: usize, of: usize) {
        if self.printer.is_live() {
            let message = format!("starting engine {number} of {of}: {}", engine.model);
            self.replace(Some(spinner(message)));
        }
    }

    fn started(&self, engine: &EnginePlan, took: Duration) {
        self.replace(None);
        let agents = engine.agents.len();
        self.printer.say(&format!(
            "  {} ({}) is ready after {:.1} s and serves {agents} {}",
            engine.model,
            engine.format,
            took.as_secs_f64(),
            if agents == 1 { "agent" } else { "agents" },
        ));
    }
}

impl TuneObserver for Shown<'_> {
    fn event(&self, event: TuneEvent<'_>) {
        let turn = |turn: Turn<'_>| {
            let Turn { axis, candidate, round, rounds, parallel } = turn;
            let name = harmonic_render::tuned::setting(axis, candidate);
            format!("round {round} of {rounds}, {parallel}x: {name}")
        };
        match event {
            TuneEvent::Measuring(shown) => {
                if self.printer.is_live() {
                    self.replace(Some(spinner(turn(shown))));
                }
            }
            TuneEvent::Measured(shown, rate) => {
                self.replace(None);
                self.printer.say(&format!("  {:<48} {rate:>8.1} tok/s", turn(shown)));
            }
            TuneEvent::Failed(shown, reason) => {
                self.replace(None);
                self.printer.say(&format!("  {}: {reason}", turn(shown)));
            }
            TuneEvent::NotRemoved { name, reason } => {
                self.say(&format!("{name} stays in the store: {reason}"));
            }
        }
    }
}

impl Drop for Shown<'_> {
    /// Also after an error or Ctrl-C: no bar stays behind.
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_parse() {
        for template in [BAR, COUNT, SPINNER] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
