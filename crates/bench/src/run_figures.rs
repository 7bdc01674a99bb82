//! Figures of a level whose requests are runs of a team.
//!
//! Owns: runs per hour, energy of a run, and whether the median run is real-time.
//!
//! Invariants: gaps between the texts of a run are no figures of it: they lie between tokens of
//! several tasks.
//!
//! Does not do: the criterion of real time (`perfmodel`).

use harmonic_perfmodel::is_real_time;
use harmonic_types::{Joules, JoulesPerRun, LevelResult, RealTimeLimits, RunFigures, Watts};

use crate::interval::interval;
use crate::level::MIN_ABOVE_IDLE;
use crate::measurement::Trial;

/// `level` as one of runs, measured in `trials`.
pub(crate) fn of_runs(
    level: LevelResult,
    trials: &[Trial],
    idle: Option<Watts>,
    limits: RealTimeLimits,
) -> LevelResult {
    let per_hour = |trial: &Trial| trial.window.ended as f64 / trial.window.seconds() * 3_600.0;
    let per_hour: Vec<f64> = trials.iter().map(per_hour).collect();
    let runs = RunFigures {
        per_hour: interval(&per_hour).filter(|_| level.requests > 0),
        joules: joules(trials, idle),
        real_time: is_real_time(&level, limits),
    };
    LevelResult { itl_ms: None, tpot_ms: None, runs: Some(runs), ..level }
}

/// Energy of a run, over the trials with known energy; `None` without one in which a run ended, or
/// where the meter did not advance.
fn joules(trials: &[Trial], idle: Option<Watts>) -> Option<JoulesPerRun> {
    let (mut joules, mut seconds, mut runs) = (0.0, 0.0, 0.0);
    for trial in trials {
        let Some(more) = trial.joules else { continue };
        joules += more.0;
        seconds += trial.window.seconds();
        runs += trial.window.ended as f64;
    }
    if runs <= 0.0 || joules <= 0.0 {
        return None;
    }
    let above_idle = |idle: Watts| {
        let idle = idle.0 * seconds;
        let above = joules - idle;
        (above > idle * MIN_ABOVE_IDLE).then(|| Joules(above / runs))
    };
    Some(JoulesPerRun { gross: Joules(joules / runs), net: idle.and_then(above_idle) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use harmonic_perfmodel::REAL_TIME;
    use harmonic_types::Percentiles;

    use super::*;
    use crate::window::Window;

    fn trial(seconds: u64, ended: u64, joules: Option<f64>) -> Trial {
        let (from, to) = (Duration::ZERO, Duration::from_secs(seconds));
        let window = Window { from, to, ended, in_flight: 2.0 };
        Trial { window, tok_s: 100.0, joules: joules.map(Joules), load: None }
    }

    fn figures(trials: &[Trial], idle: Option<f64>) -> RunFigures {
        let times = |p50| Some(Percentiles { mean: p50, sd: 0.0, p50, p90: p50, p99: p50 });
        let requests = trials.iter().map(|trial| trial.window.ended).sum();
        let level = LevelResult {
            requests,
            ttft_ms: times(300.0),
            e2e_ms: times(8_000.0),
            itl_ms: times(20.0),
            ..LevelResult::default()
        };
        let level = of_runs(level, trials, idle.map(Watts), REAL_TIME);
        assert_eq!(level.itl_ms, None);
        level.runs.unwrap()
    }

    #[test]
    fn rate_and_energy_are_those_of_the_windows() {
        let runs = figures(&[trial(10, 4, Some(500.0)), trial(20, 10, Some(1_100.0))], Some(20.0));
        let rate = runs.per_hour.unwrap();
        // 1440 and 1800 an hour.
        assert!((rate.mean - 1_620.0).abs() < 1e-9, "{rate:?}");
        assert!(rate.ci95_low.unwrap() < 1_440.0);
        let joules = runs.joules.unwrap();
        assert!((joules.gross.0 - 1_600.0 / 14.0).abs() < 1e-9);
        assert!((joules.net.unwrap().0 - 1_000.0 / 14.0).abs() < 1e-9);
        assert_eq!(runs.real_time, Some(true));
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let unmetered = figures(&[trial(10, 4, None)], Some(20.0));
        assert_eq!(unmetered.joules, None);
        let half = figures(&[trial(10, 4, None), trial(10, 2, Some(300.0))], None);
        let joules = half.joules.unwrap();
        assert!((joules.gross.0 - 150.0).abs() < 1e-9, "of the window with a reading");
        assert_eq!(joules.net, None);
        let as_idle = figures(&[trial(10, 4, Some(204.0))], Some(20.0));
        assert_eq!(as_idle.joules.unwrap().net, None, "within the noise of the meter");
        let none = figures(&[trial(10, 0, Some(300.0))], Some(20.0));
        assert_eq!((none.per_hour, none.joules), (None, None));
    }
}
