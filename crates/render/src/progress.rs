//! Progress of `app`'s work: model downloads, engine starts, measurements.
//!
//! On a terminal a bar or spinner, removed when the work is done; otherwise one line when work
//! begins. Messages for the user remain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harmonic_app::eval::EvalProgress;
use harmonic_app::{Event, Observer};
use harmonic_tune::{TuneEvent, Turn};
use harmonic_types::{Bytes, EnginePlan, counted, duration_text};

use crate::bar::{Bar, BarKind};
use crate::bench_progress::BenchProgress;
use crate::printer::Printer;
use crate::{eval, plan, tuned};

/// Observer that prints `app`'s events. Bars are removed on drop.
pub struct Progress<'a> {
    printer: &'a Printer,
    bar: Mutex<Option<Bar>>,
    bench: BenchProgress<'a>,
}

impl<'a> Progress<'a> {
    /// Progress on `printer`'s terminal.
    pub fn on(printer: &'a Printer) -> Self {
        Self { printer, bar: Mutex::new(None), bench: BenchProgress::on(printer) }
    }

    fn replace(&self, bar: Option<Bar>) {
        let mut held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *held, bar) {
            old.finish_and_clear();
        }
    }

    fn show_spinner(&self, message: &str) {
        self.show(BarKind::Spinner, message);
    }

    fn show(&self, kind: BarKind, message: &str) {
        if self.printer.is_live() {
            self.replace(Some(Bar::new(self.printer.line_columns(), kind, message)));
        }
    }

    /// Prints with the bar suspended.
    fn print(&self, print: impl FnOnce(&Printer)) {
        let held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(bar) => bar.suspend(|| print(self.printer)),
            None => print(self.printer),
        }
    }

    fn message(&self, line: &str) {
        self.print(|printer| printer.message(line));
    }

    fn transfer(&self, label: &str, total: Option<Bytes>) {
        if self.printer.is_live() {
            self.show(total.map_or(BarKind::Count, BarKind::Transfer), label);
        } else {
            let size = total.map(|bytes| format!(" ({bytes})")).unwrap_or_default();
            self.printer.message(&format!("  {label}{size}"));
        }
    }

    fn ready(&self, engine: &EnginePlan, took: Duration) {
        self.replace(None);
        self.printer.message(&format!(
            "  {} ({}) is ready after {} and serves {}",
            engine.model,
            engine.format,
            duration_text(took),
            counted(engine.agents.len(), "agent"),
        ));
    }

    fn evaluation(&self, progress: &EvalProgress<'_>) {
        let (done, items) = (progress.done.len(), progress.items);
        let line = eval::progress(progress);
        if !self.printer.is_live() {
            // The beginning and the end are enough for a log.
            if done == 0 || done == items {
                self.printer.message(&format!("  {line}"));
            }
            return;
        }
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut held = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = self.printer.line_columns();
        let bar = held.get_or_insert_with(|| Bar::new(columns, BarKind::Levels(count(items)), ""));
        bar.set_length(count(items));
        bar.set_position(count(done));
        bar.set_message(&line);
    }

    fn tuning(&self, event: TuneEvent<'_>) {
        match event {
            TuneEvent::Measuring(turn) => self.show_spinner(&title(turn)),
            TuneEvent::Measured(turn, rate) => {
                self.replace(None);
                self.printer.message(&format!("  {:<48} {rate:>8.1} tok/s", title(turn)));
            }
            TuneEvent::Failed(turn, reason) => {
                self.replace(None);
                self.printer.message(&format!("  {}: {reason}", title(turn)));
            }
            TuneEvent::NotRemoved { name, reason } => {
                self.message(&format!("{name} could not be removed from the store: {reason}"));
            }
        }
    }
}

/// One line for a candidate's turn.
fn title(turn: Turn<'_>) -> String {
    let Turn { axis, candidate, round, rounds, parallel } = turn;
    format!("round {round} of {rounds}, {parallel}x: {}", tuned::setting(axis, candidate))
}

impl Observer for Progress<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(finding) => self.print(|printer| printer.finding(finding)),
            Event::Note(line) => self.message(&format!("  {line}")),
            Event::TransferStarted { label, total } => self.transfer(label, total),
            Event::TransferAdvanced { done } => {
                if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
                    bar.set_position(done.0);
                }
            }
            Event::TransferEnded => self.replace(None),
            Event::EngineStarting { engine, number, of } => {
                self.show_spinner(&format!("starting engine {number} of {of}: {}", engine.model));
            }
            Event::EngineReady { engine, took } => self.ready(engine, took),
            Event::ServerFound { url } => {
                self.message(&format!("measuring the server at {url}"));
            }
            Event::TeamPlanned { plan } => {
                self.message(&format!("stack {}: {}", plan.stack, plan::sharing(plan)));
            }
            Event::NoRoof => {
                self.message(
                    "no roof: the model of this server is not in the store or the catalog",
                );
            }
            Event::ProbeStarted => {
                self.show_spinner("measuring memory read bandwidth");
            }
            Event::ProbeEnded { read: None } => {
                self.replace(None);
                self.message("no memory roof: too little free memory to measure the bandwidth");
            }
            Event::ProbeEnded { read: Some((rate, threads)) } => {
                self.replace(None);
                let gb_s = rate.0 / 1e9;
                self.message(&format!(
                    "memory read bandwidth {gb_s:.1} GB/s with {}",
                    counted(threads, "thread")
                ));
            }
            Event::PromptRate { model, rate } => {
                self.message(&format!("{model}: prefill at {:.0} tok/s", rate.0));
            }
            Event::Bench(progress) => self.bench.show(progress),
            Event::Tune(event) => self.tuning(event),
            Event::Eval(progress) => self.evaluation(&progress),
        }
    }
}

impl Drop for Progress<'_> {
    /// Also runs after an error or Ctrl-C.
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}
