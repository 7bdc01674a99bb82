//! One level's figures.
//!
//! Owns: the way from a [`Meter`]'s windows to a [`LevelResult`].
//!
//! Invariants: a figure without data is `None`, and none is NaN or infinite, which JSON would turn
//! into a silent null.
//!
//! Does not do: compare levels.

use harmonic_types::{LevelResult, TokensPerSecond};

use crate::interval::interval;
use crate::latency::Latencies;
use crate::meter::{Done, Meter};
use crate::window::Window;

/// The figures of a level with `parallel` workers.
///
/// Latencies are those of the requests that ended in a window, less each worker's first, which was
/// sent into the rush of the start and cut short. Failures are those of the whole level: one in
/// the warm-up is no better.
pub fn result(parallel: u32, meter: &Meter) -> LevelResult {
    let windows = meter.windows();
    let trials: Vec<f64> = windows.iter().map(|window| meter.tok_s(window)).collect();
    let tok_s = interval(&trials);
    let mut latencies = Latencies::default();
    for done in meter.done().iter().filter(|done| !done.opening && in_any(windows, done)) {
        latencies.add(done);
    }
    LevelResult {
        parallel,
        in_flight: mean_in_flight(windows),
        trials: u32::try_from(windows.len()).unwrap_or(u32::MAX),
        requests: windows.iter().map(|window| window.ended).sum(),
        failures: meter.failures(),
        tok_s,
        per_stream_tok_s: tok_s.map(|rate| TokensPerSecond(rate.mean / f64::from(parallel))),
        ttft_ms: latencies.ttft(),
        itl_ms: latencies.itl(),
        tpot_ms: latencies.tpot(),
        e2e_ms: latencies.e2e(),
        ..LevelResult::default()
    }
}

fn in_any(windows: &[Window], done: &Done) -> bool {
    windows.iter().any(|window| window.holds(done.ended))
}

/// Weighted by the windows' lengths.
fn mean_in_flight(windows: &[Window]) -> Option<f64> {
    let seconds: f64 = windows.iter().map(Window::seconds).sum();
    let load: f64 = windows.iter().map(|window| window.in_flight * window.seconds()).sum();
    (seconds > 0.0).then(|| load / seconds)
}
