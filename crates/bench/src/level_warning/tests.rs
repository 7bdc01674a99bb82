use harmonic_types::{LoadFigures, Percentiles, SensorFigures, TokensPerSecond};
use tokio::time::Instant;

use super::*;
use crate::config::Load;
use crate::levels::Levels;
use crate::measurement::Measurement;

fn outcome(ended: EndReason) -> Outcome {
    Outcome { measurement: Measurement::since(Instant::now()), ended, first_error: None }
}

fn quick() -> BenchConfig {
    BenchConfig::quick(vec![Load::default()], Levels::new([1]).unwrap())
}

fn codes(outcome: &Outcome, result: &LevelResult, config: &BenchConfig) -> Vec<&'static str> {
    let warnings = of_level(outcome, result, config, Duration::from_secs(8));
    warnings.iter().map(LevelWarning::code).collect()
}

/// Level of this mean and half-width over three windows.
fn level(mean: f64, half: f64) -> LevelResult {
    let tok_s = Interval { mean, ci95_low: Some(mean - half), ci95_high: Some(mean + half) };
    LevelResult { parallel: 8, trials: 3, tok_s: Some(tok_s), ..LevelResult::default() }
}

#[test]
fn an_interval_beyond_20_percent_is_warned_of_whatever_was_requested() {
    let complete = outcome(EndReason::Complete);
    let steady = |target| BenchConfig { target_half_width: target, ..quick() };
    for target in [None, Some(0.05), Some(0.5)] {
        assert_eq!(codes(&complete, &level(100.0, 21.0), &steady(target)), ["wide-interval"]);
    }
    assert_eq!(codes(&complete, &level(100.0, 19.0), &quick()), [""; 0]);
    assert_eq!(codes(&complete, &level(100.0, 6.0), &steady(Some(0.05))), ["wide-interval"]);
    // A level that was cut short is not expected to have reached its target, but to be usable.
    let stopped = outcome(EndReason::Stopped);
    assert_eq!(codes(&stopped, &level(100.0, 6.0), &steady(Some(0.05))), [""; 0]);
    assert_eq!(codes(&stopped, &level(100.0, 21.0), &steady(Some(0.05))), ["wide-interval"]);
}

#[test]
fn a_level_of_windows_without_a_finished_request_is_not_steady() {
    let unfinished = LevelResult { trials: 1, tok_s: None, ..level(1.0, 0.0) };
    assert_eq!(codes(&outcome(EndReason::TimeUp), &unfinished, &quick()), ["not-steady"]);
}

#[test]
fn a_level_without_a_steady_state_says_what_was_missing() {
    let figure =
        |streaming, of| LevelWarning::NotSteady { streaming, of, limit_s: 9.0 }.figure().unwrap();
    assert_eq!(figure(0, 1), "0 of 1 stream had output within 9 s");
    assert_eq!(figure(3, 8), "3 of 8 streams had output within 9 s");
    assert_eq!(figure(1, 1), "no window with a finished answer within 9 s");
}

#[test]
fn a_client_that_is_late_by_half_a_gap_limits_the_figures() {
    let late = |lag_ms| {
        let measurement = Measurement {
            lag: Some(Duration::from_millis(lag_ms)),
            ..Measurement::since(Instant::now())
        };
        let itl_ms = Some(Percentiles { p50: 20.0, ..Percentiles::default() });
        let outcome = Outcome { measurement, ended: EndReason::Complete, first_error: None };
        codes(&outcome, &LevelResult { itl_ms, ..level(100.0, 1.0) }, &quick())
    };
    assert_eq!([late(1), late(9)], [[""; 0], [""; 0]]);
    assert_eq!(late(12), ["client-bound"]);
}

#[test]
fn throughput_above_the_roof_counts_beyond_its_interval() {
    let under = |roof| LevelResult { roof_tok_s: Some(TokensPerSecond(roof)), ..level(100.0, 2.0) };
    let complete = outcome(EndReason::Complete);
    assert_eq!(codes(&complete, &under(95.0), &quick()), [""; 0]);
    assert_eq!(codes(&complete, &under(90.0), &quick()), ["above-roof"]);
}

#[test]
fn heat_quotas_and_other_programs_are_warned_of() {
    let hot = SensorFigures { throttled: Some(true), ..SensorFigures::default() };
    let load = LoadFigures {
        cpus: 2,
        others_cpus: Some(0.98),
        throttled_cpus: Some(0.2),
        ..LoadFigures::default()
    };
    let result = LevelResult { sensors: Some(hot), load: Some(load), ..level(100.0, 1.0) };
    let complete = outcome(EndReason::Complete);
    assert_eq!(codes(&complete, &result, &quick()), ["throttled", "busy", "cpu-quota"]);
    let idle = LoadFigures { others_cpus: Some(0.1), throttled_cpus: None, ..load };
    let result = LevelResult { load: Some(idle), ..level(100.0, 1.0) };
    assert_eq!(codes(&complete, &result, &quick()), [""; 0]);
}
