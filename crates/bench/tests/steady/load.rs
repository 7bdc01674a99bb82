//! Load of other programs, read at the edges of windows in virtual time.

use std::sync::Arc;
use std::time::Duration;

use harmonic_bench::{BenchConfig, NullObserver, Telemetry, ab_compare, run};
use harmonic_types::{BenchRun, CaveatKind, LoadCounters, LoadMeter, Verdict};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::{Server, Shape};
use crate::{ASCENDING, codes, config, levels, near};

/// Two CPUs of which the measurement uses one, and another program 98% of the other from `from` to
/// `to` after the start.
struct OtherProgram {
    started: Instant,
    from: Duration,
    to: Duration,
    knows_server: bool,
}

impl LoadMeter for OtherProgram {
    fn read(&self) -> LoadCounters {
        let at = self.started.elapsed();
        let others = at.min(self.to).saturating_sub(self.from).mul_f64(0.98);
        LoadCounters {
            at,
            cpus: 2,
            busy: Some(at + others),
            idle: Some(at.saturating_sub(others)),
            own: Some(at),
            own_has_server: self.knows_server,
            ..LoadCounters::default()
        }
    }
}

const ALWAYS: (u64, u64) = (0, 100_000);

/// A run during which another program ran for these seconds.
async fn beside((from, to): (u64, u64), knows_server: bool) -> BenchRun {
    let meter = OtherProgram {
        started: Instant::now(),
        from: Duration::from_secs(from),
        to: Duration::from_secs(to),
        knows_server,
    };
    let telemetry = Telemetry { load: Some(Arc::new(meter)), ..Telemetry::default() };
    let config = BenchConfig { seed: ASCENDING, ..config(&[1, 8, 32]) };
    let stop = CancellationToken::new();
    let server = Server::new(Shape::default());
    run(&server, &config, &telemetry, &NullObserver, &stop).await.unwrap()
}

fn kinds(run: &BenchRun) -> Vec<CaveatKind> {
    run.series[0].verdict.caveats.iter().map(|caveat| caveat.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn beside_another_program_there_is_no_verdict_and_the_figures_say_why() {
    let run = beside(ALWAYS, true).await;
    let verdict = &run.series[0].verdict;
    assert_eq!(kinds(&run), [CaveatKind::Busy]);
    assert_eq!(Verdict { caveats: Vec::new(), ..verdict.clone() }, Verdict::default());
    let message = &verdict.caveats[0].message;
    assert!(message.contains("other programs used 0.98 of 2 CPUs at"), "{message}");
    for load in levels(&run).iter().map(|level| level.load).chain([run.load_before]) {
        near(load.unwrap().others_cpus.unwrap(), 0.98);
    }
    // The server's own load before the run is that of other clients.
    assert_eq!(codes(&run), ["busy", "server-in-use"]);
    let warning = &run.warnings[0].message;
    let places = ["before the run (0.98 of 2)", "1x (0.98", "8x (0.98", "32x (0.98"];
    assert!(places.iter().all(|place| warning.contains(place)), "{warning}");
    assert!(run.provenance.contains_key("/load_before"));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ran_during_one_level_withholds_the_verdict_too() {
    let run = beside((20, 60), true).await;
    assert_eq!(kinds(&run), [CaveatKind::Busy]);
    let idle = |level: &harmonic_types::LevelResult| level.load.unwrap().others_cpus.unwrap() < 0.2;
    assert!(levels(&run).iter().any(idle), "{:?}", levels(&run));
}

#[tokio::test(start_paused = true)]
async fn an_idle_machine_has_a_verdict_and_figures() {
    let run = beside((0, 0), true).await;
    assert_eq!(kinds(&run), []);
    assert_eq!(run.series[0].verdict.sweet_spot.as_ref().unwrap().parallel, 32);
    assert_eq!(levels(&run)[0].load.unwrap().others_cpus, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_server_of_an_unknown_process_is_not_called_another_program() {
    let run = beside((4, 100_000), false).await;
    assert_eq!(levels(&run)[0].load.unwrap().others_cpus, None);
    assert_eq!(kinds(&run), [], "it was idle before the run");
    let run = beside(ALWAYS, false).await;
    assert_eq!(kinds(&run), [CaveatKind::Busy]);
    assert!(run.series[0].verdict.caveats[0].message.ends_with("before the run"));
}

#[tokio::test(start_paused = true)]
async fn both_records_of_a_comparison_have_the_load() {
    let meter = OtherProgram {
        started: Instant::now(),
        from: Duration::ZERO,
        to: Duration::from_secs(100_000),
        knows_server: true,
    };
    let telemetry = Telemetry { load: Some(Arc::new(meter)), ..Telemetry::default() };
    let (one, other) = (Server::new(Shape::default()), Server::new(Shape::default()));
    let (config, stop) = (config(&[1, 8]), CancellationToken::new());
    let found = ab_compare((&one, &config), (&other, &config), &telemetry, &NullObserver, &stop);
    let found = found.await.unwrap();
    for run in [&found.first, &found.second] {
        assert_eq!(kinds(run), [CaveatKind::Busy]);
        assert!(levels(run).iter().all(|level| level.load.is_some()));
    }
}
