//! Quotas under a flood: one agent is flooded and borrows the slots of another, which then gets
//! requests.
//!
//! The machine is held between steps, so the order of admission is read from the engine's status,
//! without a clock.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use harmonic_engine::{AgentUse, Engine, LocalConfig};
use harmonic_gateway::{Access, AgentInfo, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_types::{AgentName, Tier};
use serde_json::json;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::connection::Connection;
use crate::gate::Gate;
use crate::outcome::Outcome;
use crate::{MODEL, engine, team};

const SEQUENCES: u32 = 8;
const EXECUTIVE_SLOTS: u32 = 2;
const FLOOD: u32 = 40;
/// Tokens of each answer: more than there are steps until the gate opens.
const TOKENS: u64 = 60;

/// Two slots for the executive, the others for the coder.
fn config() -> LocalConfig {
    let mut config = team::config(MODEL);
    config.sequences = SEQUENCES;
    config.max_in_flight = SEQUENCES;
    config.quota_total = SEQUENCES;
    config.kv_tokens = u64::from(SEQUENCES * config.agents[0].context.0);
    let mut executive = config.agents[0].clone();
    executive.spec.name = AgentName::from("executive");
    executive.slots = EXECUTIVE_SLOTS;
    config.agents[0].spec.tier = Tier::Specialists;
    config.agents[0].slots = SEQUENCES - EXECUTIVE_SLOTS;
    config.agents.insert(0, executive);
    config
}

fn models(engine: &Arc<dyn Engine>) -> ModelRegistry {
    let agents = engine.status().agents.into_iter().map(|agent| RegisteredAgent {
        name: agent.agent,
        role: String::new(),
        model: MODEL.to_owned(),
        context: agent.context,
        info: AgentInfo::default(),
        engine: Arc::clone(engine),
        team: None,
    });
    ModelRegistry::new(agents.collect()).expect("two names")
}

fn body(agent: &str, number: u32) -> Bytes {
    let content = format!("What is {number}?");
    let body = json!({
        "model": agent,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": TOKENS,
        "ignore_eos": true,
    });
    body.to_string().into()
}

/// Slot use of the executive and the coder.
fn uses(engine: &dyn Engine) -> [AgentUse; 2] {
    engine.status().agents.try_into().expect("there are two")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_slots_are_its_own_while_another_is_flooded() {
    let gate = Gate::default();
    let counted = engine(config(), &gate);
    let engine = Arc::clone(&counted) as Arc<dyn Engine>;
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = listener.address();
    let server = TaskTracker::new().spawn(serve(
        listener,
        models(&engine),
        Access::default(),
        Config::default(),
        std::future::pending(),
    ));
    let _server = AbortOnDropHandle::new(server);
    let mut connections = Vec::new();
    for _ in 0..FLOOD + EXECUTIVE_SLOTS {
        connections.push(Connection::open(address).await.expect("it is accepted"));
    }
    let ask = async |connection: &mut Connection, agent: &str, number: u32| {
        let response = connection.ask(body(agent, number)).await.expect("an answer");
        Outcome::read(response).await.expect("a whole answer")
    };
    let wait_for_step = || tokio::task::block_in_place(|| gate.wait_until_reached());

    gate.close();
    let (flooding, privileged) = connections.split_at_mut(FLOOD as usize);
    let flood = (0..).zip(flooding).map(|(number, one)| ask(one, "coder", number));
    let executive = async {
        counted.submitted(u64::from(FLOOD)).await;
        wait_for_step();
        // All have arrived: after a few steps the coder has every slot.
        gate.let_pass(3);
        wait_for_step();
        let [executive, coder] = uses(&*engine);
        assert_eq!((coder.in_flight, coder.borrowed), (SEQUENCES, EXECUTIVE_SLOTS));
        assert_eq!((coder.queued, executive.in_flight), (FLOOD - SEQUENCES, 0));

        let asked = (0..).zip(privileged).map(|(number, one)| ask(one, "executive", number));
        let seen = async {
            counted.submitted(u64::from(FLOOD + EXECUTIVE_SLOTS)).await;
            gate.let_pass(3);
            wait_for_step();
            let seen = uses(&*engine);
            gate.open();
            seen
        };
        tokio::join!(join_all(asked), seen)
    };
    let (coders, (executives, [executive, coder])) = tokio::join!(join_all(flood), executive);

    // Both run, on slots of two preempted requests; no queued request was admitted before them.
    assert_eq!((executive.in_flight, executive.queued), (EXECUTIVE_SLOTS, 0));
    assert_eq!((coder.in_flight, coder.borrowed), (SEQUENCES - EXECUTIVE_SLOTS, 0));
    assert_eq!((coder.preempted, coder.queued), (EXECUTIVE_SLOTS, FLOOD - SEQUENCES));
    // All answers are complete.
    let complete = Outcome::Complete { tokens: TOKENS };
    assert_eq!(executives, vec![complete; EXECUTIVE_SLOTS as usize]);
    assert_eq!(coders, vec![complete; FLOOD as usize]);
}
