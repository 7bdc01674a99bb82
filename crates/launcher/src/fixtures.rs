//! Plan of two agents on two simulated engines, for the tests of this crate.

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_engine::sim::CostModel;
use harmonic_perfmodel::MachineModel;
use harmonic_types::{
    AgentName, AgentPlan, AgentSpec, AgentStatus, BudgetRule, Bytes, BytesPerSecond, EnginePlan,
    EngineSpec, FlopsPerSecond, KvLayout, KvType, LayerKv, LocalSpec, Message, ModelShape, Plan,
    PlanHardware, Provenance, Request, RequestId, Role, Sampling, Sharing, Tier, Tokens,
};

pub(crate) const GB: u64 = 1_000_000_000;

/// Model of one layer, so that sizes are easy to state.
pub(crate) fn shape() -> ModelShape {
    ModelShape {
        architecture: "llama".to_owned(),
        layers: vec![LayerKv { kv_heads: 1, key_length: 32, value_length: 32, window: None }],
        recurrent: None,
        query_heads: 2,
        embedding_length: 64,
        feed_forward_length: 256,
        context_trained: Tokens(4096),
        vocabulary: 256,
        parameters: 1_000_000,
        parameters_active: 1_000_000,
        experts: None,
        tied_embedding: None,
        pooling: None,
        weights_bytes: Bytes(2_000_000),
        format: "F16".to_owned(),
        provenance: Provenance::Declared,
    }
}

pub(crate) fn agent(name: &str, engine: &str) -> AgentPlan {
    let name = AgentName::from(name);
    AgentPlan {
        name: name.clone(),
        tier: Tier::Specialists,
        model: "toy".to_owned(),
        leaves_machine: false,
        engine: Some(engine.to_owned()),
        slots: 2,
        context: Tokens(512),
        kv_bytes: Bytes::ZERO,
        memory_bytes: Bytes::ZERO,
        status: AgentStatus::Planned,
        reason: None,
        spec: AgentSpec {
            name,
            tier: Tier::Specialists,
            model: "toy".to_owned(),
            context: Tokens(512),
            min_context: None,
            role: "tests".to_owned(),
            system: "Be brief.".to_owned(),
            sampling: Sampling::default(),
            thinking: false,
        },
    }
}

pub(crate) fn engine(id: &str, agent: &str) -> EnginePlan {
    EnginePlan {
        id: id.to_owned(),
        spec: EngineSpec::Sim(LocalSpec {
            path: None,
            threads: 1,
            kv_layout: KvLayout::Unified,
            kv_type: KvType::F16,
            kv_tokens: 1024,
            pooling: None,
        }),
        device: "cpu".to_owned(),
        model: "toy".to_owned(),
        digest: None,
        context_trained: None,
        format: "F16".to_owned(),
        agents: vec![agent.into()],
        slots: 2,
        sequences: 2,
        weights_bytes: Bytes(2_000_000),
        // 1 layer × 1 head × (32 + 32) elements × 2 bytes × 1024 cells.
        kv_bytes: Bytes(131_072),
        state_bytes: Bytes::ZERO,
        prefix_bytes: Bytes::ZERO,
        preempt_bytes: Bytes::ZERO,
        compute_bytes: Bytes::ZERO,
        overhead_bytes: Bytes::ZERO,
        total_bytes: Bytes(2_131_072),
    }
}

/// Plan of two engines with an agent each.
pub(crate) fn plan() -> Plan {
    Plan {
        schema: Plan::SCHEMA.to_owned(),
        stack: "test".to_owned(),
        hardware: PlanHardware {
            profile: "cpu-generic".to_owned(),
            memory_budget_bytes: Bytes(GB),
            peak_parallel: 4,
        },
        sharing: Sharing::Isolated,
        budget: BudgetRule::Exact,
        max_in_flight: 4,
        curves: Vec::new(),
        tuned: Vec::new(),
        http_threads: None,
        agents: vec![agent("coder", "one"), agent("analyst", "two")],
        trades: Vec::new(),
        engines: vec![engine("one", "coder"), engine("two", "analyst")],
        ledger: Vec::new(),
        reserve_bytes: Bytes::ZERO,
        total_bytes: Bytes(4_262_144),
        headroom_bytes: Bytes(GB - 4_262_144),
        provenance: BTreeMap::new(),
    }
}

pub(crate) fn ask(agent: &str, max_tokens: u32) -> Request {
    let messages = vec![Message::new(Role::User, "go")];
    Request {
        max_tokens: Some(Tokens(max_tokens)),
        ignore_eos: true,
        ..Request::new(RequestId(1), agent.into(), messages)
    }
}

/// Fast simulated machine with weights of that size.
pub(crate) fn paper(weights: Bytes, kv_type: KvType) -> CostModel {
    let machine = MachineModel {
        bandwidth: BytesPerSecond(1e9),
        compute: FlopsPerSecond(1e12),
        overhead: Duration::from_micros(100),
    };
    CostModel::new(machine, &ModelShape { weights_bytes: weights, ..shape() }, kv_type)
}
