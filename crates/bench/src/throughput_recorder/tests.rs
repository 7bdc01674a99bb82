use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::level::{Environment, result};
use crate::measurement::Measurement;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn config(level: u32, trials: u32) -> RecorderConfig {
    RecorderConfig {
        level,
        full_warm_up: false,
        trials,
        max_trials: trials,
        target_half_width: None,
        window: ms(100),
        patience: ms(1_000),
    }
}

fn usage(completion: u32) -> ReportedUsage {
    ReportedUsage { prompt_tokens: 10, completion_tokens: completion, cached_tokens: None }
}

/// A request of worker 0 with `deltas` evenly spread over (from, to].
fn request(recorder: &mut ThroughputRecorder, from: u64, to: u64, deltas: u64, tokens: u32) {
    recorder.sent(0, ms(from));
    for delta in 1..=deltas {
        recorder.output(0, ms(from + (to - from) * delta / deltas));
    }
    recorder.finished(0, ms(to), usage(tokens));
}

#[test]
fn the_first_window_opens_at_an_end_once_all_workers_have_had_output() {
    let mut recorder = ThroughputRecorder::new(config(2, 1));
    recorder.sent(1, ms(0));
    request(&mut recorder, 0, 50, 5, 5);
    assert_eq!((recorder.state(), recorder.warm()), (State::WarmUp, 1));
    recorder.output(1, ms(60));
    assert_eq!((recorder.state(), recorder.warm()), (State::WarmUp, 2));
    request(&mut recorder, 60, 90, 3, 3);
    assert_eq!(recorder.state(), State::Measuring(0));
}

#[test]
fn after_a_full_warm_up_each_worker_has_ended_a_request() {
    let mut recorder =
        ThroughputRecorder::new(RecorderConfig { full_warm_up: true, ..config(2, 1) });
    recorder.sent(1, ms(0));
    request(&mut recorder, 0, 50, 5, 5);
    recorder.output(1, ms(60));
    request(&mut recorder, 60, 90, 3, 3);
    assert_eq!(recorder.state(), State::WarmUp, "worker 1 is in its first request");
    recorder.finished(1, ms(95), usage(9));
    assert_eq!(recorder.state(), State::Measuring(0));
}

#[test]
fn at_one_stream_a_window_is_whole_requests() {
    let mut recorder = ThroughputRecorder::new(config(1, 2));
    for index in 0..7 {
        request(&mut recorder, index * 40, index * 40 + 40, 10, 10);
    }
    assert_eq!(recorder.state(), State::Complete);
    let edges: Vec<(Duration, Duration)> =
        recorder.windows().iter().map(|window| (window.from, window.to)).collect();
    assert_eq!(edges, [(ms(40), ms(160)), (ms(160), ms(280))]);
    for window in recorder.windows() {
        assert!((recorder.tok_s(window) - 250.0).abs() < 1e-9);
        assert!((window.in_flight - 1.0).abs() < 1e-9);
        assert_eq!(window.ended, 3);
    }
}

#[test]
fn a_request_across_an_edge_gives_each_side_its_share_of_the_usage() {
    let mut recorder = ThroughputRecorder::new(config(2, 1));
    // Worker 1 answers in four deltas of three tokens each; two of them come before the window.
    recorder.sent(1, ms(0));
    recorder.output(1, ms(10));
    recorder.output(1, ms(20));
    request(&mut recorder, 0, 30, 1, 1);
    recorder.output(1, ms(50));
    recorder.output(1, ms(70));
    recorder.finished(1, ms(80), usage(12));
    request(&mut recorder, 30, 130, 1, 1);
    let window = recorder.windows()[0];
    assert_eq!((window.from, window.to), (ms(30), ms(130)));
    assert!((recorder.tok_s(&window) - (6.0 + 1.0) / 0.1).abs() < 1e-9);
}

#[test]
fn requests_in_flight_at_the_end_count_at_the_rate_of_those_that_finished() {
    let mut recorder = ThroughputRecorder::new(config(2, 2));
    recorder.sent(1, ms(0));
    recorder.output(1, ms(5));
    // Two tokens a delta.
    request(&mut recorder, 0, 10, 5, 10);
    recorder.output(1, ms(60));
    request(&mut recorder, 10, 110, 5, 10);
    let window = recorder.windows()[0];
    assert!((recorder.tok_s(&window) - (10.0 + 2.0) / 0.1).abs() < 1e-9);
}

#[test]
fn a_request_without_text_counts_at_its_end() {
    let mut recorder = ThroughputRecorder::new(config(1, 1));
    request(&mut recorder, 0, 10, 0, 4);
    request(&mut recorder, 10, 110, 0, 4);
    assert!((recorder.tok_s(&recorder.windows()[0]) - 40.0).abs() < 1e-9);
}

#[test]
fn a_failed_request_counts_nothing_and_is_not_in_flight() {
    let mut recorder = ThroughputRecorder::new(config(1, 1));
    request(&mut recorder, 0, 10, 2, 2);
    recorder.sent(0, ms(10));
    recorder.output(0, ms(20));
    recorder.failed(0, ms(60), false);
    request(&mut recorder, 60, 110, 2, 2);
    let window = recorder.windows()[0];
    assert!((recorder.tok_s(&window) - 20.0).abs() < 1e-9);
    assert!((window.in_flight - 1.0).abs() < 1e-9);
    assert_eq!(recorder.failures(), 1);
}

#[test]
fn an_unreachable_target_dies_soon_and_a_refusing_one_only_after_the_patience() {
    let mut recorder = ThroughputRecorder::new(config(8, 1));
    for at in 0..3 {
        assert_ne!(recorder.state(), State::Dead);
        recorder.failed(0, ms(at), true);
    }
    assert_eq!(recorder.state(), State::Dead);

    let mut recorder = ThroughputRecorder::new(config(8, 1));
    for at in (0..1_000).step_by(10) {
        recorder.failed(0, ms(at), false);
    }
    assert_eq!(recorder.state(), State::WarmUp);
    recorder.failed(0, ms(1_000), false);
    assert_eq!(recorder.state(), State::Dead);
}

#[test]
fn output_anywhere_ends_a_streak_of_failures() {
    let mut recorder = ThroughputRecorder::new(config(2, 1));
    recorder.sent(1, ms(0));
    for at in (0..5_000).step_by(500) {
        recorder.failed(0, ms(at), false);
        recorder.output(1, ms(at + 1));
    }
    assert_eq!(recorder.state(), State::WarmUp);
}

#[test]
fn when_the_time_is_up_a_window_stays_if_long_enough_or_the_only_one_with_a_request() {
    let opened = || {
        let mut recorder = ThroughputRecorder::new(config(1, 3));
        request(&mut recorder, 0, 10, 2, 2);
        recorder
    };
    let mut short = opened();
    request(&mut short, 10, 30, 2, 2);
    short.finish(ms(40));
    assert_eq!(short.windows().len(), 1);

    let mut unfinished = opened();
    unfinished.sent(0, ms(10));
    unfinished.output(0, ms(20));
    unfinished.finish(ms(500));
    assert_eq!(unfinished.windows(), [], "no request ended, so its tokens are not known");

    let mut second = opened();
    request(&mut second, 10, 120, 2, 2);
    second.finish(ms(150));
    assert_eq!(second.windows().len(), 1, "30 ms of a second window say less than they cost");

    let mut at_once = opened();
    at_once.finish(ms(10));
    assert_eq!(at_once.windows(), [], "no time has passed in it");
}

/// An event of a worker.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Output,
    Finishes(u32),
    Fails,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => Just(Happens::Output),
        2 => (0_u32..100).prop_map(Happens::Finishes),
        1 => Just(Happens::Fails),
    ]
}

proptest! {
    /// For any history: windows are ordered and disjoint, no figure is negative or NaN, and the tokens
    /// in all windows do not exceed the usage plus the requests in flight.
    #[test]
    fn no_history_makes_an_impossible_figure(
        history in prop::collection::vec((0_usize..3, 0_u64..60, happens()), 0..400),
        trials in 1_u32..4,
    ) {
        let mut recorder = ThroughputRecorder::new(config(3, trials));
        let mut now = 0;
        let mut total_usage = 0.0;
        for worker in 0..3 {
            recorder.sent(worker, ms(0));
        }
        for (worker, wait, what) in history {
            now += wait;
            match what {
                Happens::Output => recorder.output(worker, ms(now)),
                Happens::Finishes(tokens) => {
                    total_usage += f64::from(tokens);
                    recorder.finished(worker, ms(now), usage(tokens));
                    recorder.sent(worker, ms(now));
                }
                Happens::Fails => {
                    recorder.failed(worker, ms(now), false);
                    recorder.sent(worker, ms(now));
                }
            }
        }
        recorder.finish(ms(now));
        let in_flight: usize = recorder.workers.iter().map(|worker| worker.outputs.len()).sum();
        let most = total_usage + in_flight as f64 * recorder.tokens_per_output().unwrap_or(0.0);
        let mut before = Duration::ZERO;
        let mut tokens = 0.0;
        for window in recorder.windows() {
            prop_assert!(before <= window.from && window.from < window.to);
            before = window.to;
            let rate = recorder.tok_s(window);
            prop_assert!(rate.is_finite() && rate >= 0.0);
            prop_assert!((0.0..=3.0 + 1e-9).contains(&window.in_flight), "{}", window.in_flight);
            tokens += rate * window.seconds();
        }
        prop_assert!(tokens <= most + 1e-6, "{tokens} of {most}");
        let windows = recorder.windows().len();
        let started = Instant::now();
        let environment = Environment { started, slo: None, scope: None, idle: None, real_time: None };
        let result = result(3, &Measurement::of(recorder, &[], started), &environment);
        let json = serde_json::to_string(&result).unwrap();
        let back: harmonic_types::LevelResult = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back.tok_s.is_some(), result.tok_s.is_some());
        prop_assert_eq!(back.in_flight.is_some(), windows > 0);
    }
}
