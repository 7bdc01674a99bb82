//! What happens at one level, and which part of it counts.
//!
//! Owns: the journal of requests and arrivals of one level, and the windows cut out of it. A pure
//! state machine: the time since the level began is a parameter.
//!
//! **Which time counts.** The load starts cold, so the first window opens only when every worker
//! has ended its first request, which was cut to a length of its own: from then on the requests in
//! flight are spread evenly over their lengths, and as many begin as end. A run in a hurry opens it
//! when every worker has had output and then a request ends: its first windows hold more tokens than
//! the prompts that go with them, a bias of at most the share of a step that prompts take. Each window closes with a request's end as well, the
//! first one at which it is long enough and holds its share of ends (one per worker, over all
//! windows); the next one opens there. Both edges thus lie at the same phase of the requests'
//! cycle: at 1x a window is whole requests, and neither prefill nor decode is counted more often
//! than it occurs. The windows of a level are trials of one load, back to back.
//!
//! **Which tokens count.** Usage arrives only at the end of a request, and a delta may hold several
//! tokens or a token none. So the tokens of a request are taken to be spread evenly over its
//! deltas: tokens inside a window = completion tokens × (deltas inside ÷ deltas in all). The sum
//! over adjoining windows is then exactly the usage, however the target cuts its deltas; a single
//! window is off by what one request's deltas at its two edges differ from the mean, which has no
//! direction. Requests still in flight when the level ends have no usage; theirs are taken at the
//! tokens per delta of all that finished. A failed request counts nothing.
//!
//! Invariants: no figure is negative; windows do not overlap; requests of the start, which are cut
//! short to spread the workers over the cycle, count as tokens but not as latencies.
//!
//! Does not do: send anything, or turn windows into statistics (`level`).

mod streak;

use std::time::Duration;

use self::streak::ConsecutiveFailures;
use crate::interval::{interval, relative_half_width};
use crate::target::Counted;
use crate::window::Window;

/// What one level needs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Workers, and thus streams in flight.
    pub level: u32,
    /// Whether each worker must have ended a request before the first window opens, and not only
    /// have had output.
    pub full_warm_up: bool,
    /// Windows wanted.
    pub trials: u32,
    /// Windows at most, where `narrow` wants more.
    pub most_trials: u32,
    /// Half of the interval to reach, as a share of the mean.
    pub narrow: Option<f64>,
    /// Shortest window.
    pub window: Duration,
    /// How long nothing but failures is borne.
    pub patience: Duration,
}

/// A request that ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// When it was sent.
    pub sent: Duration,
    /// When output arrived; at least one entry.
    pub outputs: Vec<Duration>,
    /// When it ended.
    pub ended: Duration,
    /// The target's count.
    pub counted: Counted,
    /// The first that its worker ended well, cut short.
    pub opening: bool,
}

impl Done {
    /// From the send to the end.
    pub fn e2e(&self) -> Duration {
        self.ended.saturating_sub(self.sent)
    }

    /// From the send to the first output.
    pub fn ttft(&self) -> Option<Duration> {
        self.outputs.first().map(|first| first.saturating_sub(self.sent))
    }

    /// (E2E − TTFT) ÷ (n − 1), n from the usage; `None` of a single token.
    pub fn tpot(&self) -> Option<Duration> {
        let gaps = self.counted.completion.checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some(self.e2e().saturating_sub(self.ttft()?) / gaps)
    }
}

/// How far the level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not all workers have had output, or no request has ended since.
    WarmUp,
    /// In the window of this index, from 0.
    Measuring(u32),
    /// All windows are measured.
    Complete,
    /// The target yields nothing but failures.
    Dead,
}

/// A worker's request in flight, and what is known of it from before.
#[derive(Clone, Debug, Default)]
struct Worker {
    sent: Option<Duration>,
    outputs: Vec<Duration>,
    warm: bool,
    answered: bool,
}

/// A window that is not closed yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    from: Duration,
    ended: u64,
    /// Requests × seconds outstanding.
    load: f64,
}

/// The journal of one level.
#[derive(Clone, Debug)]
pub struct Meter {
    rules: Rules,
    workers: Vec<Worker>,
    done: Vec<Done>,
    windows: Vec<Window>,
    open: Option<Open>,
    outstanding: u32,
    counted_to: Duration,
    failures: u64,
    streak: Option<ConsecutiveFailures>,
    dead: bool,
    complete: bool,
}

impl Meter {
    /// An empty journal.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            workers: (0..rules.level).map(|_| Worker::default()).collect(),
            done: Vec::new(),
            windows: Vec::new(),
            open: None,
            outstanding: 0,
            counted_to: Duration::ZERO,
            failures: 0,
            streak: None,
            dead: false,
            complete: false,
        }
    }

    /// A worker sends a request.
    pub fn sent(&mut self, worker: usize, now: Duration) {
        self.pass(now);
        self.outstanding += 1;
        let worker = &mut self.workers[worker];
        worker.sent = Some(now);
        worker.outputs.clear();
    }

    /// Output of a worker's request arrives.
    pub fn output(&mut self, worker: usize, now: Duration) {
        self.streak = None;
        let worker = &mut self.workers[worker];
        worker.warm = true;
        worker.outputs.push(now);
    }

    /// A worker's request ends well.
    pub fn finished(&mut self, worker: usize, now: Duration, counted: Counted) {
        self.pass(now);
        self.streak = None;
        let worker = &mut self.workers[worker];
        let Some(sent) = worker.sent.take() else { return };
        self.outstanding -= 1;
        worker.warm = true;
        let mut outputs = std::mem::take(&mut worker.outputs);
        if outputs.is_empty() {
            // Tokens without text (control tokens): all there is to time is the end.
            outputs.push(now);
        }
        let opening = !std::mem::replace(&mut worker.answered, true);
        self.done.push(Done { sent, outputs, ended: now, counted, opening });
        self.turn(now);
    }

    /// A worker's request fails; `gone` if the target could not be reached.
    pub fn failed(&mut self, worker: usize, now: Duration, gone: bool) {
        self.pass(now);
        if self.workers[worker].sent.take().is_some() {
            self.outstanding -= 1;
        }
        self.workers[worker].outputs.clear();
        self.failures += 1;
        let streak = self.streak.get_or_insert(ConsecutiveFailures::starting(now));
        streak.add(gone);
        self.dead |= streak.is_deadly(now, self.rules.patience);
    }

    /// The time is up: keeps the open window if it is long enough, or if there is no other.
    pub fn close(&mut self, now: Duration) {
        self.pass(now);
        let Some(open) = self.open.take() else { return };
        let long_enough = now.saturating_sub(open.from) >= self.rules.window;
        if now > open.from && (long_enough || self.windows.is_empty()) {
            self.keep(open, now);
        }
    }

    /// How far it is.
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

    /// How many edges of windows have passed: one when the first opens, and one when each closes.
    pub fn edges(&self) -> usize {
        let begun = self.open.is_some() || !self.windows.is_empty();
        if begun { self.windows.len() + 1 } else { 0 }
    }

    /// The windows that count, in time.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The requests that ended well, windows or not.
    pub fn into_done(self) -> Vec<Done> {
        self.done
    }

    /// The requests that failed, windows or not.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Workers that have had output.
    pub fn warm(&self) -> u32 {
        u32::try_from(self.workers.iter().filter(|worker| worker.warm).count()).unwrap_or(u32::MAX)
    }

    /// Output tokens per second in a window; see the module for which tokens count.
    pub fn tok_s(&self, window: &Window) -> f64 {
        self.tokens_in(window) / window.seconds()
    }

    /// Rate since the open window began, for a progress display; `None` outside a window.
    pub fn tok_s_so_far(&self, now: Duration) -> Option<f64> {
        let open = self.open.filter(|open| now > open.from)?;
        let so_far = Window { from: open.from, to: now, ended: open.ended, in_flight: 0.0 };
        Some(self.tok_s(&so_far))
    }

    /// Least time until the level is complete; `None` before the first window.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        let open = self.open?;
        let kept = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let more = self.rules.trials.saturating_sub(kept).saturating_sub(1);
        Some((open.from + self.rules.window).saturating_sub(now) + self.rules.window * more)
    }

    fn tokens_in(&self, window: &Window) -> f64 {
        let inside =
            |outputs: &[Duration]| outputs.iter().filter(|at| window.holds(**at)).count() as f64;
        let finished: f64 = self
            .done
            .iter()
            // Of most requests of a long level no arrival needs to be looked at.
            .filter(|done| done.ended > window.from && done.sent < window.to)
            .map(|done| {
                f64::from(done.counted.completion) * inside(&done.outputs)
                    / done.outputs.len() as f64
            })
            .sum();
        let in_flight: f64 = self.workers.iter().map(|worker| inside(&worker.outputs)).sum();
        finished + in_flight * self.tokens_per_output().unwrap_or(0.0)
    }

    fn tokens_per_output(&self) -> Option<f64> {
        let outputs: usize = self.done.iter().map(|done| done.outputs.len()).sum();
        let tokens: u64 = self.done.iter().map(|done| u64::from(done.counted.completion)).sum();
        (outputs > 0).then(|| tokens as f64 / outputs as f64)
    }

    /// A request has ended: opens or closes a window.
    fn turn(&mut self, now: Duration) {
        let fresh = Open { from: now, ended: 0, load: 0.0 };
        let Some(open) = &mut self.open else {
            let full = self.rules.full_warm_up;
            let warm = |worker: &Worker| if full { worker.answered } else { worker.warm };
            let warm = self.workers.iter().all(warm);
            if warm && self.state() == State::WarmUp {
                self.open = Some(fresh);
            }
            return;
        };
        open.ended += 1;
        let open = *open;
        let share = u64::from(self.rules.level.div_ceil(self.rules.trials));
        let lasted = now.saturating_sub(open.from);
        if open.ended >= share && lasted >= self.rules.window && !lasted.is_zero() {
            self.keep(open, now);
            if self.state() == State::WarmUp {
                self.open = Some(fresh);
            }
        }
    }

    fn keep(&mut self, open: Open, to: Duration) {
        let in_flight = open.load / to.saturating_sub(open.from).as_secs_f64();
        self.windows.push(Window { from: open.from, to, ended: open.ended, in_flight });
        self.open = None;
        self.complete = self.suffices();
    }

    /// Whether the windows are as many as are wanted, and their interval is as narrow.
    fn suffices(&self) -> bool {
        let Rules { trials, most_trials, narrow, .. } = self.rules;
        let kept = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let is_narrow = || {
            let rates: Vec<f64> = self.windows.iter().map(|window| self.tok_s(window)).collect();
            let reached = interval(&rates).and_then(relative_half_width);
            narrow.is_none_or(|narrow| reached.is_some_and(|reached| reached <= narrow))
        };
        kept >= trials && (kept >= most_trials || is_narrow())
    }

    /// Charges the requests outstanding until now to the open window.
    fn pass(&mut self, now: Duration) {
        if let Some(open) = &mut self.open {
            let since = self.counted_to.max(open.from);
            open.load += f64::from(self.outstanding) * now.saturating_sub(since).as_secs_f64();
        }
        self.counted_to = now;
    }
}

#[cfg(test)]
mod tests;
