//! The load of an open loop: requests arrive at a rate, whether or not earlier ones are answered.
//!
//! Owns: the Poisson process of one rate, and the windows under it.
//!
//! **Which requests count.** The first window opens after one window's time of load. Latencies and
//! goodput are those of the requests that *arrived* in a window, however late they end: leaving out
//! the late ones would flatter a server that is overrun. The load goes on until they all have ended.
//! Throughput is what came in the windows.
//!
//! Invariants: arrivals are the seed's; one that would be more than [`Levels::MOST`] in flight is not
//! sent, and ends the level, since the server does not keep up.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use harmonic_types::Joules;
use tokio::time::{Instant, sleep, sleep_until};

use crate::closed_loop::Bench;
use crate::event_loop_lag::EventLoopLag;
use crate::levels::Levels;
use crate::measured::{Ended, Measured, Outcome, Trial};
use crate::meter::Done;
use crate::observer::{Observer, Phase, Progress};
use crate::target::{Target, TargetError};
use crate::window::Window;

/// Runs one rate, in requests per second, for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    bench: Bench<'_>,
    rate: f64,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = bench.asks.config();
    let began = Instant::now();
    let mut arrivals = Arrivals::new(config.seed, rate);
    let mut journal = Journal::new(began, config.window, config.trials);
    let mut in_flight = FuturesUnordered::new();
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let arrival = sleep_until(began + arrivals.next());
    tokio::pin!(arrival);
    let edge = sleep_until(began + journal.edge(0));
    tokio::pin!(edge);
    let ended = loop {
        tokio::select! {
            biased;
            () = bench.stop.cancelled() => break Ended::Stopped,
            () = &mut end => break Ended::TimeUp,
            () = &mut edge, if !journal.has_all_edges() => {
                journal.energy.push(bench.instruments.energy());
                journal.loads.push(in_flight.len());
                edge.as_mut().reset(began + journal.edge(journal.energy.len()));
            }
            () = &mut arrival => {
                let sent = began.elapsed();
                if in_flight.len() >= Levels::MOST as usize {
                    break Ended::Overrun;
                }
                journal.arrived(sent);
                in_flight.push(async move { (sent, bench.asks.timed(target, began).await) });
                arrival.as_mut().reset(began + arrivals.next());
            }
            Some((sent, answer)) = in_flight.next() => {
                journal.answered(sent, answer);
                if journal.is_dead(config.patience) {
                    break Ended::TargetDied;
                }
            }
            () = event_loop_lag.tick(bench.instruments, journal.measures()) => {
                observer.progress(&journal.progress(in_flight.len(), limit));
            }
        }
        if journal.is_complete() {
            break Ended::Complete;
        }
    };
    drop(in_flight);
    journal.outcome(ended, &event_loop_lag)
}

/// Seconds after which nobody waits for an arrival; a clock can be asked for it.
const NEVER_S: f64 = 1e9;

/// A Poisson process: the gaps are exponential.
struct Arrivals {
    dice: fastrand::Rng,
    rate: f64,
    at: f64,
}

impl Arrivals {
    fn new(seed: u64, rate: f64) -> Self {
        Self { dice: fastrand::Rng::with_seed(seed ^ rate.to_bits()), rate, at: 0.0 }
    }

    /// When the next one comes, since the beginning.
    fn next(&mut self) -> Duration {
        // 1 − u is above 0 and at most 1.
        self.at -= (1.0 - self.dice.f64()).ln() / self.rate;
        Duration::from_secs_f64(self.at.min(NEVER_S))
    }
}

/// What happens under the load.
struct Journal {
    measured: Measured,
    window: Duration,
    trials: u32,
    /// Energy at each edge so far.
    energy: Vec<Option<Joules>>,
    /// In flight at each edge so far.
    loads: Vec<usize>,
    /// Arrived in a window and not answered yet.
    awaited: u64,
    first_error: Option<TargetError>,
    failing_since: Option<Duration>,
}

impl Journal {
    fn new(began: Instant, window: Duration, trials: u32) -> Self {
        Self {
            measured: Measured::since(began),
            window,
            trials,
            energy: Vec::new(),
            loads: Vec::new(),
            awaited: 0,
            first_error: None,
            failing_since: None,
        }
    }

    /// The edge of this index: the first opens the first window.
    fn edge(&self, index: usize) -> Duration {
        self.window * u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    fn has_all_edges(&self) -> bool {
        self.energy.len() > self.trials as usize
    }

    fn measures(&self) -> bool {
        !self.energy.is_empty() && !self.has_all_edges()
    }

    fn counts(&self, sent: Duration) -> bool {
        sent > self.edge(0) && sent <= self.edge(self.trials as usize)
    }

    fn arrived(&mut self, sent: Duration) {
        self.awaited += u64::from(self.counts(sent));
    }

    fn answered(&mut self, sent: Duration, answer: Result<Done, TargetError>) {
        let counts = self.counts(sent);
        self.awaited -= u64::from(counts);
        match answer {
            Ok(done) => {
                self.failing_since = None;
                let kept =
                    if counts { &mut self.measured.counted } else { &mut self.measured.others };
                kept.push(done);
            }
            Err(error) => {
                self.measured.failures += 1;
                self.failing_since.get_or_insert(self.measured.began.elapsed());
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn is_dead(&self, patience: Duration) -> bool {
        let now = self.measured.began.elapsed();
        self.failing_since.is_some_and(|since| now.saturating_sub(since) >= patience)
    }

    fn is_complete(&self) -> bool {
        self.has_all_edges() && self.awaited == 0
    }

    fn progress(&self, in_flight: usize, limit: Duration) -> Progress<'static> {
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        let now = self.measured.began.elapsed();
        let trial = u32::try_from(self.energy.len()).unwrap_or(u32::MAX).min(self.trials);
        let phase = match trial {
            0 => Phase::WarmUp { streaming: in_flight },
            trial => Phase::Measuring { trial, of: self.trials, most: self.trials },
        };
        Progress::Level {
            parallel: in_flight,
            phase,
            tok_s: None,
            left: Some(self.edge(self.trials as usize).saturating_sub(now)),
            left_at_most: limit.saturating_sub(now),
        }
    }

    fn outcome(mut self, ended: Ended, event_loop_lag: &EventLoopLag) -> Outcome {
        let complete = self.energy.len().saturating_sub(1);
        self.measured.trials = (0..complete).map(|index| self.trial(index)).collect();
        self.measured.failures += self.awaited;
        let most = self.loads.iter().copied().max().unwrap_or(0);
        self.measured.streaming = u32::try_from(most).unwrap_or(u32::MAX);
        (self.measured.sensed, self.measured.lag) = event_loop_lag.found();
        let ended =
            if self.is_overrun() && ended == Ended::Complete { Ended::Overrun } else { ended };
        Outcome { measured: self.measured, ended, first_error: self.first_error }
    }

    /// Whether more and more requests are in flight: by more than half from the first edge to the
    /// last, and more from each to the next. Chance alone does that now and then with few.
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
        for done in self.measured.done().filter(|done| done.ended > from && done.sent < to) {
            let inside = done.outputs.iter().filter(|at| window.holds(**at)).count();
            let share = inside as f64 / done.outputs.len() as f64;
            tokens += f64::from(done.counted.completion) * share;
            load += done.ended.min(to).saturating_sub(done.sent.max(from));
            window.ended += u64::from(window.holds(done.ended));
        }
        let seconds = window.seconds();
        window.in_flight = load.as_secs_f64() / seconds;
        let energy = self.energy[index].zip(self.energy[index + 1]);
        let joules = energy.map(|(before, after)| Joules(after.0 - before.0));
        Trial { window, tok_s: tokens / seconds, joules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_next_to_zero_is_a_time_that_a_clock_has() {
        let at = Arrivals::new(7, f64::MIN_POSITIVE).next();
        assert!(Instant::now().checked_add(at).is_some(), "{at:?}");
    }

    #[test]
    fn gaps_have_the_mean_and_the_spread_of_a_poisson_process() {
        let mut arrivals = Arrivals::new(7, 4.0);
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
