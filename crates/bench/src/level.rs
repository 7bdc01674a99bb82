//! One level's figures.
//!
//! Owns: the way from what a load left behind to a [`LevelResult`].
//!
//! Invariants: a figure without data is `None`, and none is NaN or infinite, which JSON would turn
//! into a silent null; energy is that of the trials whose both edges were read.
//!
//! Does not do: compare levels.

use std::time::Duration;

use harmonic_types::{
    LevelResult, PowerFigures, PowerScope, Slo, TokensPerJoule, TokensPerSecond, Watts,
    WindowResult,
};
use tokio::time::Instant;

use crate::interval::interval;
use crate::latency::Latencies;
use crate::measured::{Measured, Trial};
use crate::meter::Done;

/// What a level is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// When the run began: windows are told from there.
    pub began: Instant,
    /// What a good answer is.
    pub slo: Option<Slo>,
    /// What the meter covers.
    pub scope: Option<PowerScope>,
    /// Power of the idle machine.
    pub idle: Option<Watts>,
}

/// The figures of a load of `parallel` streams.
pub fn result(parallel: u32, measured: &Measured, ground: &Environment) -> LevelResult {
    let trials = &measured.trials;
    let rates: Vec<f64> = trials.iter().map(|trial| trial.tok_s).collect();
    let tok_s = interval(&rates);
    let mut latencies = Latencies::default();
    measured.counted.iter().for_each(|done| latencies.add(done));
    let power = ground.scope.zip(watts(trials)).map(|(scope, watts)| PowerFigures {
        watts,
        idle_watts: ground.idle,
        scope,
    });
    LevelResult {
        parallel,
        in_flight: mean_in_flight(trials),
        trials: u32::try_from(trials.len()).unwrap_or(u32::MAX),
        requests: trials.iter().map(|trial| trial.window.ended).sum(),
        failures: measured.failures,
        tok_s,
        per_stream_tok_s: tok_s.map(|rate| TokensPerSecond(rate.mean / f64::from(parallel))),
        ttft_ms: latencies.ttft(),
        itl_ms: latencies.itl(),
        tpot_ms: latencies.tpot(),
        e2e_ms: latencies.e2e(),
        goodput: ground.slo.and_then(|slo| goodput(measured, slo)),
        power,
        tok_per_w: power.zip(tok_s).and_then(|(power, rate)| efficiency(rate.mean, power)),
        sensors: measured.sensed.figures(),
        windows: windows(measured, ground.began),
        ..LevelResult::default()
    }
}

fn windows(measured: &Measured, run_began: Instant) -> Vec<WindowResult> {
    let offset = measured.began.saturating_duration_since(run_began);
    let since = |at: Duration| (offset + at).as_secs_f64();
    let window = |trial: &Trial| WindowResult {
        from_s: since(trial.window.from),
        to_s: since(trial.window.to),
        tok_s: TokensPerSecond(trial.tok_s),
        joules: trial.joules,
    };
    measured.trials.iter().map(window).collect()
}

/// Mean power over the trials whose energy is known; `None` where none is, or where the meter stood
/// still.
fn watts(trials: &[Trial]) -> Option<Watts> {
    let metered = trials.iter().filter_map(|trial| Some((trial.joules?.0, trial.window.seconds())));
    let (joules, seconds) = metered.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (joules > 0.0 && seconds > 0.0).then(|| Watts(joules / seconds))
}

/// Power that is not this share above idle is the meter's noise, and tokens over it mean nothing.
const ABOVE_IDLE: f64 = 0.05;

/// Tokens per joule, over all power and over that above idle.
fn efficiency(tok_s: f64, power: PowerFigures) -> Option<TokensPerJoule> {
    let per = |watts: f64| (watts > 0.0).then(|| tok_s / watts);
    let above_idle = |idle: Watts| {
        let above = power.watts.0 - idle.0;
        (above > idle.0 * ABOVE_IDLE).then(|| per(above)).flatten()
    };
    Some(TokensPerJoule { gross: per(power.watts.0)?, net: power.idle_watts.and_then(above_idle) })
}

/// Answers per second that kept within the SLO, over the trials.
fn goodput(measured: &Measured, slo: Slo) -> Option<f64> {
    let seconds: f64 = measured.trials.iter().map(|trial| trial.window.seconds()).sum();
    let good = measured.counted.iter().filter(|done| is_good(done, slo)).count();
    (seconds > 0.0).then(|| good as f64 / seconds)
}

fn is_good(done: &Done, slo: Slo) -> bool {
    let within = |time: Option<Duration>, limit_ms: Option<f64>| match (time, limit_ms) {
        (Some(time), Some(limit_ms)) => time.as_secs_f64() * 1e3 <= limit_ms,
        // Nothing to hold against the bound, or no bound.
        _ => true,
    };
    within(done.ttft(), slo.ttft_ms) && within(done.tpot(), slo.itl_ms)
}

/// Weighted by the windows' lengths.
fn mean_in_flight(trials: &[Trial]) -> Option<f64> {
    let seconds: f64 = trials.iter().map(|trial| trial.window.seconds()).sum();
    let weighted = |trial: &Trial| trial.window.in_flight * trial.window.seconds();
    let load: f64 = trials.iter().map(weighted).sum();
    (seconds > 0.0).then(|| load / seconds)
}
