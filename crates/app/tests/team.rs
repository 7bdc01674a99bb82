//! The life of a team through the library alone, without a terminal.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "fixtures/settings.rs"]
mod settings;

use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::{Client, TeamUpdate};
use harmonic_app::fanout::{self, AgentAnswer, AnswerSink};
use harmonic_app::listen::{ListenConfig, ListenRequest};
use harmonic_app::plan;
use harmonic_app::serve::TeamServer;
use harmonic_app::{
    AppError, Event, NoObserver, Observer, ServerChoice, TeamRequest, hint, inspect, instances,
};
use harmonic_types::{AgentName, EngineChoice};

use self::settings::settings;

fn team() -> TeamRequest {
    TeamRequest { engine: Some(EngineChoice::Sim), ..TeamRequest::default() }
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

/// Observer that records the names of events, in order.
#[derive(Default)]
struct RecordedEvents(Mutex<Vec<&'static str>>);

impl Observer for RecordedEvents {
    fn event(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::EngineStarting { .. } => "starting",
            Event::EngineReady { .. } => "ready",
            Event::Warning(_) => "warning",
            _ => "other",
        });
    }
}

/// Sink that counts chunks of text.
#[derive(Default)]
struct ChunkCounts(Vec<u32>);

impl AnswerSink for ChunkCounts {
    fn begin(&mut self, questions: &[(AgentName, String)]) -> std::io::Result<()> {
        self.0 = vec![0; questions.len()];
        Ok(())
    }

    fn text(&mut self, index: usize, _: &str) -> std::io::Result<()> {
        self.0[index] += 1;
        Ok(())
    }

    fn end(&mut self, _: &[AgentAnswer]) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_planned_served_queried_and_stopped() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let hardware = inspect::hardware().unwrap();
    let stack = team().resolve(&settings).unwrap();
    let planned = plan::plan(&hardware, &stack, &team(), &settings, &NoObserver).unwrap();
    let events = RecordedEvents::default();
    let serving =
        TeamServer::start(planned, ListenConfig::private(), &settings, &events).await.unwrap();
    assert_eq!(events.0.into_inner().unwrap(), ["starting", "ready"], "one engine");

    let recorded = settings.instances.record(&serving.record(1, None)).unwrap();
    let running = instances::status(None, &settings, &NoObserver).await.unwrap();
    assert_eq!((running.teams.len(), running.teams[0].state.as_str()), (1, "ok"));
    drop(recorded);
    assert!(instances::running(&settings, &NoObserver).unwrap().is_empty());

    let client = Client::new(&serving.url()).unwrap();
    let questions = fanout::questions(serving.plan());
    let mut chunks = ChunkCounts::default();
    let answers = fanout::ask_all(&client, &questions, &mut chunks).await.unwrap();
    assert_eq!(answers.len(), stack.agents.len());
    assert!(answers.iter().all(|answer| answer.tokens > 0), "{answers:?}");
    assert!(chunks.0.iter().all(|count| *count > 0), "{:?}", chunks.0);

    serving.drain(Duration::ZERO).await.unwrap();
    assert!(client.health().await.is_err(), "nothing listens any more");
}

/// One agent of eight slots, where the peak and the memory bear 32: slots are rights, not a ceiling.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_alone_serves_as_many_clients_as_its_machine_bears() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let file = home.path().join("solo.toml");
    let agent = "like = \"coder\"\nmodel = \"smollm2:135m\"\ncontext = 8192";
    std::fs::write(&file, format!("name = \"solo\"\n[[agents]]\n{agent}\n")).unwrap();
    let team = TeamRequest { stack: Some(file.display().to_string()), ..team() };
    let stack = team.resolve(&settings).unwrap();
    let hardware = inspect::machine("dgx-spark").unwrap();
    let planned = plan::plan(&hardware, &stack, &team, &settings, &NoObserver).unwrap();
    assert_eq!((planned.agents[0].slots, planned.engines[0].sequences), (8, 32));
    let serving =
        TeamServer::start(planned, ListenConfig::private(), &settings, &NoObserver).await.unwrap();
    let client = Client::new(&serving.url()).unwrap();
    let request: harmonic_api::openai::ChatRequest = serde_json::from_value(serde_json::json!({
        "model": "coder",
        "messages": [{"role": "user", "content": "Count to a million."}],
        "ignore_eos": true,
    }))
    .unwrap();
    // The head of a response follows the grant of its sequence.
    let mut granted = Vec::new();
    for stream in futures::future::join_all((0..32).map(|_| client.chat(&request))).await {
        granted.push(stream.unwrap());
    }
    let mut events = client.events(None).await.unwrap();
    let Some(Ok(TeamUpdate::Snapshot(now))) = events.next().await else { panic!("no snapshot") };
    let requests = &now.engines[0].requests;
    assert_eq!(
        requests.iter().filter(|request| request.slot.is_some()).count(),
        32,
        "{requests:?}"
    );
    assert_eq!(requests.iter().filter(|request| request.borrowed).count(), 24);
    drop(granted);
    serving.drain(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_refused_before_an_engine_starts() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let hardware = inspect::hardware().unwrap();
    let stack = team().resolve(&settings).unwrap();
    let planned = plan::plan(&hardware, &stack, &team(), &settings, &NoObserver).unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = request([127, 0, 0, 1], other.local_addr().unwrap().port());
    let listen = ListenConfig::new(&request, &settings).unwrap();
    let events = RecordedEvents::default();
    let refused = TeamServer::start(planned, listen, &settings, &events).await.unwrap_err();
    assert!(matches!(refused, AppError::Gateway(_)), "{refused}");
    assert!(events.0.into_inner().unwrap().is_empty());
}

#[test]
fn an_address_of_a_network_without_keys_is_refused_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    let request = request([0, 0, 0, 0], 0);
    let refused = ListenConfig::new(&request, &settings(home.path())).unwrap_err();
    assert!(hint(&refused).unwrap().contains("harmonic keys add"), "{refused}");
}

#[test]
fn a_missing_team_is_refused_with_the_command_that_starts_one() {
    let home = tempfile::tempdir().unwrap();
    let refused = ServerChoice::default().client(&settings(home.path()), &NoObserver).unwrap_err();
    assert_eq!(refused.to_string(), "no team runs here");
    assert!(hint(&refused).unwrap().contains("harmonic up --detach"));
}
