//! A thousand connections over 32 slots: nothing is lost, nothing is answered twice, nothing leaks.
//!
//! The machine is simulated in virtual time, so this is about books and not about speed;
//! `make bench-gateway` is about both.

mod answer;
mod connection;
mod counted;
mod files;
mod flood;
mod gate;
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

use crate::answer::Answer;
use crate::connection::Connection;
use crate::counted::{Counted, Counts};
use crate::gate::{Gate, Gated};
use crate::team::{AGENT, QUEUE, SLOTS};

const MODEL: &str = "smollm2:135m";
const CONNECTIONS: u32 = 1000;
/// Requests of each connection, one after the other, in the second part.
const ROUNDS: u32 = 3;

/// Files that this process has open.
fn open_files() -> usize {
    std::fs::read_dir("/dev/fd").expect("the system lists open files there").count()
}

fn engine(config: LocalConfig, gate: &Gate) -> Arc<Counted> {
    let gate = gate.clone();
    let paper = team::paper(MODEL).expect("it is in the catalog");
    let inner = SimMachine::new(paper, config.sequences, config.kv_tokens);
    let engine = Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
        thread.drive(Gated { inner, gate }, &mut VirtualClock::default())
    });
    Counted::new(engine.expect("it starts"))
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

/// How many tokens request `number` wants, exactly.
fn tokens(number: u32) -> u64 {
    4 + u64::from(number) % 9
}

/// Asks; holds the answer against what was asked.
async fn ask(connection: &mut Connection, number: u32) -> Answer {
    let response = connection.ask(body(number)).await.expect("an answer");
    let answer = Answer::read(response).await.expect("a whole answer or a refusal");
    match answer {
        Answer::Whole { tokens: counted } => assert_eq!(counted, tokens(number)),
        Answer::Refused { retry_after, waiting } => {
            assert!(retry_after > 0, "it is told when to come again");
            assert_eq!(waiting, QUEUE, "refused although there was room in the queue");
        }
    }
    answer
}

/// What the clients have seen, as the engine should have counted it.
fn books(answers: &[Answer]) -> Counts {
    let refused = answers.iter().filter(|answer| matches!(answer, Answer::Refused { .. })).count();
    let [submitted, refused] = [answers.len(), refused].map(|count| count as u64);
    Counts { submitted, granted: submitted - refused, refused }
}

/// Resolves when `holds` does, which is a failed test where it never comes.
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
    files::allow(files::of_connections(CONNECTIONS)).expect("many files");
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
        connections.push(Connection::open(address).await.expect("it is taken"));
    }

    // The engine has computed its agent's prefix once it has answered.
    let mut answers = vec![ask(&mut connections[0], 0).await];

    // While the machine stands still, nobody leaves the queue: who is refused can be said exactly.
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
    assert_eq!(books(&at_once).granted, u64::from(running + QUEUE));
    answers.extend(at_once);
    assert_eq!(books(&answers), engine.counts());

    // Then all of them again and again, as fast as they can.
    let again = (0..).zip(&mut connections).map(|(number, one)| async move {
        let mut answers = Vec::new();
        for round in 0..ROUNDS {
            answers.push(ask(one, number + round).await);
        }
        answers
    });
    answers.extend(join_all(again).await.into_iter().flatten());
    assert_eq!(engine.counts().submitted, u64::from(1 + CONNECTIONS * (1 + ROUNDS)));
    assert_eq!(books(&answers), engine.counts(), "each was answered once");

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
