//! Team under load: one agent with all the slots, on a simulated machine.

use std::sync::Arc;

use harmonic_engine::sim::CostModel;
use harmonic_engine::{Engine, Identity, LocalConfig, ServedAgent};
use harmonic_events::EventStream;
use harmonic_gateway::{AgentInfo, ModelRegistry, RegisteredAgent};
use harmonic_models::catalog;
use harmonic_types::{AgentName, AgentSpec, Bytes, KvLayout, Sampling, Tier, Tokens};

/// Name of the agent.
pub const AGENT: &str = "coder";
/// Its slots, all of the engine.
pub const SLOTS: u32 = 32;
/// Limit of its queue.
pub const QUEUE: u32 = 256;
/// Context of each sequence, in tokens.
const CONTEXT: u32 = 1024;

/// Model of the catalog on the simulated DGX Spark.
pub fn paper(model: &str) -> Option<CostModel> {
    catalog::find(model).map(|entry| CostModel::dgx_spark(&entry.shape))
}

/// Configuration of the engine.
pub fn config(model: &str) -> LocalConfig {
    LocalConfig {
        id: "load".to_owned(),
        model: model.to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![ServedAgent {
            larger: None,
            spec: AgentSpec {
                name: AgentName::from(AGENT),
                tier: Tier::Executive,
                model: model.to_owned(),
                context: Tokens(CONTEXT),
                min_context: None,
                role: String::new(),
                system: String::new(),
                sampling: Sampling::default(),
                thinking: false,
            },
            slots: SLOTS,
            context: Tokens(CONTEXT),
        }],
        threads: 1,
        sequences: SLOTS,
        kv_tokens: u64::from(SLOTS * CONTEXT),
        max_in_flight: SLOTS,
        quota_total: SLOTS,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(64 << 10),
        prefix_bytes: Bytes(256 << 20),
        preempted_bytes: Bytes(1 << 30),
        queue_limit: 256,
        form_trial: None,
        events: EventStream::default(),
    }
}

/// Registry of the agent, served by `engine`.
pub fn models(engine: Arc<dyn Engine>) -> ModelRegistry {
    let agent = RegisteredAgent {
        name: AgentName::from(AGENT),
        role: String::new(),
        model: engine.status().model,
        context: Tokens(CONTEXT),
        info: AgentInfo::default(),
        engine,
        team: None,
    };
    ModelRegistry::new(vec![agent]).expect("one printable name")
}
