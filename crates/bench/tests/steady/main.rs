//! Runs against a server of known behaviour, in paused time: the expected figures can be computed.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

mod batcher;
mod load;
mod power;
mod protocols;
mod server;
mod shapes;

use std::sync::Mutex;
use std::time::Duration;

use batcher::Batcher;
use harmonic_bench::{
    BenchConfig, BenchError, BenchEvent, Levels, Load, NullObserver, Observer, Phase, Target,
    Telemetry, run,
};
use harmonic_types::{BenchRun, LevelResult};
use server::{SYSTEM, Server, Shape};
use tokio_util::sync::CancellationToken;

const TOKENS: u32 = 50;

/// Seed for which the levels 1, 8, 32 are measured in this order.
const ASCENDING: u64 = 6;

fn config(levels: &[u32]) -> BenchConfig {
    let agents = ["executive", "coder", "analyst"].map(Into::into).to_vec();
    let loads = vec![Load { agents, model: "smollm2:135m".into(), ..Load::default() }];
    BenchConfig {
        output_tokens: TOKENS,
        max_trials: 3,
        target_half_width: None,
        prompt_tokens: None,
        host: "here".into(),
        ..BenchConfig::steady(loads, Levels::new(levels.iter().copied()).unwrap())
    }
}

async fn measured(shape: Shape, levels: &[u32]) -> BenchRun {
    of(&Server::new(shape), &config(levels)).await
}

/// A complete run without telemetry.
async fn of<T: Target>(target: &T, config: &BenchConfig) -> BenchRun {
    let stop = CancellationToken::new();
    run(target, config, &Telemetry::default(), &NullObserver, &stop).await.unwrap()
}

fn levels(run: &BenchRun) -> &[LevelResult] {
    &run.series[0].levels
}

fn codes(run: &BenchRun) -> Vec<&str> {
    run.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

async fn refused(server: &Server, stop: &CancellationToken) -> BenchError {
    run(server, &config(&[1]), &Telemetry::default(), &NullObserver, stop).await.unwrap_err()
}

fn measuring(trial: u32) -> Phase {
    Phase::Measuring { trial, of: 3, most: 3 }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 0.03, "found {found}, expected {expected}");
}

#[tokio::test(start_paused = true)]
async fn figures_of_a_server_without_limit_are_those_of_its_shape() {
    let run = measured(Shape::default(), &[1, 8, 32]).await;
    assert_eq!(codes(&run), [""; 0]);
    // 200 ms to the first token, then 49 gaps of 20 ms.
    let cycle = 0.2 + 49.0 * 0.02;
    for level in levels(&run) {
        let rate = level.tok_s.unwrap();
        near(rate.mean, f64::from(level.parallel * TOKENS) / cycle);
        assert!(rate.ci95_low.unwrap() <= rate.mean && rate.mean <= rate.ci95_high.unwrap());
        near(level.per_stream_tok_s.unwrap().0, f64::from(TOKENS) / cycle);
        for (found, expected) in [
            (level.ttft_ms, 200.0),
            (level.itl_ms, 20.0),
            (level.tpot_ms, 20.0),
            (level.e2e_ms, cycle * 1e3),
        ] {
            near(found.unwrap().p50, expected);
            near(found.unwrap().p99, expected);
        }
        near(level.in_flight.unwrap(), f64::from(level.parallel));
        assert_eq!((level.trials, level.failures), (3, 0));
    }
    assert_eq!(run.workload.prompt_tokens, Some(f64::from(SYSTEM + 40)));
    let verdict = &run.series[0].verdict;
    assert_eq!(verdict.sweet_spot.as_ref().unwrap().parallel, 32);
    assert_eq!(verdict.cliff, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_of_eight_slots_saturates_and_its_queue_shows_in_ttft() {
    let run = measured(Shape { slots: 8, ..Shape::default() }, &[8, 32]).await;
    let cycle = 0.2 + 49.0 * 0.02;
    let full = f64::from(8 * TOKENS) / cycle;
    for level in levels(&run) {
        near(level.tok_s.unwrap().mean, full);
        near(level.tpot_ms.unwrap().p50, 20.0);
    }
    // Four requests share each slot, so a request waits for three others.
    near(levels(&run)[1].e2e_ms.unwrap().p50, 4.0 * cycle * 1e3);
    near(levels(&run)[1].ttft_ms.unwrap().p50, (3.0 * cycle + 0.2) * 1e3);
    assert_eq!(run.series[0].verdict.sweet_spot.as_ref().unwrap().parallel, 8);
}

#[tokio::test(start_paused = true)]
async fn steps_that_grow_with_the_batch_flatten_the_curve() {
    let itl_slope = Duration::from_millis(5);
    let run = measured(Shape { itl_slope, ..Shape::default() }, &[1, 4, 16]).await;
    for level in levels(&run) {
        let step = 0.02 + 0.005 * f64::from(level.parallel - 1);
        let cycle = 0.2 + 49.0 * step;
        near(level.tok_s.unwrap().mean, f64::from(level.parallel * TOKENS) / cycle);
        near(level.itl_ms.unwrap().p50, step * 1e3);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_the_usage_however_the_deltas_are_cut() {
    for tokens_per_delta in [2, 5, 50] {
        let run = measured(Shape { tokens_per_delta, ..Shape::default() }, &[1, 8]).await;
        let deltas = f64::from(TOKENS / tokens_per_delta);
        let cycle = 0.2 + (deltas - 1.0) * 0.02 * f64::from(tokens_per_delta);
        for level in levels(&run) {
            near(level.tok_s.unwrap().mean, f64::from(level.parallel * TOKENS) / cycle);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_prompt_is_unique_and_the_agents_take_turns() {
    let server = Server::new(Shape::default());
    of(&server, &config(&[8])).await;
    assert_eq!(server.running(), 0, "requests in flight at the end are cancelled");
    let workload = server.prompts.lock().unwrap();
    let mut firsts: Vec<&str> =
        workload.iter().map(|request| request.prompt.split(' ').next().unwrap()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), workload.len());
    for agent in ["executive", "coder", "analyst"] {
        let share = workload.iter().filter(|request| request.agent.0 == agent).count();
        assert!(share.abs_diff(workload.len() / 3) <= 1, "{agent}: {share} of {}", workload.len());
    }
}

#[tokio::test(start_paused = true)]
async fn levels_are_measured_at_random_and_told_in_order() {
    let run = measured(Shape::default(), &[1, 2, 4, 8]).await;
    let found: Vec<u32> = levels(&run).iter().map(|level| level.parallel).collect();
    assert_eq!(found, [1, 2, 4, 8]);
    assert_ne!(run.workload.order, found);
    let begins = |level: &LevelResult| level.windows[0].from_s;
    let at = |parallel: &u32| {
        begins(levels(&run).iter().find(|level| level.parallel == *parallel).unwrap())
    };
    assert!(run.workload.order.is_sorted_by_key(|parallel| at(parallel).to_bits()));
}

#[tokio::test(start_paused = true)]
async fn prompts_have_the_tokens_asked_for_by_the_targets_own_count() {
    let config = BenchConfig { prompt_tokens: Some(300), ..config(&[2]) };
    let run = of(&Server::new(Shape::default()), &config).await;
    assert_eq!((run.workload.prompt_words, run.workload.prompt_tokens_asked), (300, Some(300)));
    assert_eq!(run.workload.prompt_tokens, Some(f64::from(SYSTEM + 300)));
}

#[tokio::test(start_paused = true)]
async fn windows_are_added_until_the_interval_is_narrow_or_they_are_too_many() {
    let noisy = Shape { stalls_every: 30, ..Shape::default() };
    let config = |target_half_width| BenchConfig {
        target_half_width: Some(target_half_width),
        max_trials: 8,
        ..config(&[1])
    };
    let run = of(&Server::new(noisy), &config(0.5)).await;
    assert_eq!((levels(&run)[0].trials, codes(&run)), (3, vec!["wide-interval"]), "beyond 20%");
    let run = of(&Server::new(noisy), &config(0.001)).await;
    assert_eq!((levels(&run)[0].trials, codes(&run)), (8, vec!["wide-interval"]));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_and_do_not_end_the_run() {
    let run = measured(Shape { refuses_every: 20, ..Shape::default() }, &[1, 8]).await;
    assert_eq!(codes(&run), ["failures"], "once for both levels");
    assert!(levels(&run).iter().all(|level| level.failures > 0 && level.tok_s.is_some()));
    let message = &run.warnings[0].message;
    assert!(message.contains("1x (") && message.contains("8x ("), "{message}");
    assert!(message.ends_with("429: the queue is full"), "{message}");
    let verdict = &run.series[0].verdict;
    assert_eq!((&verdict.sweet_spot, verdict.trend), (&None, None), "{verdict:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_dies_ends_the_run_and_what_was_measured_stays() {
    let config = BenchConfig { seed: ASCENDING, ..config(&[1, 8, 32]) };
    let run = of(&Server::new(Shape { dies_after: 60, ..Shape::default() }), &config).await;
    assert_eq!(run.workload.order, [1, 8, 32]);
    let found: Vec<(u32, bool)> =
        levels(&run).iter().map(|level| (level.parallel, level.tok_s.is_some())).collect();
    assert_eq!(found, [(1, true), (8, false)]);
    assert_eq!(codes(&run), ["failures", "target-died"]);
    insta::assert_snapshot!(
        run.warnings[1].message,
        @"the target died at 8x: connection refused; not measured: 32x"
    );
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.peak.unwrap().parallel, &verdict.sweet_spot), (1, &None));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_never_there_is_an_error_with_its_cause() {
    let server = Server::new(Shape { dies_after: 0, ..Shape::default() });
    let error = refused(&server, &CancellationToken::new()).await;
    assert!(matches!(&error, BenchError::Preflight { agent, .. } if agent.0 == "executive"));
    insta::assert_snapshot!(error, @"the agent `executive` does not respond at memory");
    insta::assert_snapshot!(error.hint().unwrap(), @"check that the server runs: `harmonic ps`");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_end_its_answers_is_an_error_that_says_so() {
    let shape =
        Shape { own_length: Some(u32::MAX), itl: Duration::from_millis(2), ..Shape::default() };
    let error = refused(&Server::new(shape), &CancellationToken::new()).await;
    let cause = std::error::Error::source(&error).unwrap();
    insta::assert_snapshot!(
        cause,
        @"memory sent 4097 pieces of an answer of at most 1 tokens, and did not end it"
    );
    insta::assert_snapshot!(
        error.hint().unwrap(),
        @"use a server that obeys `max_tokens`, or `num_predict` of Ollama"
    );
}

/// Observer that stops the run at a phase of the second level.
struct Stopper {
    at: Phase,
    stop: CancellationToken,
    done: Mutex<Vec<u32>>,
}

impl Observer for Stopper {
    fn event(&self, event: &BenchEvent<'_>) {
        match event {
            BenchEvent::LevelDone { result, .. } => self.done.lock().unwrap().push(result.parallel),
            BenchEvent::Level { parallel: 8, phase, .. } if *phase == self.at => self.stop.cancel(),
            BenchEvent::Level { .. }
            | BenchEvent::LevelStarted { .. }
            | BenchEvent::Idle { .. }
            | BenchEvent::Disturbed { .. } => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_keeps_what_is_done() {
    for (at, kept) in [
        (Phase::WarmUp { streaming: 0 }, vec![(1, 3)]),
        (measuring(1), vec![(1, 3)]),
        (measuring(3), vec![(1, 3), (8, 2)]),
    ] {
        let stop = CancellationToken::new();
        let observer = Stopper { at, stop: stop.clone(), done: Mutex::default() };
        let server = Server::new(Shape::default());
        let config = BenchConfig { seed: ASCENDING, ..config(&[1, 8, 32]) };
        let none = Telemetry::default();
        let run = run(&server, &config, &none, &observer, &stop).await.unwrap();
        let found: Vec<(u32, u32)> =
            levels(&run).iter().map(|level| (level.parallel, level.trials)).collect();
        assert_eq!(found, kept);
        assert_eq!(codes(&run), ["interrupted"]);
        let verdict = &run.series[0].verdict;
        assert_eq!((&verdict.sweet_spot, verdict.trend), (&None, None), "32x is missing");
        assert!(verdict.caveats[0].message.contains("32x"), "{verdict:?}");
        assert_eq!(server.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stopped_before_it_measured_is_an_error() {
    let stop = CancellationToken::new();
    stop.cancel();
    let server = Server::new(Shape::default());
    let error = refused(&server, &stop).await;
    assert!(matches!(error, BenchError::Stopped));
    assert!(server.prompts.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_level_that_does_not_get_steady_has_no_figures() {
    // One slot, and eight requests of 1.2 s each before all streams had output.
    let shape = Shape { slots: 1, ..Shape::default() };
    let config = BenchConfig { level_limit: Duration::from_secs(3), ..config(&[8]) };
    let run = of(&Server::new(shape), &config).await;
    let level = &levels(&run)[0];
    assert_eq!((level.trials, level.tok_s, level.ttft_ms), (0, None, None));
    assert_eq!(codes(&run), ["not-steady"]);
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.peak, &verdict.sweet_spot), (None, &None));
    assert_eq!(verdict.caveats[0].message, "no figures at 8x");
}

#[tokio::test(start_paused = true)]
async fn a_level_that_ends_before_any_request_has_no_rate() {
    // A request of 50 tokens takes 25 s. At 1x the first one, of 25 tokens, ends after 13 s, and the
    // level after 30.
    let shape = Shape { itl: Duration::from_millis(500), ..Shape::default() };
    let config = BenchConfig {
        level_limit: Duration::from_secs(30),
        full_warm_up: false,
        window: Duration::from_secs(5),
        ..config(&[1, 2])
    };
    let run = of(&Server::new(shape), &config).await;
    for level in levels(&run) {
        assert_eq!(level.tok_s.is_some(), level.requests > 0, "{level:?}");
    }
    assert!(levels(&run).iter().any(|level| level.requests == 0), "{:?}", levels(&run));
    assert!(codes(&run).contains(&"not-steady"), "{:?}", codes(&run));
    assert_eq!(run.series[0].verdict.sweet_spot, None);
}

#[tokio::test(start_paused = true)]
async fn one_level_is_no_ladder() {
    let run = measured(Shape::default(), &[8]).await;
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.peak.unwrap().parallel, &verdict.sweet_spot), (8, &None));
    assert_eq!(verdict.caveats[0].message, "only 8x was measured");
}

/// Possible bias: windows much shorter than a cycle, in which prefills cluster. The rate is known:
/// per cycle of N requests of n tokens, the engine runs N prefills, each of which yields one token,
/// and n − 1 steps.
#[tokio::test(start_paused = true)]
async fn quick_windows_are_not_biased_by_prefills_that_stall_all_streams() {
    // Whole milliseconds: tokio's timer has no finer ones.
    let (prefill, step, slope) = (0.1, 0.006, 0.002);
    let target = Batcher::new(
        Duration::from_secs_f64(prefill),
        Duration::from_secs_f64(step),
        Duration::from_secs_f64(slope),
    );
    let loads = config(&[1]).loads;
    let config = BenchConfig::quick(loads, Levels::new([1, 8, 32]).unwrap());
    let run = of(&target, &config).await;
    for level in levels(&run) {
        let streams = f64::from(level.parallel);
        let tokens = f64::from(config.output_tokens);
        let cycle = streams * prefill + (tokens - 1.0) * (step + slope * streams);
        near(level.tok_s.unwrap().mean, streams * tokens / cycle);
    }
}

#[tokio::test(start_paused = true)]
async fn quick_stays_under_its_minute_even_on_a_slow_server() {
    let itl_slope = Duration::from_millis(10);
    let shape = Shape { itl_slope, ttft: Duration::from_secs(2), ..Shape::default() };
    let loads = config(&[1]).loads;
    let config = BenchConfig::quick(loads, Levels::new([1, 8, 32]).unwrap());
    let started = tokio::time::Instant::now();
    let run = of(&Server::new(shape), &config).await;
    // Virtual time: the duration by the protocol, independent of this machine.
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    assert!(levels(&run).iter().all(|level| level.tok_s.is_some()), "{run:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_usage_gives_away_becomes_a_warning() {
    // 40 words of prompt in 100 tokens: a system prompt explains at most 60.
    for (cached, expected) in [(Some(60), vec![]), (Some(81), vec!["prefix-cache-hits"])] {
        let run = measured(Shape { cached, ..Shape::default() }, &[1]).await;
        assert_eq!(codes(&run), expected);
    }
    let run = measured(Shape { own_length: Some(20), ..Shape::default() }, &[1]).await;
    assert_eq!(codes(&run), ["answer-length"]);
}

#[tokio::test(start_paused = true)]
async fn json_holds_no_null_where_there_is_a_figure() {
    let run = measured(Shape { dies_after: 60, ..Shape::default() }, &[1, 8]).await;
    let json = serde_json::to_string(&run).unwrap();
    // NaN and infinity become null, which reads back as `None` or not at all.
    assert_eq!(serde_json::from_str::<BenchRun>(&json).unwrap(), run);
}
