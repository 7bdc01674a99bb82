//! Open loop: requests arrive at a rate, independent of the completion of earlier ones.
//!
//! Owns: the Poisson process of one rate, and the windows under it.
//!
//! **Sampling.** The first window opens after one window's time of load. Latencies and goodput are
//! those of the requests that *arrived* within a window, however late they end: ignoring the late
//! ones would favour an overloaded server. The load continues until all of them have ended.
//! Throughput is the output within the windows.
//!
//! Invariants: arrivals are determined by the seed; an arrival that would exceed [`Levels::MAX`]
//! requests in flight is not sent and ends the level, because the server is overloaded.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until};

use crate::closed_loop::LoadContext;
use crate::completed_request::CompletedRequest;
use crate::event_loop_lag::EventLoopLag;
use crate::levels::Levels;
use crate::measurement::{EndReason, Measurement, Outcome, Trial};
use crate::observer::{BenchEvent, Observer, Phase};
use crate::target::{Target, TargetError};
use crate::telemetry::EdgeReading;
use crate::window::Window;

/// Runs one rate, in requests per second, for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    context: LoadContext<'_>,
    rate: f64,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = context.workload.config();
    let started = Instant::now();
    let mut arrivals = PoissonArrivals::new(config.seed, rate);
    let mut recorder = OpenLoopRecorder::new(started, config.window, config.trials);
    let mut in_flight = FuturesUnordered::new();
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let arrival = sleep_until(started + arrivals.next());
    tokio::pin!(arrival);
    let edge = sleep_until(started + recorder.edge(0));
    tokio::pin!(edge);
    let ended = loop {
        tokio::select! {
            biased;
            () = context.stop.cancelled() => break EndReason::Stopped,
            () = &mut end => break EndReason::TimeUp,
            () = &mut edge, if !recorder.has_all_edges() => {
                recorder.edges.push(context.telemetry.read_edge());
                recorder.loads.push(in_flight.len());
                edge.as_mut().reset(started + recorder.edge(recorder.edges.len()));
            }
            () = &mut arrival => {
                let sent = started.elapsed();
                if in_flight.len() >= Levels::MAX as usize {
                    break EndReason::Overrun;
                }
                recorder.arrived(sent);
                in_flight.push(async move { (sent, context.workload.timed(target, started).await) });
                arrival.as_mut().reset(started + arrivals.next());
            }
            Some((sent, answer)) = in_flight.next() => {
                recorder.answered(sent, answer);
                if recorder.is_dead(config.patience) {
                    break EndReason::TargetDied;
                }
            }
            () = event_loop_lag.tick(context.telemetry, recorder.is_measuring()) => {
                observer.event(&recorder.progress(in_flight.len(), limit));
            }
        }
        if recorder.is_complete() {
            break EndReason::Complete;
        }
    };
    drop(in_flight);
    recorder.outcome(ended, &event_loop_lag)
}

/// Upper limit of an arrival time in seconds, still representable by the clock.
const NEVER_S: f64 = 1e9;

/// Poisson process: exponentially distributed gaps.
struct PoissonArrivals {
    rng: fastrand::Rng,
    rate: f64,
    at: f64,
}

impl PoissonArrivals {
    fn new(seed: u64, rate: f64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed ^ rate.to_bits()), rate, at: 0.0 }
    }

    /// Time of the next arrival, relative to the start.
    fn next(&mut self) -> Duration {
        // 1 − u is above 0 and at most 1.
        self.at -= (1.0 - self.rng.f64()).ln() / self.rate;
        Duration::from_secs_f64(self.at.min(NEVER_S))
    }
}

/// Recorder of the load of one rate.
struct OpenLoopRecorder {
    measurement: Measurement,
    window: Duration,
    trials: u32,
    /// Readings at each edge so far.
    edges: Vec<EdgeReading>,
    /// Requests in flight at each edge so far.
    loads: Vec<usize>,
    /// Requests that arrived within a window and have not ended.
    awaited: u64,
    first_error: Option<TargetError>,
    failing_since: Option<Duration>,
}

impl OpenLoopRecorder {
    fn new(started: Instant, window: Duration, trials: u32) -> Self {
        Self {
            measurement: Measurement::since(started),
            window,
            trials,
            edges: Vec::new(),
            loads: Vec::new(),
            awaited: 0,
            first_error: None,
            failing_since: None,
        }
    }

    /// Edge of this index; edge 0 opens the first window.
    fn edge(&self, index: usize) -> Duration {
        self.window * u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    fn has_all_edges(&self) -> bool {
        self.edges.len() > self.trials as usize
    }

    fn is_measuring(&self) -> bool {
        !self.edges.is_empty() && !self.has_all_edges()
    }

    fn is_sampled(&self, sent: Duration) -> bool {
        sent > self.edge(0) && sent <= self.edge(self.trials as usize)
    }

    fn arrived(&mut self, sent: Duration) {
        self.awaited += u64::from(self.is_sampled(sent));
    }

    fn answered(&mut self, sent: Duration, answer: Result<CompletedRequest, TargetError>) {
        let is_sampled = self.is_sampled(sent);
        self.awaited -= u64::from(is_sampled);
        match answer {
            Ok(done) => {
                self.failing_since = None;
                let kept = if is_sampled {
                    &mut self.measurement.sampled
                } else {
                    &mut self.measurement.unsampled
                };
                kept.push(done);
            }
            Err(error) => {
                self.measurement.failures += 1;
                self.failing_since.get_or_insert(self.measurement.started.elapsed());
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn is_dead(&self, patience: Duration) -> bool {
        let now = self.measurement.started.elapsed();
        self.failing_since.is_some_and(|since| now.saturating_sub(since) >= patience)
    }

    fn is_complete(&self) -> bool {
        self.has_all_edges() && self.awaited == 0
    }

    fn progress(&self, in_flight: usize, limit: Duration) -> BenchEvent<'static> {
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        let now = self.measurement.started.elapsed();
        let trial = u32::try_from(self.edges.len()).unwrap_or(u32::MAX).min(self.trials);
        let phase = match trial {
            0 => Phase::WarmUp { streaming: in_flight },
            trial => Phase::Measuring { trial, of: self.trials, most: self.trials },
        };
        BenchEvent::Level {
            parallel: in_flight,
            phase,
            tok_s: None,
            left: Some(self.edge(self.trials as usize).saturating_sub(now)),
            left_at_most: limit.saturating_sub(now),
        }
    }

    fn outcome(mut self, ended: EndReason, event_loop_lag: &EventLoopLag) -> Outcome {
        let complete = self.edges.len().saturating_sub(1);
        self.measurement.trials = (0..complete).map(|index| self.trial(index)).collect();
        self.measurement.failures += self.awaited;
        let most = self.loads.iter().copied().max().unwrap_or(0);
        self.measurement.streaming = u32::try_from(most).unwrap_or(u32::MAX);
        (self.measurement.sensor_summary, self.measurement.lag) = event_loop_lag.summary();
        let ended = if self.is_overrun() && ended == EndReason::Complete {
            EndReason::Overrun
        } else {
            ended
        };
        Outcome { measurement: self.measurement, ended, first_error: self.first_error }
    }

    /// Whether the requests in flight keep growing: at every edge, and by more than half from the
    /// first to the last. The constant tolerates chance growth of small numbers.
    fn is_overrun(&self) -> bool {
        let (Some(first), Some(last)) = (self.loads.first(), self.loads.last()) else {
            return false;
        };
        self.loads.windows(2).all(|pair| pair[1] > pair[0]) && *last > first * 3 / 2 + 8
    }

    fn trial(&self, index: usize) -> Trial {
        let (from, to) = (self.edge(index), self.edge(index + 1));
        let mut window = Window { from, to, ended: 0, in_flight: 0.0 };
        let mut tokens = 0.0;
        let mut load = Duration::ZERO;
        for done in self.measurement.done().filter(|done| done.ended > from && done.sent < to) {
            let inside = done.outputs.iter().filter(|at| window.contains(**at)).count();
            let share = inside as f64 / done.outputs.len() as f64;
            tokens += f64::from(done.usage.completion_tokens) * share;
            load += done.ended.min(to).saturating_sub(done.sent.max(from));
            window.ended += u64::from(window.contains(done.ended));
        }
        let seconds = window.seconds();
        window.in_flight = load.as_secs_f64() / seconds;
        let (before, after) = (&self.edges[index], &self.edges[index + 1]);
        let (joules, load) = (after.joules_since(before), after.load_since(before));
        Trial { window, tok_s: tokens / seconds, joules, load }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_next_to_zero_is_a_time_that_a_clock_has() {
        let at = PoissonArrivals::new(7, f64::MIN_POSITIVE).next();
        assert!(Instant::now().checked_add(at).is_some(), "{at:?}");
    }

    #[test]
    fn gaps_have_the_mean_and_the_spread_of_a_poisson_process() {
        let mut arrivals = PoissonArrivals::new(7, 4.0);
        let mut before = 0.0;
        let gaps: Vec<f64> = (0..20_000)
            .map(|_| {
                let at = arrivals.next().as_secs_f64();
                at - std::mem::replace(&mut before, at)
            })
            .collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((mean * 4.0 - 1.0).abs() < 0.03, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{variance}");
        assert!(gaps.iter().all(|gap| *gap > 0.0));
    }
}
