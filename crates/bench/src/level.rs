//! Figures of one level.
//!
//! Owns: the conversion of a [`Measurement`] to a [`LevelResult`].
//!
//! Invariants: a figure without data is `None`, and none is NaN or infinite, which JSON would turn
//! into null; windows in which no request ended have no rate; energy and load are taken only from
//! trials with a reading at both edges.
//!
//! Does not do: compare levels.

use std::time::Duration;

use harmonic_perfmodel::{load_figures, load_over};
use harmonic_types::{
    LevelResult, PowerFigures, PowerScope, RealTimeLimits, Slo, TokensPerJoule, TokensPerSecond,
    Watts, WindowResult,
};
use tokio::time::Instant;

use crate::completed_request::CompletedRequest;
use crate::interval::interval;
use crate::latency::Latencies;
use crate::measurement::{Measurement, Trial};
use crate::run_figures;

/// Context of a level's figures.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// Start of the run; windows are given relative to it.
    pub started: Instant,
    /// Objective for the goodput.
    pub slo: Option<Slo>,
    /// Scope of the meter; `None` without one.
    pub scope: Option<PowerScope>,
    /// Power of the idle machine; `None` where it was not measured.
    pub idle: Option<Watts>,
    /// When runs are real-time; `None` where the requests are none.
    pub real_time: Option<RealTimeLimits>,
}

/// Figures of a load of `parallel` streams.
pub fn result(parallel: u32, measurement: &Measurement, environment: &Environment) -> LevelResult {
    let trials = &measurement.trials;
    let rates: Vec<f64> = trials.iter().map(|trial| trial.tok_s).collect();
    let requests = trials.iter().map(|trial| trial.window.ended).sum();
    // Without a finished request the tokens of the windows are an estimate from others.
    let tok_s = interval(&rates).filter(|_| requests > 0);
    let mut latencies = Latencies::default();
    measurement.sampled.iter().for_each(|done| latencies.add(done));
    let power = environment.scope.zip(watts(trials)).map(|(scope, watts)| PowerFigures {
        watts,
        idle_watts: environment.idle,
        scope,
    });
    let level = LevelResult {
        parallel,
        in_flight: mean_in_flight(trials),
        trials: u32::try_from(trials.len()).unwrap_or(u32::MAX),
        requests,
        failures: measurement.failures,
        tok_s,
        per_stream_tok_s: tok_s.map(|rate| TokensPerSecond(rate.mean / f64::from(parallel))),
        ttft_ms: latencies.ttft(),
        itl_ms: latencies.itl(),
        tpot_ms: latencies.tpot(),
        e2e_ms: latencies.e2e(),
        goodput: environment.slo.and_then(|slo| goodput(measurement, slo)),
        power,
        tok_per_w: power.zip(tok_s).and_then(|(power, rate)| efficiency(rate.mean, power)),
        sensors: measurement.sensor_summary.figures(),
        load: load_over(trials.iter().filter_map(|trial| trial.load))
            .and_then(|counters| load_figures(&counters)),
        windows: windows(measurement, environment.started),
        ..LevelResult::default()
    };
    match environment.real_time {
        Some(limits) => run_figures::of_runs(level, trials, environment.idle, limits),
        None => level,
    }
}

fn windows(measurement: &Measurement, run_started: Instant) -> Vec<WindowResult> {
    let offset = measurement.started.saturating_duration_since(run_started);
    let since = |at: Duration| (offset + at).as_secs_f64();
    let window = |trial: &Trial| WindowResult {
        from_s: since(trial.window.from),
        to_s: since(trial.window.to),
        tok_s: TokensPerSecond(trial.tok_s),
        joules: trial.joules,
    };
    measurement.trials.iter().map(window).collect()
}

/// Mean power over the trials with known energy; `None` without one, or where the meter did not
/// advance.
fn watts(trials: &[Trial]) -> Option<Watts> {
    let metered = trials.iter().filter_map(|trial| Some((trial.joules?.0, trial.window.seconds())));
    let (joules, seconds) = metered.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (joules > 0.0 && seconds > 0.0).then(|| Watts(joules / seconds))
}

/// Minimum power above idle, as a fraction of idle power, for a net figure; less is noise of the
/// meter.
pub(crate) const MIN_ABOVE_IDLE: f64 = 0.05;

/// Tokens per joule, gross and net of idle power.
fn efficiency(tok_s: f64, power: PowerFigures) -> Option<TokensPerJoule> {
    let per = |watts: f64| (watts > 0.0).then(|| tok_s / watts);
    let above_idle = |idle: Watts| {
        let above = power.watts.0 - idle.0;
        (above > idle.0 * MIN_ABOVE_IDLE).then(|| per(above)).flatten()
    };
    Some(TokensPerJoule { gross: per(power.watts.0)?, net: power.idle_watts.and_then(above_idle) })
}

/// Requests per second that met the SLO, over the trials.
fn goodput(measurement: &Measurement, slo: Slo) -> Option<f64> {
    let seconds: f64 = measurement.trials.iter().map(|trial| trial.window.seconds()).sum();
    let good = measurement.sampled.iter().filter(|done| is_good(done, slo)).count();
    (seconds > 0.0).then(|| good as f64 / seconds)
}

fn is_good(done: &CompletedRequest, slo: Slo) -> bool {
    let within = |time: Option<Duration>, limit_ms: Option<f64>| match (time, limit_ms) {
        (Some(time), Some(limit_ms)) => time.as_secs_f64() * 1e3 <= limit_ms,
        // No measured time, or no limit.
        _ => true,
    };
    within(done.ttft(), slo.ttft_ms) && within(done.tpot(), slo.itl_ms)
}

/// Mean requests in flight, weighted by window length.
fn mean_in_flight(trials: &[Trial]) -> Option<f64> {
    let seconds: f64 = trials.iter().map(|trial| trial.window.seconds()).sum();
    let weighted = |trial: &Trial| trial.window.in_flight * trial.window.seconds();
    let load: f64 = trials.iter().map(weighted).sum();
    (seconds > 0.0).then(|| load / seconds)
}
