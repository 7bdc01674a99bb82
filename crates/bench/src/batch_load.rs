//! Batch load of the paper's §3.2: all requests of a batch at once, the next batch after the last
//! response.
//!
//! Owns: the batches of one level, each of which is a trial: all its tokens ÷ the time from the
//! first send to the last end, including the drain of slow requests.
//!
//! Invariants: a batch with a failed request counts with the tokens of the others; a batch in which
//! all requests failed ends the level.
//!
//! Does not do: correct the flaws of the paper's protocol (`closed_loop` does).

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use crate::closed_loop::LoadContext;
use crate::completed_request::CompletedRequest;
use crate::event_loop_lag::EventLoopLag;
use crate::measurement::{EndReason, Measurement, Outcome, Trial};
use crate::observer::{BenchEvent, Observer, Phase};
use crate::target::{Target, TargetError};
use crate::window::Window;
use crate::workload::Workload;

/// Runs the batches of one level for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    context: LoadContext<'_>,
    parallel: u32,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = context.workload.config();
    let started = Instant::now();
    let mut measurement = Measurement::since(started);
    let mut first_error = None;
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let ended = 'batches: loop {
        let trial = u32::try_from(measurement.trials.len()).unwrap_or(u32::MAX);
        if trial == config.trials {
            break EndReason::Complete;
        }
        let before = context.telemetry.read_edge();
        let from = started.elapsed();
        let batch = batch(target, context.workload, parallel, started);
        tokio::pin!(batch);
        let answers = loop {
            tokio::select! {
                biased;
                () = context.stop.cancelled() => break 'batches EndReason::Stopped,
                () = &mut end => break 'batches EndReason::TimeUp,
                answers = &mut batch => break answers,
                () = event_loop_lag.tick(context.telemetry, true) => observer.event(&BenchEvent::Level {
                    parallel,
                    phase: Phase::Measuring { trial: trial + 1, of: config.trials, most: config.trials },
                    tok_s: None,
                    left: None,
                    left_at_most: limit.saturating_sub(started.elapsed()),
                }),
            }
        };
        let to = started.elapsed();
        let after = context.telemetry.read_edge();
        let sent = measurement.sampled.len();
        for answer in answers {
            match answer {
                Ok(done) => measurement.sampled.push(done),
                Err(error) => {
                    measurement.failures += 1;
                    first_error.get_or_insert(error);
                }
            }
        }
        let done = &measurement.sampled[sent..];
        measurement.streaming =
            measurement.streaming.max(u32::try_from(done.len()).unwrap_or(u32::MAX));
        if done.is_empty() || to <= from {
            break EndReason::TargetDied;
        }
        let seconds = to.saturating_sub(from).as_secs_f64();
        let tokens: f64 = done.iter().map(|done| f64::from(done.usage.completion_tokens)).sum();
        let load: f64 = done.iter().map(|done| done.e2e().as_secs_f64()).sum();
        let ended = done.len() as u64;
        measurement.trials.push(Trial {
            window: Window { from, to, ended, in_flight: load / seconds },
            tok_s: tokens / seconds,
            joules: after.joules_since(&before),
            load: after.load_since(&before),
        });
    };
    (measurement.sensor_summary, measurement.lag) = event_loop_lag.summary();
    Outcome { measurement, ended, first_error }
}

/// Sends `parallel` requests at once; resolves when the last has ended.
async fn batch<T: Target>(
    target: &T,
    workload: &Workload<'_>,
    parallel: u32,
    started: Instant,
) -> Vec<Result<CompletedRequest, TargetError>> {
    join_all((0..parallel).map(|_| workload.timed(target, started))).await
}
