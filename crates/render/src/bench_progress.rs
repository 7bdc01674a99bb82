//! Progress of a running benchmark.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use harmonic_bench::{BenchEvent, LoadPoint, Phase};
use harmonic_report::terminal;
use harmonic_types::{LevelResult, counted, duration_text};

use crate::bar::{Bar, BarKind};
use crate::printer::Printer;

/// Prints the name of each model and each of its completed levels; on a terminal also shows the state of the current level, the curve
/// so far and the time left.
pub(crate) struct BenchProgress<'a> {
    printer: &'a Printer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<Bar>,
    /// Throughput in tok/s of completed levels, by parallelism.
    done: BTreeMap<u32, f64>,
    series: Option<String>,
    point: Option<LoadPoint>,
    /// Levels after the current one.
    to_come: u32,
    times: LevelTimes,
}

/// Duration of completed levels.
#[derive(Default)]
struct LevelTimes {
    began: Option<Instant>,
    levels: u32,
}

impl<'a> BenchProgress<'a> {
    /// Progress on `printer`'s terminal.
    pub(crate) fn on(printer: &'a Printer) -> Self {
        Self { printer, state: Mutex::new(State::default()) }
    }

    fn message(&self, state: &State, line: &str) {
        match &state.bar {
            Some(bar) => bar.suspend(|| self.printer.message(line)),
            None => self.printer.message(line),
        }
    }

    fn start_level(&self, state: &mut State, model: &str, point: LoadPoint, number: u32, of: u32) {
        if self.printer.is_live() {
            let columns = self.printer.line_columns();
            let bar =
                state.bar.get_or_insert_with(|| Bar::new(columns, BarKind::Levels(of.into()), ""));
            bar.set_length(of.into());
            bar.set_position(u64::from(number - 1));
        }
        if state.series.as_deref() != Some(model) {
            state.series = Some(model.to_owned());
            state.done.clear();
            self.message(state, &format!("  {model}"));
        }
        state.point = Some(point);
        state.to_come = of.saturating_sub(number);
        state.times.began.get_or_insert_with(Instant::now);
        if let Some(bar) = &state.bar {
            bar.set_message(&format!("{point}: warming up"));
        }
    }

    fn finish_level(&self, state: &mut State, point: LoadPoint, level: &LevelResult) {
        state.times.levels += 1;
        if let (LoadPoint::Parallel(parallel), Some(rate)) = (point, level.tok_s) {
            state.done.insert(parallel, rate.mean);
        }
        let single = state.done.get(&1).filter(|_| level.parallel > 1);
        self.message(state, &crate::bench::level(point, level, single.copied()));
    }
}

impl State {
    fn bar_message(&self, phase: Phase, tok_s: Option<f64>, left: Duration) -> String {
        let point = self.point.map(|point| point.to_string()).unwrap_or_default();
        let activity = match phase {
            Phase::WarmUp { streaming } => format!("warming up, {}", counted(streaming, "stream")),
            Phase::Measuring { trial, of, most } => {
                let most = if most > of { format!(" (at most {most})") } else { String::new() };
                let rate = tok_s.map(|rate| format!(", {rate:.0} tok/s")).unwrap_or_default();
                format!("window {trial} of {of}{most}{rate}")
            }
        };
        let curve: Vec<f64> = self.done.values().copied().collect();
        let curve = match terminal::spark(&curve) {
            spark if spark.is_empty() => spark,
            spark => format!("  {spark}"),
        };
        format!("{point}: {activity}{curve}  {}", self.time_left(left))
    }

    /// Remaining time of this level, plus the mean duration of the completed levels for each one to
    /// come.
    fn time_left(&self, of_level: Duration) -> String {
        let LevelTimes { began: Some(began), levels } = self.times else { return String::new() };
        let each = if levels > 0 { began.elapsed() / (levels + 1) } else { of_level };
        match (of_level + each * self.to_come).as_secs() {
            seconds @ 0..100 => format!("about {seconds} s left"),
            seconds => {
                let whole_minutes = Duration::from_secs(seconds.div_ceil(60) * 60);
                format!("about {} left", duration_text(whole_minutes))
            }
        }
    }
}

impl BenchProgress<'_> {
    /// Handles a progress event.
    pub(crate) fn show(&self, progress: &BenchEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *progress {
            BenchEvent::Idle { lasts } => {
                let line = format!("  measuring the idle machine for {}", duration_text(lasts));
                self.message(&state, &line);
            }
            BenchEvent::Disturbed { by } => {
                self.message(&state, &format!("  the machine is busy: {by}"));
                self.message(&state, "  there is no sweet spot if it stays so");
            }
            BenchEvent::LevelStarted { load, point, number, of } => {
                self.start_level(&mut state, &load.model, point, number, of);
            }
            BenchEvent::Level { phase, tok_s, left, left_at_most, .. } => {
                if let Some(bar) = &state.bar {
                    let left = left.unwrap_or(left_at_most).min(left_at_most);
                    bar.set_message(&state.bar_message(phase, tok_s, left));
                }
            }
            BenchEvent::LevelDone { point, result } => self.finish_level(&mut state, point, result),
        }
    }
}

impl Drop for BenchProgress<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }
}
