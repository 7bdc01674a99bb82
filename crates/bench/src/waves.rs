//! The load of the paper's §3.2: all requests of a wave at once, the next wave when the last is done.
//!
//! Owns: the waves of one level, each of which is a trial: all its tokens ÷ the time from the first
//! send to the last end, the drain of the slow ones included.
//!
//! Invariants: a wave in which a request failed still counts, with the tokens of the others; one in
//! which all failed ends the level.
//!
//! Does not do: better than the paper. `closed_loop` does.

use std::time::Duration;

use futures::future::join_all;
use harmonic_types::Joules;
use tokio::time::{Instant, sleep};

use crate::asks::Asks;
use crate::closed_loop::Bench;
use crate::event_loop_lag::EventLoopLag;
use crate::measured::{Ended, Measured, Outcome, Trial};
use crate::meter::Done;
use crate::observer::{Observer, Phase, Progress};
use crate::target::{Target, TargetError};
use crate::window::Window;

/// Runs the waves of one level for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    bench: Bench<'_>,
    parallel: u32,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = bench.asks.config();
    let began = Instant::now();
    let mut measured = Measured::since(began);
    let mut first_error = None;
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let ended = 'waves: loop {
        let trial = u32::try_from(measured.trials.len()).unwrap_or(u32::MAX);
        if trial == config.trials {
            break Ended::Complete;
        }
        let before = bench.instruments.energy();
        let from = began.elapsed();
        let wave = wave(target, bench.asks, parallel, began);
        tokio::pin!(wave);
        let answers = loop {
            tokio::select! {
                biased;
                () = bench.stop.cancelled() => break 'waves Ended::Stopped,
                () = &mut end => break 'waves Ended::TimeUp,
                answers = &mut wave => break answers,
                () = event_loop_lag.tick(bench.instruments, true) => observer.progress(&Progress::Level {
                    parallel,
                    phase: Phase::Measuring { trial: trial + 1, of: config.trials, most: config.trials },
                    tok_s: None,
                    left: None,
                    left_at_most: limit.saturating_sub(began.elapsed()),
                }),
            }
        };
        let to = began.elapsed();
        let energy = before.zip(bench.instruments.energy());
        let sent = measured.counted.len();
        for answer in answers {
            match answer {
                Ok(done) => measured.counted.push(done),
                Err(error) => {
                    measured.failures += 1;
                    first_error.get_or_insert(error);
                }
            }
        }
        let done = &measured.counted[sent..];
        measured.streaming = measured.streaming.max(u32::try_from(done.len()).unwrap_or(u32::MAX));
        if done.is_empty() || to <= from {
            break Ended::TargetDied;
        }
        let seconds = to.saturating_sub(from).as_secs_f64();
        let tokens: f64 = done.iter().map(|done| f64::from(done.counted.completion)).sum();
        let load: f64 = done.iter().map(|done| done.e2e().as_secs_f64()).sum();
        let ended = done.len() as u64;
        measured.trials.push(Trial {
            window: Window { from, to, ended, in_flight: load / seconds },
            tok_s: tokens / seconds,
            joules: energy.map(|(before, after)| Joules(after.0 - before.0)),
        });
    };
    (measured.sensed, measured.lag) = event_loop_lag.found();
    Outcome { measured, ended, first_error }
}

/// `parallel` requests at once; resolves when the last has ended.
async fn wave<T: Target>(
    target: &T,
    asks: &Asks<'_>,
    parallel: u32,
    began: Instant,
) -> Vec<Result<Done, TargetError>> {
    join_all((0..parallel).map(|_| asks.timed(target, began))).await
}
