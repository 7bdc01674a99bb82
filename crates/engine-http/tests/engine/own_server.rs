//! The conformance suite against a server of our own, over real sockets.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{Capabilities, Engine, Forms, LocalConfig, conformance, sim};
use harmonic_engine_http::{Endpoint, HttpAgent, HttpEngineConfig, spawn};
use harmonic_gateway::{Access, AgentInfo, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_types::{EngineKind, RemoteDialect};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::cost_models;
use crate::setup::background;

/// URL of a server in front of a simulated engine, for the rest of the test.
fn server(config: &LocalConfig) -> String {
    let local: Arc<dyn Engine> =
        Arc::new(sim::spawn(config.clone(), cost_models::fast()).expect("an engine"));
    let agents = config.agents.iter().map(|agent| RegisteredAgent {
        name: agent.spec.name.clone(),
        role: agent.spec.role.clone(),
        model: config.model.clone(),
        context: agent.context,
        info: AgentInfo::default(),
        engine: Arc::clone(&local),
        team: None,
    });
    let models = ModelRegistry::new(agents.collect()).expect("unique names");
    let listener = block_in_place(|| Handle::current().block_on(bind(([127, 0, 0, 1], 0).into())))
        .expect("a free port");
    let url = format!("http://{}", listener.address());
    let stopped = std::future::pending();
    background(serve(listener, models, Access::default(), Config::default(), stopped));
    url
}

/// An engine over HTTP in front of that server, with the agents and limits of `config`.
fn over_http(config: LocalConfig) -> Arc<dyn Engine> {
    let url = server(&config);
    let agent = |agent: harmonic_engine::ServedAgent| HttpAgent {
        model: agent.spec.name.0.clone(),
        spec: agent.spec,
        slots: agent.slots,
        context: agent.context,
    };
    let dialect = RemoteDialect::OpenAi;
    let config = HttpEngineConfig {
        id: config.id,
        model: config.model,
        // It has llama-server's names for what OpenAI's API lacks.
        kind: EngineKind::LlamaServer,
        identity: config.identity,
        agents: config.agents.into_iter().map(agent).collect(),
        sequences: config.sequences,
        queue_limit: config.queue_limit,
        max_in_flight: config.max_in_flight,
        events: config.events,
        // The server's agents have their own prompts.
        endpoint: Endpoint { url, dialect, key: None, sends_system: false },
        capabilities: Capabilities {
            logprobs: true,
            forms: Forms::ALL,
            tools: true,
            ignore_eos: true,
            ..Capabilities::TEXT
        },
        connect_timeout: Duration::from_secs(10),
        idle_timeout: None,
    };
    Arc::new(spawn(config, &Handle::current()).expect("an engine"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_over_http_conforms_as_far_as_a_server_lets_it() {
    conformance::run_remote(&over_http).await;
}
