//! The ring and its listeners: order, loss, snapshots.

use std::sync::Arc;

use harmonic_events::{
    AgentSlots, ApprovalOutcome, Audience, Delivery, EngineState, EventRecord, EventStream,
    OpenTask, Outcome, Phase, RunStatus, Snapshot, StepRecord, TeamEvent,
};
use harmonic_types::{AgentName, RequestClass, RequestId, RunId, TaskState, Usage};
use proptest::prelude::*;

const ENGINE: &str = "e0";

fn engine() -> String {
    ENGINE.to_owned()
}

fn starting() -> TeamEvent {
    let agents = vec![AgentSlots { agent: "coder".into(), slots: 2, quota: Some(1) }];
    TeamEvent::EngineStarting { engine: engine(), model: "m".to_owned(), sequences: 4, agents }
}

fn queued(request: u64) -> TeamEvent {
    let agent = AgentName("coder".to_owned());
    TeamEvent::RequestQueued {
        engine: engine(),
        request: RequestId(request),
        agent,
        class: RequestClass::Interactive,
        prompt_tokens: 7,
    }
}

fn run(number: u32) -> RunId {
    RunId(format!("run_01JABCDEFGHJKMNPQRSTVWXY{number:02}"))
}

fn task(request: RequestId) -> u32 {
    u32::try_from(request.0).expect("small")
}

/// Any event of eight requests, two engines and four runs, in any order: nonsense included.
fn any_event() -> impl Strategy<Value = TeamEvent> {
    let parts = (0..23u8, 0..8u64, 0..4u32, any::<bool>(), prop::sample::select(vec!["e0", "e1"]));
    parts.prop_map(|(kind, request, slot, flag, engine)| {
        let (engine, request) = (engine.to_owned(), RequestId(request));
        match kind {
            0 | 1 => TeamEvent::RequestQueued {
                engine,
                request,
                agent: "coder".into(),
                class: RequestClass::ALL[usize::from(flag)],
                prompt_tokens: slot,
            },
            2 | 3 => {
                TeamEvent::RequestAdmitted { engine, request, slot, borrowed: flag, queued_us: 5 }
            }
            4 => TeamEvent::PrefillStarted { engine, request, cached_tokens: slot },
            5 => TeamEvent::FirstToken { engine, request },
            6 => TeamEvent::RequestPreempted { engine, request },
            7 => TeamEvent::RequestResumed { engine, request, slot, borrowed: flag },
            8 => TeamEvent::RequestMoved { engine, request, slot },
            9 => {
                let usage = flag.then(Usage::default);
                TeamEvent::RequestFinished { engine, request, outcome: Outcome::Length, usage }
            }
            10 => TeamEvent::EngineStarting {
                engine,
                model: "m".to_owned(),
                sequences: slot,
                agents: vec![AgentSlots { agent: "coder".into(), slots: slot, quota: Some(1) }],
            },
            11 => TeamEvent::EngineReady { engine, took_ms: 3 },
            12 => TeamEvent::EngineDied {
                engine,
                message: "gone".to_owned(),
                restart_in_ms: flag.then_some(10),
            },
            13 => TeamEvent::SlotsChanged { engine, agents: Vec::new() },
            14 => TeamEvent::Step(StepRecord { engine, steps: slot, ..StepRecord::default() }),
            15 => TeamEvent::RunStarted { run: run(slot) },
            16 => TeamEvent::RunState { run: run(slot), state: RunStatus::WaitingForApproval },
            17 => TeamEvent::RunEnded { run: run(slot), state: RunStatus::Done },
            18 => {
                let agent = flag.then(|| "coder".into());
                TeamEvent::TaskOffered { run: run(slot), task: task(request), agent }
            }
            19 => {
                let slot_of_task = flag.then_some(slot);
                TeamEvent::TaskStarted { run: run(slot), task: task(request), slot: slot_of_task }
            }
            20 => {
                TeamEvent::TaskEnded { run: run(slot), task: task(request), state: TaskState::Done }
            }
            21 => TeamEvent::ApprovalOpened { run: run(slot), approval: request.0 },
            _ => TeamEvent::ApprovalAnswered {
                run: run(slot),
                approval: request.0,
                outcome: ApprovalOutcome::TimedOut,
            },
        }
    })
}

/// Folds a delivery as a client does; gives the events that it counts as seen and as lost.
fn fold(state: &mut Option<Snapshot>, delivery: Delivery) -> (u64, u64) {
    match delivery {
        Delivery::Snapshot(snapshot) => {
            *state = Some((**snapshot).clone());
            (0, 0)
        }
        Delivery::Lost(count, snapshot) => {
            *state = Some((**snapshot).clone());
            (0, count)
        }
        Delivery::Events(records) => {
            let state = state.as_mut().expect("a snapshot comes first");
            for record in &records {
                assert_eq!(record.id, state.id + 1, "events come in order, none left out");
                // As it is after a way over the wire.
                let line = record.json();
                state.apply(&serde_json::from_str::<EventRecord>(line).expect("an event"));
            }
            (records.len() as u64, 0)
        }
    }
}

proptest! {
    #[test]
    fn a_snapshot_and_the_events_after_it_give_the_next_snapshot(
        before in prop::collection::vec(any_event(), 0..20),
        turns in prop::collection::vec((prop::collection::vec(any_event(), 0..12), any::<bool>()), 1..12),
        capacity in 1..10usize,
    ) {
        let stream = EventStream::new(capacity, 1);
        for event in before {
            stream.publish(event);
        }
        let mut listener = stream.listen(None).unwrap();
        let mut state = None;
        fold(&mut state, listener.take().expect("the snapshot"));
        let (mut published, mut seen, mut lost) = (0, 0, 0);
        for (events, reads) in turns {
            published += events.len() as u64;
            for event in events {
                stream.publish(event);
            }
            while reads && let Some(delivery) = listener.take() {
                let (more, gone) = fold(&mut state, delivery);
                (seen, lost) = (seen + more, lost + gone);
            }
        }
        while let Some(delivery) = listener.take() {
            let (more, gone) = fold(&mut state, delivery);
            (seen, lost) = (seen + more, lost + gone);
        }
        let state = state.expect("a snapshot came first");
        prop_assert_eq!(&state, &**stream.snapshot());
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), state);
        prop_assert_eq!(seen + lost, published, "each event is delivered or counted as lost");
    }
}

#[test]
fn listeners_share_one_snapshot_until_the_next_event() {
    let stream = EventStream::default();
    stream.publish(starting());
    stream.publish(queued(1));
    let open = || {
        let Some(Delivery::Snapshot(snapshot)) = stream.listen(None).unwrap().take() else {
            panic!("a snapshot")
        };
        snapshot
    };
    let (one, other) = (open(), open());
    assert!(Arc::ptr_eq(&one, &other));
    assert!(std::ptr::eq(one.json(), other.json()), "encoded once");
    stream.publish(queued(2));
    let next = open();
    assert_eq!((next.id, next.engines[0].requests.len()), (one.id + 1, 2));
    assert_eq!(one.engines[0].requests.len(), 1, "that of others stays as it was");
}

#[test]
fn open_requests_are_listed_in_the_order_of_their_offers() {
    let stream = EventStream::default();
    stream.publish(starting());
    for id in [9, 3, 7, 5, 3] {
        stream.publish(queued(id));
    }
    let (request, outcome) = (RequestId(7), Outcome::Stop);
    stream.publish(TeamEvent::RequestFinished { engine: engine(), request, outcome, usage: None });
    let json: serde_json::Value = serde_json::from_str(stream.snapshot().json()).unwrap();
    let requests = json["engines"][0]["requests"].as_array().unwrap();
    let ids: Vec<&serde_json::Value> = requests.iter().map(|request| &request["request"]).collect();
    // 3 was offered again.
    assert_eq!(ids, [9, 5, 3]);
}

#[test]
fn a_listener_goes_on_after_the_last_event_that_it_had() {
    let stream = EventStream::new(8, 2);
    let first = stream.publish(starting());
    stream.publish(queued(1));
    let mut listener = stream.listen(Some(first)).unwrap();
    let Some(Delivery::Events(events)) = listener.take() else { panic!("events, no snapshot") };
    assert_eq!(events.iter().map(|record| record.id).collect::<Vec<_>>(), [first + 1]);
    assert_eq!(listener.take(), None);
}

#[test]
fn a_listener_of_an_earlier_process_gets_a_snapshot_and_has_lost_nothing() {
    let stream = EventStream::new(2, 4);
    let first = stream.publish(queued(0));
    for id in 1..9 {
        stream.publish(queued(id));
    }
    for foreign in [0, first - 2, first + 100, u64::MAX] {
        let mut listener = stream.listen(Some(foreign)).unwrap();
        assert!(matches!(listener.take(), Some(Delivery::Snapshot(_))), "{foreign}");
    }
    let mut listener = stream.listen(Some(first)).unwrap();
    assert!(matches!(listener.take(), Some(Delivery::Lost(8, _))), "one of this stream has lost");
}

#[test]
fn ids_are_exact_in_json_and_go_on_over_restarts() {
    let earlier = EventStream::default();
    let last = (0..100).fold(0, |_, id| earlier.publish(queued(id)));
    std::thread::sleep(std::time::Duration::from_millis(2));
    let later = EventStream::default();
    let next = later.publish(starting());
    assert!(next > last);
    assert!(next < 1 << 53);
}

#[test]
fn the_state_is_bounded_by_what_is_open() {
    let stream = EventStream::new(4, 1);
    stream.publish(starting());
    for id in 0..1000 {
        let request = RequestId(id);
        stream.publish(queued(id));
        stream.publish(TeamEvent::RequestAdmitted {
            engine: engine(),
            request,
            slot: 0,
            borrowed: id % 2 == 0,
            queued_us: 1,
        });
        let outcome = Outcome::Stop;
        stream.publish(TeamEvent::RequestFinished {
            engine: engine(),
            request,
            outcome,
            usage: None,
        });
    }
    stream.publish(queued(7));
    let state = stream.snapshot();
    let phases: Vec<_> = state.engines[0].requests.iter().map(|request| request.phase).collect();
    assert_eq!(phases, [Phase::Queued]);
    assert_eq!(state.engines[0].counts(&"coder".into()).queued, 1);
}

#[test]
fn a_dead_engine_has_no_requests() {
    let stream = EventStream::default();
    stream.publish(starting());
    stream.publish(queued(1));
    let (message, restart_in_ms) = ("é".repeat(2000), Some(5));
    stream.publish(TeamEvent::EngineDied { engine: engine(), message, restart_in_ms });
    let state = stream.snapshot();
    assert_eq!(state.engines[0].state, EngineState::Restarting);
    assert!(state.engines[0].requests.is_empty());
    assert!(state.engines[0].message.as_ref().unwrap().len() < 1100, "a cause is cut");
}

#[test]
fn a_place_is_free_again_when_its_listener_is_gone() {
    let stream = EventStream::new(4, 2);
    let (one, _two) = (stream.listen(None).unwrap(), stream.listen(None).unwrap());
    assert_eq!(stream.listen(None).unwrap_err().limit, 2);
    drop(one);
    assert!(stream.listen(None).is_ok());
    assert_eq!(stream.listeners(), 1);
}

#[test]
fn an_unknown_type_is_passed_over() {
    let line = r#"{"id":9,"at_us":8,"type":"fan_speed","rpm":3}"#;
    let record: EventRecord = serde_json::from_str(line).unwrap();
    assert_eq!(record.event, TeamEvent::Unknown);
    let mut state = Snapshot::empty(8, 7);
    state.apply(&record);
    assert_eq!((state.id, state.at_us), (9, 8));
}

#[tokio::test]
async fn a_waiting_listener_learns_of_events_and_of_the_end() {
    let stream = EventStream::default();
    let mut listener = stream.listen(None).unwrap();
    assert!(matches!(listener.next().await, Some(Delivery::Snapshot(_))));
    let waiting = async {
        let first = listener.next().await;
        (first, listener.next().await)
    };
    let acting = async {
        tokio::task::yield_now().await;
        stream.publish(starting());
        tokio::task::yield_now().await;
        stream.end();
    };
    let ((first, last), ()) = tokio::join!(waiting, acting);
    assert!(matches!(first, Some(Delivery::Events(events)) if events.len() == 1));
    assert_eq!(last, None);
}

#[test]
fn a_run_is_in_the_snapshot_from_its_start_to_its_end_for_those_who_may_see_it() {
    let stream = EventStream::new(64, 1);
    let publish = |event| stream.publish_to(Audience::Key(Some("ada".into())), event);
    publish(TeamEvent::RunStarted { run: run(0) });
    publish(TeamEvent::TaskOffered { run: run(0), task: 2, agent: Some("coder".into()) });
    publish(TeamEvent::TaskOffered { run: run(0), task: 1, agent: None });
    publish(TeamEvent::TaskStarted { run: run(0), task: 2, slot: Some(3) });
    publish(TeamEvent::ApprovalOpened { run: run(0), approval: 7 });
    publish(TeamEvent::RunState { run: run(0), state: RunStatus::WaitingForApproval });
    let snapshot = stream.snapshot();
    let open = &snapshot.visible_to(Some("ada")).runs[0];
    assert_eq!((open.state, open.approvals.as_slice()), (RunStatus::WaitingForApproval, &[7][..]));
    let offered = OpenTask { task: 1, agent: None, has_started: false, slot: None };
    let started =
        OpenTask { task: 2, agent: Some("coder".into()), has_started: true, slot: Some(3) };
    assert_eq!(open.tasks, [offered, started]);
    assert!(!snapshot.json().contains("ada"), "whom it is for is not on the wire");
    for other in [None, Some("bob")] {
        assert_eq!(snapshot.visible_to(other).runs, []);
    }
    publish(TeamEvent::RunEnded { run: run(0), state: RunStatus::Done });
    assert_eq!(stream.snapshot().runs, []);
}
