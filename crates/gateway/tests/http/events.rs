//! The event stream: snapshot, events, resumption and lost events.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::{Client, ClientError, TeamEvents, TeamUpdate};
use harmonic_events::{AgentSlots, EventStream, Outcome, TeamEvent};
use harmonic_gateway::{Access, Config};
use harmonic_types::RequestId;
use serde_json::Value;

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
    assert_eq!(*snapshot, events.snapshot());
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
    for id in ["x", "-1", "1.5", "99999999999999999999"] {
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
