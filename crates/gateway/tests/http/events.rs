//! The event stream: snapshot, events, resumption and lost events.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::{Client, ClientError, TeamEvents, TeamUpdate};
use harmonic_events::{AgentSlots, Audience, EventStream, Outcome, RunStatus, TeamEvent};
use harmonic_gateway::{Access, ApiKey, Config, Fingerprint, Keys};
use harmonic_types::{RequestClass, RequestId, RunId};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, models};

/// Server with the ring `events`.
async fn server_with(events: &EventStream, config: Config) -> TestServer {
    let models = models(&ScriptedEngine::new(Script::Queue)).with_events(events.clone());
    TestServer::with_access(Access::default(), models, config).await
}

fn client(served: &TestServer) -> Client {
    Client::new(&served.url).expect("a client")
}

async fn next(events: &mut TeamEvents) -> TeamUpdate {
    within(events.next()).await.expect("the stream goes on").expect("an update")
}

async fn until_nobody_listens(events: &EventStream) {
    while events.listeners() > 0 {
        tokio::task::yield_now().await;
    }
}

fn starting() -> TeamEvent {
    let agents = vec![AgentSlots { agent: "coder".into(), slots: 2, quota: Some(1) }];
    let (engine, model) = ("e0".to_owned(), "smollm2:135m".to_owned());
    TeamEvent::EngineStarting { engine, model, sequences: 4, agents }
}

fn queued(id: u64) -> TeamEvent {
    TeamEvent::RequestQueued {
        engine: "e0".to_owned(),
        request: RequestId(id),
        agent: "coder".into(),
        class: RequestClass::Interactive,
        prompt_tokens: 3,
    }
}

#[tokio::test]
async fn a_snapshot_is_first_and_then_events_follow() {
    let events = EventStream::default();
    let known = events.publish(starting());
    let served = server_with(&events, Config::default()).await;
    let mut listener = client(&served).events(None).await.expect("a stream");
    let TeamUpdate::Snapshot(snapshot) = next(&mut listener).await else { panic!("a snapshot") };
    assert_eq!(*snapshot, **events.snapshot());
    assert_eq!(snapshot.id, known);
    let id = events.publish(queued(1));
    let TeamUpdate::Event(record) = next(&mut listener).await else { panic!("an event") };
    assert_eq!((record.id, record.event), (id, queued(1)));
}

#[tokio::test]
async fn the_form_on_the_wire() {
    let events = EventStream::new(2, 1);
    let first = events.publish(starting());
    for id in 1..4 {
        events.publish(queued(id));
    }
    let served = server_with(&events, Config::default()).await;
    let request = served.http.get(format!("{}/events", served.url));
    let response = within(request.header("last-event-id", first).send()).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let piece = within(body.next()).await.expect("more").expect("whole");
        text.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r#"("\w*at_us"|"since_us"|"id"|\nid): ?\d+"#, "$1:N");
    settings.bind(|| insta::assert_snapshot!(text));
}

#[tokio::test]
async fn a_reconnecting_listener_resumes_after_its_last_event() {
    let events = EventStream::default();
    let first = events.publish(starting());
    let second = events.publish(queued(1));
    let served = server_with(&events, Config::default()).await;
    let mut listener = client(&served).events(Some(first)).await.expect("a stream");
    let TeamUpdate::Event(record) = next(&mut listener).await else { panic!("an event") };
    assert_eq!(record.id, second);
    // An id of another process, or none: a snapshot, and no lost events.
    let mut listener = client(&served).events(Some(1)).await.expect("a stream");
    assert!(matches!(next(&mut listener).await, TeamUpdate::Snapshot(_)));
}

#[tokio::test]
async fn an_invalid_event_id_is_refused() {
    let served = server_with(&EventStream::default(), Config::default()).await;
    for id in ["x", "-1", "+1", "1.5", "0x10", "1, 2", "99999999999999999999"] {
        let request = served.http.get(format!("{}/events", served.url));
        let response = within(request.header("last-event-id", id).send()).await.expect("an answer");
        assert_eq!(response.status(), 400, "{id}");
        let error: Value = within(response.json()).await.expect("JSON");
        assert_eq!(error["error"]["code"], "invalid_event_id");
        let message = error["error"]["message"].as_str().expect("a message");
        assert!(message.contains(&format!("`{id}`")), "{message}");
    }
}

#[tokio::test]
async fn an_invalid_event_id_is_repeated_in_part_and_two_are_one_too_many() {
    let events = EventStream::default();
    let known = events.publish(starting());
    let served = server_with(&events, Config::default()).await;
    let request = served.http.get(format!("{}/events", served.url));
    let long = "é".repeat(2000);
    let value = reqwest::header::HeaderValue::from_bytes(long.as_bytes()).expect("bytes");
    let response = within(request.header("last-event-id", value).send()).await.expect("an answer");
    assert_eq!(response.status(), 400);
    assert!(within(response.text()).await.expect("a body").len() < 400);
    let request = served.http.get(format!("{}/events", served.url));
    let twice = request.header("last-event-id", known).header("last-event-id", known);
    assert_eq!(within(twice.send()).await.expect("an answer").status(), 400);
    assert_eq!(events.listeners(), 0);
}

#[tokio::test]
async fn an_id_that_is_no_event_of_this_server_gets_a_snapshot() {
    let events = EventStream::default();
    let last = events.publish(starting());
    let served = server_with(&events, Config::default()).await;
    for id in [0, 1, last + 1, last + 1_000_000, u64::MAX] {
        let mut listener = client(&served).events(Some(id)).await.expect("a stream");
        assert!(matches!(next(&mut listener).await, TeamUpdate::Snapshot(_)), "{id}");
    }
}

#[tokio::test]
async fn other_methods_and_strangers_take_no_place() {
    let events = EventStream::new(8, 1);
    let keys = Keys::new([ApiKey {
        name: "laptop".to_owned(),
        fingerprint: Fingerprint::of("hs-one"),
        per_minute: None,
        may_approve_commands: false,
    }]);
    let access = Access { keys: Some(Arc::new(Arc::new(keys))), ..Access::default() };
    let models = models(&ScriptedEngine::new(Script::Queue)).with_events(events.clone());
    let served = TestServer::with_access(access, models, Config::default()).await;
    let ask = async |method: Method, key: Option<&str>| {
        let request = served.http.request(method, format!("{}/events", served.url));
        let request = request.header("accept", "application/json");
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        within(request.send()).await.expect("an answer")
    };
    for _ in 0..3 {
        assert_eq!(ask(Method::GET, None).await.status(), 401);
        assert_eq!(ask(Method::GET, Some("hs-two")).await.status(), 401);
        assert_eq!(ask(Method::POST, Some("hs-one")).await.status(), 405);
        let head = ask(Method::HEAD, Some("hs-one")).await;
        assert_eq!(head.status(), 200);
        assert!(within(head.bytes()).await.expect("no body").is_empty());
        within(until_nobody_listens(&events)).await;
    }
    let stream = ask(Method::GET, Some("hs-one")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
}

#[tokio::test]
async fn listeners_that_come_and_go_fast_leave_no_place_taken() {
    let events = EventStream::new(64, 8);
    events.publish(starting());
    let served = server_with(&events, Config::default()).await;
    let address = served.url.strip_prefix("http://").expect("http");
    for round in 0..200_u64 {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("open");
        events.publish(queued(round));
        // Some wait for the answer's start, the others are gone before.
        if round % 3 == 0 {
            let _status = within(stream.read_u8()).await.expect("an answer");
        }
    }
    within(until_nobody_listens(&events)).await;
    let mut listener = client(&served).events(None).await.expect("a place is free");
    let TeamUpdate::Snapshot(snapshot) = next(&mut listener).await else { panic!("a snapshot") };
    assert_eq!(snapshot.engines[0].requests.len(), 200);
}

#[tokio::test]
async fn a_listener_that_reads_nothing_loses_its_place() {
    let config = Config { write_timeout: Duration::from_millis(50), ..Config::default() };
    let events = EventStream::new(64, 1);
    events.publish(starting());
    // A snapshot larger than the buffers of the sockets.
    for id in 0..60_000 {
        events.publish(queued(id));
    }
    let served = server_with(&events, config).await;
    let address = served.url.strip_prefix("http://").expect("http");
    let mut stalled = TcpStream::connect(address).await.expect("it listens");
    stalled.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("open");
    within(async {
        while events.listeners() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(until_nobody_listens(&events)).await;
    drop(stalled);
}

#[tokio::test]
async fn a_slow_listener_delays_nothing_and_gets_the_number_of_lost_events() {
    let events = EventStream::new(64, 2);
    events.publish(starting());
    let served = server_with(&events, Config::default()).await;
    let mut slow = client(&served).events(None).await.expect("a stream");
    assert!(matches!(next(&mut slow).await, TeamUpdate::Snapshot(_)));
    let mut quick = client(&served).events(None).await.expect("a stream");
    assert!(matches!(next(&mut quick).await, TeamUpdate::Snapshot(_)));
    // Far more than the socket buffers hold.
    let (mut published, mut seen, mut lost) = (0_u64, 0, 0);
    while published < 40_000 {
        for id in 0..50 {
            events.publish(TeamEvent::RequestFinished {
                engine: "e0".to_owned(),
                request: RequestId(id),
                outcome: Outcome::Stop,
                usage: None,
            });
        }
        published += 50;
        tokio::task::yield_now().await;
    }
    events.end();
    while let Some(update) = within(quick.next()).await {
        match update.expect("an update") {
            TeamUpdate::Event(_) => seen += 1,
            TeamUpdate::Lost(count) => lost += count,
            TeamUpdate::Snapshot(snapshot) => assert!(snapshot.id <= events.snapshot().id),
        }
    }
    assert_eq!(seen + lost, published, "the quick one");
    let (mut seen, mut lost) = (0, 0);
    while let Some(update) = within(slow.next()).await {
        match update.expect("an update") {
            TeamUpdate::Event(_) => seen += 1,
            TeamUpdate::Lost(count) => lost += count,
            TeamUpdate::Snapshot(_) => {}
        }
    }
    assert_eq!(seen + lost, published, "the slow one");
    assert!(lost > 0, "40,000 events do not fit a ring of 64");
}

#[tokio::test]
async fn listeners_are_limited_and_a_disconnect_makes_room() {
    let events = EventStream::new(8, 2);
    let served = server_with(&events, Config::default()).await;
    let one = client(&served).events(None).await.expect("a stream");
    let _two = client(&served).events(None).await.expect("a stream");
    let refused = client(&served).events(None).await.expect_err("a third");
    let ClientError::Status { status, message, retry_after } = refused else { panic!("{refused}") };
    assert_eq!((status, retry_after), (503, Some(Duration::from_secs(5))));
    assert!(message.contains("2 listeners"), "{message}");
    drop(one);
    within(async {
        while client(&served).events(None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_stream_has_pings_and_ends_with_the_server() {
    let config = Config { ping: Duration::from_millis(10), ..Config::default() };
    let mut served = server_with(&EventStream::default(), config).await;
    let mut body = served.get("/events").await.bytes_stream();
    let mut text = String::new();
    while !text.contains("\n\n: ping\n\n") {
        let piece = within(body.next()).await.expect("more").expect("whole");
        text.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
    }
    served.stop();
    while let Some(piece) = within(body.next()).await {
        piece.expect("whole");
    }
    served.ended().await;
}

#[tokio::test]
async fn a_key_sees_the_events_of_its_own_runs_and_the_teams() {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
        may_approve_commands: false,
    };
    let keys: Arc<Keys> = Arc::new(Keys::new(["ada", "bob"].map(key)));
    let access = Access { keys: Some(Arc::new(keys)), ..Access::default() };
    let events = EventStream::default();
    events.publish(starting());
    let run = |n: usize| RunId(format!("run_01JABCDEFGHJKMNPQRSTVWXY{n:02}"));
    let of = |key: &str| Audience::Key(Some(key.into()));
    events.publish_to(of("ada"), TeamEvent::RunStarted { run: run(0) });
    events.publish_to(of("bob"), TeamEvent::RunStarted { run: run(1) });
    let models = models(&ScriptedEngine::new(Script::Queue)).with_events(events.clone());
    let served = TestServer::with_access(access, models, Config::default()).await;
    let client = client(&served).with_key("bob").expect("a client");
    let mut listener = client.events(None).await.expect("a stream");
    let TeamUpdate::Snapshot(snapshot) = next(&mut listener).await else { panic!("a snapshot") };
    assert_eq!(snapshot.runs.iter().map(|open| open.run.clone()).collect::<Vec<_>>(), [run(1)]);
    assert_eq!(snapshot.engines.len(), 1);
    events.publish_to(of("ada"), TeamEvent::ApprovalOpened { run: run(0), approval: 1 });
    events.publish(queued(1));
    events.publish_to(of("ada"), TeamEvent::RunEnded { run: run(0), state: RunStatus::Done });
    let ended = TeamEvent::RunEnded { run: run(1), state: RunStatus::Stopped };
    events.publish_to(of("bob"), ended.clone());
    let mut seen = Vec::new();
    while seen.last() != Some(&ended) {
        let TeamUpdate::Event(record) = next(&mut listener).await else { panic!("an event") };
        seen.push(record.event);
    }
    assert_eq!(seen, [queued(1), ended]);
}
