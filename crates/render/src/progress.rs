//! Work of the app as it goes on: of models that are fetched, of engines that start, of measurements.
//!
//! On a terminal a bar or a spinner that goes when the work is done; elsewhere one line when work
//! begins. What the user should read stays.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harmonic_app::{Event, Observer};
use harmonic_tune::{TuneEvent, Turn};
use harmonic_types::{Bytes, EnginePlan};
use indicatif::{ProgressBar, ProgressStyle};

use crate::bench_progress::BenchProgress;
use crate::printer::Printer;
use crate::{plan, tuned};

const BAR: &str = "  {msg} {bar:30.cyan/dim} {decimal_bytes}/{decimal_total_bytes} \
                   {decimal_bytes_per_sec} {eta}";
const COUNT: &str = "  {spinner:.cyan} {msg} {decimal_bytes} {decimal_bytes_per_sec}";
const SPINNER: &str = "  {spinner:.cyan} {msg} {elapsed}";
const TICK: Duration = Duration::from_millis(100);

/// Shows what happens through a printer. What is drawn goes when this is dropped.
pub struct Progress<'a> {
    printer: &'a Printer,
    bar: Mutex<Option<ProgressBar>>,
    bench: BenchProgress<'a>,
}

impl<'a> Progress<'a> {
    /// Progress on `printer`'s terminal.
    pub fn on(printer: &'a Printer) -> Self {
        Self { printer, bar: Mutex::new(None), bench: BenchProgress::on(printer) }
    }

    fn replace(&self, bar: Option<ProgressBar>) {
        let mut held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *held, bar) {
            old.finish_and_clear();
        }
    }

    fn spin(&self, message: String) {
        if self.printer.is_live() {
            self.replace(Some(spinner(message)));
        }
    }

    /// Prints while no bar is in the way.
    fn print(&self, print: impl FnOnce(&Printer)) {
        let held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(bar) => bar.suspend(|| print(self.printer)),
            None => print(self.printer),
        }
    }

    fn say(&self, line: &str) {
        self.print(|printer| printer.say(line));
    }

    fn transfer(&self, label: &str, total: Option<Bytes>) {
        if self.printer.is_live() {
            let template = if total.is_some() { BAR } else { COUNT };
            let bar = bar(template, total.map(|bytes| bytes.0));
            self.replace(Some(bar.with_message(label.to_owned())));
        } else {
            let size = total.map(|bytes| format!(" ({bytes})")).unwrap_or_default();
            self.printer.say(&format!("  {label}{size}"));
        }
    }

    fn ready(&self, engine: &EnginePlan, took: Duration) {
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

    fn tuning(&self, event: TuneEvent<'_>) {
        match event {
            TuneEvent::Measuring(turn) => self.spin(title(turn)),
            TuneEvent::Measured(turn, rate) => {
                self.replace(None);
                self.printer.say(&format!("  {:<48} {rate:>8.1} tok/s", title(turn)));
            }
            TuneEvent::Failed(turn, reason) => {
                self.replace(None);
                self.printer.say(&format!("  {}: {reason}", title(turn)));
            }
            TuneEvent::NotRemoved { name, reason } => {
                self.say(&format!("{name} stays in the store: {reason}"));
            }
        }
    }
}

/// A candidate's turn in a line.
fn title(turn: Turn<'_>) -> String {
    let Turn { axis, candidate, round, rounds, parallel } = turn;
    format!("round {round} of {rounds}, {parallel}x: {}", tuned::setting(axis, candidate))
}

/// A bar in one of our styles; the templates are constants that a test parses.
pub fn bar(template: &str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).expect("our templates parse: tested");
    bar.set_style(style.progress_chars("━╸─"));
    bar.enable_steady_tick(TICK);
    bar
}

/// What [`spinner`] gives.
pub type Spinner = ProgressBar;

/// A spinner with a message and the time that it has been there.
pub fn spinner(message: impl Into<String>) -> ProgressBar {
    bar(SPINNER, None).with_message(message.into())
}

impl Observer for Progress<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(finding) => self.print(|printer| printer.finding(finding)),
            Event::Note(line) => self.say(&format!("  {line}")),
            Event::TransferStarted { label, total } => self.transfer(label, total),
            Event::TransferAdvanced { done } => {
                if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
                    bar.set_position(done.0);
                }
            }
            Event::TransferEnded => self.replace(None),
            Event::EngineStarting { engine, number, of } => {
                self.spin(format!("starting engine {number} of {of}: {}", engine.model));
            }
            Event::EngineReady { engine, took } => self.ready(engine, took),
            Event::ServerFound { url } => {
                self.say(&format!("measuring the server that runs at {url}"));
            }
            Event::TeamPlanned { plan } => {
                self.say(&format!("stack {}: {}", plan.stack, plan::sharing(plan)));
            }
            Event::NoRoof => {
                self.say("there is no roof: the model behind this server is not known here");
            }
            Event::ProbeStarted => {
                self.spin("measuring how fast this machine's memory is read".to_owned());
            }
            Event::ProbeEnded { read: None } => {
                self.replace(None);
                self.say("too little memory is free to measure how fast it is read: no roof of it");
            }
            Event::ProbeEnded { read: Some((rate, threads)) } => {
                self.replace(None);
                let gb_s = rate.0 / 1e9;
                self.say(&format!("memory is read at {gb_s:.1} GB/s by {threads} threads"));
            }
            Event::PromptRate { model, rate } => {
                self.say(&format!("{model} reads a prompt at {:.0} tok/s", rate.0));
            }
            Event::Bench(progress) => self.bench.show(progress),
            Event::Tune(event) => self.tuning(event),
        }
    }
}

impl Drop for Progress<'_> {
    /// Also after an error or Ctrl-C: no bar stays behind.
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
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
