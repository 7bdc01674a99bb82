//! Batch load, open loop and A/B comparison.

use std::time::Duration;

use harmonic_bench::{BenchConfig, Levels, NullObserver, Protocol, Telemetry, ab_compare};
use harmonic_types::Slo;
use tokio_util::sync::CancellationToken;

use crate::server::{Server, Shape};
use crate::{TOKENS, codes, config, levels, near, of};

fn protocol(protocol: Protocol, asked: &[u32]) -> BenchConfig {
    let levels = Levels::new(asked.iter().copied()).unwrap();
    BenchConfig {
        output_tokens: TOKENS,
        prompt_tokens: None,
        ..protocol.preset(config(asked).loads, levels)
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_is_all_its_tokens_over_its_whole_time() {
    let server = Server::new(Shape { slots: 8, ..Shape::default() });
    let run = of(&server, &protocol(Protocol::Paper, &[12, 1, 4])).await;
    assert_eq!(codes(&run), [""; 0]);
    assert_eq!((run.protocol.as_str(), &*run.workload.order), ("paper", &[1, 4, 12][..]));
    // 12 requests on 8 slots are two rounds, the second half empty: the drain that is included in the
    // paper's figures.
    for (level, rounds) in levels(&run).iter().zip([1.0, 1.0, 2.0]) {
        let rate = f64::from(level.parallel * TOKENS) / (1.18 * rounds);
        near(level.tok_s.unwrap().mean, rate);
        assert_eq!((level.trials, level.requests), (3, u64::from(3 * level.parallel)));
    }
    let workload = server.prompts.lock().unwrap();
    assert!(workload.iter().all(|request| !request.ignore_eos));
    let batch_load = &workload[workload.len() - 3 * 17..];
    assert!(
        batch_load.iter().all(|request| request.prompt == batch_load[0].prompt),
        "like prompts"
    );
}

fn open(rates: &[f64], slo: Option<Slo>) -> BenchConfig {
    let window = Duration::from_secs(200);
    let level_limit = Duration::from_hours(2);
    let rates = rates.to_vec();
    BenchConfig { rates, slo, window, level_limit, ..protocol(Protocol::Open, &[1]) }
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_completes_what_arrives() {
    let slo = Slo { ttft_ms: Some(250.0), itl_ms: Some(21.0) };
    let run = of(&Server::new(Shape::default()), &open(&[4.0, 1.0], Some(slo))).await;
    assert_eq!(codes(&run), ["wide-interval"], "by chance the windows differ");
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.peak, &verdict.sweet_spot), (None, &None), "no levels, no verdict");
    for (level, rate) in levels(&run).iter().zip([1.0, 4.0]) {
        assert_eq!(level.rate, Some(rate));
        // Chance moves a Poisson count of 600 by 4% (one standard deviation), of 2,400 by 2%.
        let within = |found: f64, expected: f64| {
            assert!((found / expected - 1.0).abs() < 0.13, "{found}, expected {expected}");
        };
        within(level.goodput.unwrap(), rate);
        within(level.tok_s.unwrap().mean, rate * f64::from(TOKENS));
        within(level.in_flight.unwrap(), rate * 1.18);
        near(level.ttft_ms.unwrap().p99, 200.0);
        near(level.e2e_ms.unwrap().p50, 1_180.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_is_missed_is_no_goodput() {
    let slo = Slo { ttft_ms: Some(150.0), itl_ms: None };
    let run = of(&Server::new(Shape::default()), &open(&[2.0], Some(slo))).await;
    assert_eq!(levels(&run)[0].goodput, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_overrun_is_called_so_and_its_late_answers_count() {
    // Two slots complete 1.7 a second.
    let server = Server::new(Shape { slots: 2, ..Shape::default() });
    let config = BenchConfig { window: Duration::from_secs(15), ..open(&[3.0], None) };
    let run = of(&server, &config).await;
    assert_eq!(codes(&run), ["overrun"]);
    let level = &levels(&run)[0];
    near(level.tok_s.unwrap().mean, 2.0 * f64::from(TOKENS) / 1.18);
    assert!(level.ttft_ms.unwrap().p99 > 10_000.0, "{:?}", level.ttft_ms);
    assert_eq!(server.running(), 0, "what is left in flight is cancelled");
}

#[tokio::test(start_paused = true)]
async fn two_targets_in_turns_have_a_ratio_with_an_interval() {
    let fast = Server::new(Shape::default());
    let slow = Server::new(Shape { slots: 4, itl: Duration::from_millis(40), ..Shape::default() });
    let config = config(&[1, 8]);
    let (none, stop) = (Telemetry::default(), CancellationToken::new());
    let found =
        ab_compare((&fast, &config), (&slow, &config), &none, &NullObserver, &stop).await.unwrap();
    // 49 gaps of 20 or 40 ms; at eight streams half of the slow one's wait.
    let single = (0.2 + 49.0 * 0.04) / 1.18;
    for (level, expected) in found.ratios.iter().zip([single, 2.0 * single]) {
        let ratio = level.ratio.unwrap();
        near(ratio.mean, expected);
        assert!(ratio.ci95_low.unwrap() <= ratio.mean && ratio.mean <= ratio.ci95_high.unwrap());
        assert_eq!(level.pairs, 3);
    }
    for run in [&found.first, &found.second] {
        assert!(levels(run).iter().all(|level| level.trials == 3 && level.windows.len() == 3));
    }
    let begins = |run: &harmonic_types::BenchRun| levels(run)[0].windows[0].from_s;
    assert!(begins(&found.first) < begins(&found.second));
}
