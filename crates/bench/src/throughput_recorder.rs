//! Recorder of one level of a closed loop, and the selection of its measurement windows.
//!
//! Owns: the events of all requests of one level, and the windows taken from them. A pure state
//! machine: the time since the start of the level is a parameter.
//!
//! **Windows.** The load starts cold, so the first window opens only when every worker has ended
//! its first request, each shortened to a different length: from then on the requests in flight are
//! spread evenly over their lengths, and starts and ends balance. Without full warm-up it opens when
//! every worker has had output and then a request ends: the first windows then contain more tokens
//! than the matching prefills, a bias of at most the prefill's share of a step. Each window closes
//! at the end of a request, the first at which it is long enough and contains its share of ends (one
//! per worker, over all windows); the next one opens there. Both edges thus lie at the same phase of
//! the request cycle: at 1x a window consists of whole requests, and neither prefill nor decode is
//! over-represented. The windows of a level are consecutive trials of one load.
//!
//! **Tokens.** Usage arrives only at the end of a request, and a delta may carry several tokens, or
//! a token produce no delta. The tokens of a request are therefore distributed evenly over its
//! deltas: tokens inside a window = completion tokens × (deltas inside ÷ all deltas). The sum over
//! adjacent windows then equals the usage for any division into deltas; the error of a single window
//! is the deviation of the deltas at its two edges from the mean, which is unbiased. Requests still
//! in flight when the level ends have no usage; they are counted at the mean tokens per delta of all
//! completed requests. Failed requests are not counted.
//!
//! Invariants: no figure is negative; windows do not overlap; first requests, shortened to spread
//! the workers over the cycle, contribute tokens but not latencies.
//!
//! Does not do: send requests, or compute statistics of windows (`level`).

mod consecutive_failures;

use std::time::Duration;

use self::consecutive_failures::ConsecutiveFailures;
use harmonic_perfmodel::relative_half_width;

use crate::completed_request::CompletedRequest;
use crate::interval::interval;
use crate::target::ReportedUsage;
use crate::window::Window;

/// Settings of the recorder.
#[derive(Clone, Copy, Debug)]
pub struct RecorderConfig {
    /// Number of workers, and thus of streams in flight.
    pub level: u32,
    /// Whether each worker must have ended a request, and not only have had output, before the
    /// first window opens.
    pub full_warm_up: bool,
    /// Minimum number of windows.
    pub trials: u32,
    /// Maximum number of windows, if `target_half_width` requires more than `trials`.
    pub max_trials: u32,
    /// Half-width of the interval to reach, as a fraction of the mean.
    pub target_half_width: Option<f64>,
    /// Minimum length of a window.
    pub window: Duration,
    /// Time of uninterrupted failures after which the target counts as dead.
    pub patience: Duration,
}

/// State of the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not all workers are warm, or no request has ended since.
    WarmUp,
    /// In the window of this index, from 0.
    Measuring(u32),
    /// All windows are measured.
    Complete,
    /// All requests fail.
    Dead,
}

/// State of a worker and its request in flight.
#[derive(Clone, Debug, Default)]
struct Worker {
    sent: Option<Duration>,
    outputs: Vec<Duration>,
    warm: bool,
    answered: bool,
}

/// A window that is not yet closed.
#[derive(Clone, Copy, Debug)]
struct OpenWindow {
    from: Duration,
    ended: u64,
    /// Integral of the outstanding requests, in request-seconds.
    load: f64,
}

/// Recorder of one level.
#[derive(Clone, Debug)]
pub struct ThroughputRecorder {
    config: RecorderConfig,
    workers: Vec<Worker>,
    done: Vec<CompletedRequest>,
    windows: Vec<Window>,
    open: Option<OpenWindow>,
    outstanding: u32,
    accrued_to: Duration,
    failures: u64,
    consecutive_failures: Option<ConsecutiveFailures>,
    dead: bool,
    complete: bool,
}

impl ThroughputRecorder {
    /// Empty recorder.
    pub fn new(config: RecorderConfig) -> Self {
        Self {
            config,
            workers: (0..config.level).map(|_| Worker::default()).collect(),
            done: Vec::new(),
            windows: Vec::new(),
            open: None,
            outstanding: 0,
            accrued_to: Duration::ZERO,
            failures: 0,
            consecutive_failures: None,
            dead: false,
            complete: false,
        }
    }

    /// Records that a worker sends a request.
    pub fn sent(&mut self, worker: usize, now: Duration) {
        self.accrue_load(now);
        self.outstanding += 1;
        let worker = &mut self.workers[worker];
        worker.sent = Some(now);
        worker.outputs.clear();
    }

    /// Records output of a worker's request.
    pub fn output(&mut self, worker: usize, now: Duration) {
        self.consecutive_failures = None;
        let worker = &mut self.workers[worker];
        worker.warm = true;
        worker.outputs.push(now);
    }

    /// Records that a worker's request completes.
    pub fn finished(&mut self, worker: usize, now: Duration, usage: ReportedUsage) {
        self.accrue_load(now);
        self.consecutive_failures = None;
        let worker = &mut self.workers[worker];
        let Some(sent) = worker.sent.take() else { return };
        self.outstanding -= 1;
        worker.warm = true;
        let mut outputs = std::mem::take(&mut worker.outputs);
        if outputs.is_empty() {
            // Tokens without text (control tokens): only the end can be timed.
            outputs.push(now);
        }
        let shortened = !std::mem::replace(&mut worker.answered, true);
        self.done.push(CompletedRequest { sent, outputs, ended: now, usage, shortened });
        self.request_ended(now);
    }

    /// Records that a worker's request fails; `gone` if the target could not be reached.
    pub fn failed(&mut self, worker: usize, now: Duration, gone: bool) {
        self.accrue_load(now);
        if self.workers[worker].sent.take().is_some() {
            self.outstanding -= 1;
        }
        self.workers[worker].outputs.clear();
        self.failures += 1;
        let consecutive_failures =
            self.consecutive_failures.get_or_insert(ConsecutiveFailures::starting(now));
        consecutive_failures.add(gone);
        self.dead |= consecutive_failures.is_target_dead(now, self.config.patience);
    }

    /// Ends the level at its time limit: keeps the open window if a request ended in it and it is long
    /// enough, or the only one.
    pub fn finish(&mut self, now: Duration) {
        self.accrue_load(now);
        let Some(open) = self.open.take() else { return };
        let long_enough = now.saturating_sub(open.from) >= self.config.window;
        let is_only = self.windows.is_empty();
        if now > open.from && open.ended > 0 && (long_enough || is_only) {
            self.close_window(open, now);
        }
    }

    /// State of the level.
    pub fn state(&self) -> State {
        let kept = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        if self.dead {
            State::Dead
        } else if self.complete {
            State::Complete
        } else if self.open.is_some() {
            State::Measuring(kept)
        } else {
            State::WarmUp
        }
    }

    /// Number of window edges passed: one when the first opens, and one when each closes.
    pub fn edges(&self) -> usize {
        let begun = self.open.is_some() || !self.windows.is_empty();
        if begun { self.windows.len() + 1 } else { 0 }
    }

    /// Closed windows in chronological order.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// All completed requests, within windows or not.
    pub fn into_done(self) -> Vec<CompletedRequest> {
        self.done
    }

    /// Number of failed requests, within windows or not.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Number of workers that have had output.
    pub fn warm(&self) -> u32 {
        u32::try_from(self.workers.iter().filter(|worker| worker.warm).count()).unwrap_or(u32::MAX)
    }

    /// Output tokens per second in a window, counted as described in the module documentation.
    pub fn tok_s(&self, window: &Window) -> f64 {
        self.tokens_in(window) / window.seconds()
    }

    /// Provisional output tokens per second in the open window; `None` outside a window.
    pub fn tok_s_so_far(&self, now: Duration) -> Option<f64> {
        let open = self.open.filter(|open| now > open.from)?;
        let so_far = Window { from: open.from, to: now, ended: open.ended, in_flight: 0.0 };
        Some(self.tok_s(&so_far))
    }

    /// Minimum time until the level is complete; `None` before the first window.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        let open = self.open?;
        let kept = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let more = self.config.trials.saturating_sub(kept).saturating_sub(1);
        Some((open.from + self.config.window).saturating_sub(now) + self.config.window * more)
    }

    fn tokens_in(&self, window: &Window) -> f64 {
        let inside =
            |outputs: &[Duration]| outputs.iter().filter(|at| window.contains(**at)).count() as f64;
        let finished: f64 = self
            .done
            .iter()
            // Skips the outputs of most requests of a long level.
            .filter(|done| done.ended > window.from && done.sent < window.to)
            .map(|done| {
                f64::from(done.usage.completion_tokens) * inside(&done.outputs)
                    / done.outputs.len() as f64
            })
            .sum();
        let in_flight: f64 = self.workers.iter().map(|worker| inside(&worker.outputs)).sum();
        finished + in_flight * self.tokens_per_output().unwrap_or(0.0)
    }

    fn tokens_per_output(&self) -> Option<f64> {
        let outputs: usize = self.done.iter().map(|done| done.outputs.len()).sum();
        let tokens: u64 =
            self.done.iter().map(|done| u64::from(done.usage.completion_tokens)).sum();
        (outputs > 0).then(|| tokens as f64 / outputs as f64)
    }

    /// Opens or closes a window at the end of a request.
    fn request_ended(&mut self, now: Duration) {
        let fresh = OpenWindow { from: now, ended: 0, load: 0.0 };
        let Some(open) = &mut self.open else {
            let full = self.config.full_warm_up;
            let warm = |worker: &Worker| if full { worker.answered } else { worker.warm };
            let warm = self.workers.iter().all(warm);
            if warm && self.state() == State::WarmUp {
                self.open = Some(fresh);
            }
            return;
        };
        open.ended += 1;
        let open = *open;
        let share = u64::from(self.config.level.div_ceil(self.config.trials));
        let lasted = now.saturating_sub(open.from);
        if open.ended >= share && lasted >= self.config.window && !lasted.is_zero() {
            self.close_window(open, now);
            if self.state() == State::WarmUp {
                self.open = Some(fresh);
            }
        }
    }

    fn close_window(&mut self, open: OpenWindow, to: Duration) {
        let in_flight = open.load / to.saturating_sub(open.from).as_secs_f64();
        self.windows.push(Window { from: open.from, to, ended: open.ended, in_flight });
        self.open = None;
        self.complete = self.is_sufficient();
    }

    /// Whether there are enough windows and their interval is narrow enough.
    fn is_sufficient(&self) -> bool {
        let RecorderConfig { trials, max_trials, target_half_width, .. } = self.config;
        let kept = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let is_narrow = || {
            let rates: Vec<f64> = self.windows.iter().map(|window| self.tok_s(window)).collect();
            let reached = interval(&rates).and_then(relative_half_width);
            target_half_width.is_none_or(|target_half_width| {
                reached.is_some_and(|reached| reached <= target_half_width)
            })
        };
        kept >= trials && (kept >= max_trials || is_narrow())
    }

    /// Adds the request-seconds since the last call to the open window.
    fn accrue_load(&mut self, now: Duration) {
        if let Some(open) = &mut self.open {
            let since = self.accrued_to.max(open.from);
            open.load += f64::from(self.outstanding) * now.saturating_sub(since).as_secs_f64();
        }
        self.accrued_to = now;
    }
}

#[cfg(test)]
mod tests;
