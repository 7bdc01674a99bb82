//! A thousand connections over 32 slots: no request is lost or answered twice, and nothing leaks.
//!
//! The machine is simulated in virtual time, so only counts are tested; `make bench-gateway`
//! measures the throughput.

mod connection;
mod counting_engine;
mod flood;
mod gate;
mod open_files;
mod outcome;
mod team;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use harmonic_engine::clock::VirtualClock;
use harmonic_engine::sim::{SimMachine, SimVocabulary};
use harmonic_engine::{Engine, Local, LocalConfig};
use harmonic_gateway::{Access, Config, bind, serve};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::connection::Connection;
use crate::counting_engine::{CountingEngine, Counts};
use crate::gate::{Gate, Gated};
use crate::outcome::Outcome;
use crate::team::{AGENT, QUEUE, SLOTS};

const MODEL: &str = "smollm2:135m";
const CONNECTIONS: u32 = 1000;
/// Requests of each connection in the second part, one after the other.
const ROUNDS: u32 = 3;

/// Number of open files of this process.
fn open_files() -> usize {
    std::fs::read_dir("/dev/fd").expect("the system lists open files there").count()
}

fn engine(config: LocalConfig, gate: &Gate) -> Arc<CountingEngine> {
    let gate = gate.clone();
    let paper = team::paper(MODEL).expect("it is in the catalog");
    let inner = SimMachine::new(paper, config.sequences, config.kv_tokens);
    let engine = Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
        thread.drive(Gated { inner, gate }, &mut VirtualClock::default())
    });
    CountingEngine::new(engine.expect("it starts"))
}

/// Every second request is streamed.
fn body(number: u32) -> Bytes {
    let stream = number.is_multiple_of(2);
    let mut body = json!({
        "model": AGENT,
        "messages": [{"role": "user", "content": format!("What is {number}?")}],
        "max_tokens": tokens(number),
        "ignore_eos": true,
        "stream": stream,
    });
    if stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    body.to_string().into()
}

/// Exact length of the answer to request `number`, in tokens.
fn tokens(number: u32) -> u64 {
    4 + u64::from(number) % 9
}

/// Sends request `number` and checks the outcome.
async fn ask(connection: &mut Connection, number: u32) -> Outcome {
    let response = connection.ask(body(number)).await.expect("an answer");
    let answer = Outcome::read(response).await.expect("a whole answer or a refusal");
    match answer {
        Outcome::Complete { tokens: counted } => assert_eq!(counted, tokens(number)),
        Outcome::Rejected { retry_after, waiting } => {
            assert!(retry_after > 0, "retry-after is at least a second");
            assert_eq!(waiting, QUEUE, "rejected although the queue had room");
        }
    }
    answer
}

/// Counts that the engine should have, by the outcomes of the clients.
fn expected_counts(answers: &[Outcome]) -> Counts {
    let rejected =
        answers.iter().filter(|answer| matches!(answer, Outcome::Rejected { .. })).count();
    let [submitted, rejected] = [answers.len(), rejected].map(|count| count as u64);
    Counts { submitted, admitted: submitted - rejected, rejected }
}

/// Waits until `holds`; panics when it never does.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never happened: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_over_32_slots() {
    open_files::raise_limit(open_files::count_for(CONNECTIONS)).expect("many files");
    let before = open_files();
    let gate = Gate::default();
    let engine = engine(team::config(MODEL), &gate);
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = listener.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let models = team::models(Arc::clone(&engine) as Arc<dyn Engine>);
    let server = TaskTracker::new().spawn(async move {
        serve(listener, models, Access::default(), Config::default(), async { drop(stopped.await) })
            .await
    });
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address).await.expect("it is accepted"));
    }

    // After one answer, the engine has computed its agent's prefix.
    let mut answers = vec![ask(&mut connections[0], 0).await];

    // While the machine is held, no request leaves the queue, so the rejected ones are known.
    gate.close();
    let asked = (0..).zip(&mut connections).map(|(number, one)| ask(one, number));
    let released = async {
        engine.submitted(u64::from(1 + CONNECTIONS)).await;
        tokio::task::block_in_place(|| gate.wait_until_reached());
        let running = engine.status().agents[0].in_flight;
        gate.open();
        running
    };
    let (at_once, running) = tokio::join!(join_all(asked), released);
    assert!((1..=SLOTS).contains(&running), "{running}");
    assert_eq!(expected_counts(&at_once).admitted, u64::from(running + QUEUE));
    answers.extend(at_once);
    assert_eq!(expected_counts(&answers), engine.counts());

    // Then all of them repeatedly, without pauses.
    let again = (0..).zip(&mut connections).map(|(number, one)| async move {
        let mut answers = Vec::new();
        for round in 0..ROUNDS {
            answers.push(ask(one, number + round).await);
        }
        answers
    });
    answers.extend(join_all(again).await.into_iter().flatten());
    assert_eq!(engine.counts().submitted, u64::from(1 + CONNECTIONS * (1 + ROUNDS)));
    assert_eq!(expected_counts(&answers), engine.counts(), "each was answered once");

    let idle = || {
        let agent = &engine.status().agents[0];
        agent.in_flight + agent.preempted + agent.queued == 0
    };
    until("no slot is in use", idle).await;
    join_all(connections.into_iter().map(Connection::close)).await;
    drop(stop);
    server.await.expect("no panic").expect("the socket works");
    until("all files are closed again", || open_files() <= before).await;
}
