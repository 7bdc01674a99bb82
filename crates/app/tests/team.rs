//! A team without a terminal: planned, served, asked and ended by the library alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use harmonic_api::Client;
use harmonic_app::fanout::{self, Answer, Stage};
use harmonic_app::listen::{ListenConfig, ListenRequest};
use harmonic_app::plan::{self, TeamRequest};
use harmonic_app::serve::Serving;
use harmonic_app::{
    AppError, CacheRoots, Event, Observer, PullOptions, Runs, Settings, Silent, Store, hint,
    inspect, instances,
};
use harmonic_types::{AgentName, BudgetRule, EngineKind, Sharing};

fn settings(home: &Path) -> Settings {
    Settings {
        store: Store::new(home.join("models")),
        curves: home.join("curves"),
        tuned: home.join("setups"),
        benches: home.join("bench"),
        runs: Runs::new(home.join("runs")),
        logs: home.join("logs"),
        keys: home.join("keys.toml"),
        api_key: None,
        caches: CacheRoots::default(),
        pull: PullOptions::default(),
        port: 0,
        stack: "starter".to_owned(),
        variables: BTreeMap::new(),
        host: "a machine".to_owned(),
        form_trial: None,
    }
}

fn team() -> TeamRequest {
    TeamRequest {
        stack: None,
        sharing: Sharing::Shared,
        budget: BudgetRule::Exact,
        engine: EngineKind::Sim,
    }
}

fn request(host: [u8; 4], port: u16) -> ListenRequest {
    ListenRequest {
        host: host.into(),
        port,
        without_keys: false,
        allow_hosts: Vec::new(),
        cors_origins: Vec::new(),
        queue_limit: 1,
        queue_timeout: Duration::from_secs(1),
        connections: None,
        connections_per_address: None,
        allow_pull: None,
    }
}

/// Names of the events, in order.
#[derive(Default)]
struct Heard(Mutex<Vec<&'static str>>);

impl Observer for Heard {
    fn event(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::EngineStarting { .. } => "starting",
            Event::EngineReady { .. } => "ready",
            Event::Warning(_) => "warning",
            _ => "other",
        });
    }
}

/// Counts pieces of text.
#[derive(Default)]
struct Pieces(Vec<u32>);

impl Stage for Pieces {
    fn begin(&mut self, questions: &[(AgentName, String)]) -> std::io::Result<()> {
        self.0 = vec![0; questions.len()];
        Ok(())
    }

    fn text(&mut self, index: usize, _: &str) -> std::io::Result<()> {
        self.0[index] += 1;
        Ok(())
    }

    fn end(&mut self, _: &[Answer]) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_planned_served_asked_and_ended() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let hardware = inspect::hardware().unwrap();
    let stack = plan::stack(&team(), &settings).unwrap();
    let planned = plan::plan(&hardware, &stack, &team(), &settings, &Silent).unwrap();
    let heard = Heard::default();
    let serving =
        Serving::start(planned, ListenConfig::private(), &settings, &heard).await.unwrap();
    assert_eq!(heard.0.into_inner().unwrap(), ["starting", "ready"], "one engine");

    let recorded = settings.runs.record(&serving.record(1, None)).unwrap();
    let running = instances::status(&settings, &Silent).await.unwrap();
    assert_eq!((running.teams.len(), running.teams[0].state.as_str()), (1, "ok"));
    drop(recorded);
    assert!(instances::running(&settings, &Silent).unwrap().is_empty());

    let client = Client::new(&serving.url()).unwrap();
    let questions = fanout::questions(serving.plan());
    let mut pieces = Pieces::default();
    let answers = fanout::ask_all(&client, &questions, &mut pieces).await.unwrap();
    assert_eq!(answers.len(), stack.agents.len());
    assert!(answers.iter().all(|answer| answer.tokens > 0), "{answers:?}");
    assert!(pieces.0.iter().all(|count| *count > 0), "{:?}", pieces.0);

    serving.drain(Duration::ZERO).await.unwrap();
    assert!(client.health().await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn a_port_that_is_taken_costs_no_engine() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let hardware = inspect::hardware().unwrap();
    let stack = plan::stack(&team(), &settings).unwrap();
    let planned = plan::plan(&hardware, &stack, &team(), &settings, &Silent).unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = request([127, 0, 0, 1], other.local_addr().unwrap().port());
    let listen = ListenConfig::new(&request, &settings).unwrap();
    let heard = Heard::default();
    let refused = Serving::start(planned, listen, &settings, &heard).await.unwrap_err();
    assert!(matches!(refused, AppError::Gateway(_)), "{refused}");
    assert!(heard.0.into_inner().unwrap().is_empty());
}

#[test]
fn an_address_of_a_network_without_keys_is_refused_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    let request = request([0, 0, 0, 0], 0);
    let refused = ListenConfig::new(&request, &settings(home.path())).unwrap_err();
    assert!(hint(&refused).unwrap().contains("harmonic keys add"), "{refused}");
}

#[test]
fn no_team_is_named_with_what_starts_one() {
    let home = tempfile::tempdir().unwrap();
    let refused = instances::client(&settings(home.path()), &Silent).unwrap_err();
    assert_eq!(refused.to_string(), "no team runs here");
    assert!(hint(&refused).unwrap().contains("harmonic up --detach"));
}
