//! Time to plan very many agents: `cargo bench -p harmonic-planner`.
//!
//! Prints the median of five plans of 10,000 agents (or the number in the first argument), shared
//! and isolated, with memory for all of them and with far less. The limit is one second each.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a command-line benchmark")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harmonic_planner::{PlanOptions, PlannedModel, plan};
use harmonic_types::{
    AgentName, AgentSpec, AgentStatus, Bytes, Device, DeviceKind, Hardware, LayerKv, ModelShape,
    Provenance, ProvenanceMap, Sampling, Sharing, StackSpec, Tier, Tokens,
};

const TRIALS: usize = 5;

fn main() {
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let agents = arguments.next().map_or(10_000, |word| word.parse().expect("a number of agents"));
    let stack = stack(agents);
    let models: BTreeMap<_, _> = (0..4).map(model).map(|m| (m.name.clone(), m)).collect();
    for sharing in [Sharing::Shared, Sharing::Isolated] {
        let options = PlanOptions { sharing, ..PlanOptions::default() };
        // An isolated agent requests about 10 GB, a shared one next to nothing.
        for terabytes in [200.0, 10.0] {
            let hardware = machine(Bytes::from_gb(terabytes * 1000.0));
            let mut times = Vec::new();
            let mut placed = 0;
            for _ in 0..TRIALS {
                let started = Instant::now();
                let plan = plan(&hardware, &stack, &models, &options, &[]).expect("some fit");
                times.push(started.elapsed());
                let is_placed = |status| status != AgentStatus::Skipped;
                placed = plan.agents.iter().filter(|agent| is_placed(agent.status)).count();
            }
            times.sort_unstable();
            let median: Duration = times[TRIALS / 2];
            println!(
                "{agents} agents, {sharing:?}, {terabytes} TB: {placed} placed in {median:.1?}"
            );
        }
    }
}

/// Agents of all tiers, on four models, with five contexts.
fn stack(agents: usize) -> StackSpec {
    let agent = |index: usize| AgentSpec {
        name: AgentName(format!("agent-{index}")),
        tier: Tier::ALL[index % 4],
        model: format!("model-{}", index % 4),
        context: Tokens(1024 << (index % 5)),
        min_context: None,
        role: String::new(),
        system: "You are one of very many.".to_owned(),
        sampling: Sampling::default(),
        thinking: false,
    };
    StackSpec::new("many", (0..agents).map(agent).collect())
}

fn model(index: u32) -> PlannedModel {
    let layer = LayerKv { kv_heads: 8, key_length: 128, value_length: 128, window: None };
    let weights = 2_500_000_000 + 1_000_000_000 * u64::from(index);
    PlannedModel {
        name: format!("model-{index}"),
        path: None,
        digest: None,
        shape: ModelShape {
            architecture: "qwen3".to_owned(),
            layers: vec![layer; 36],
            recurrent: None,
            query_heads: 32,
            embedding_length: 2560,
            feed_forward_length: 9728,
            context_trained: Tokens(40_960),
            vocabulary: 151_936,
            parameters: weights,
            parameters_active: weights,
            experts: None,
            tied_embedding: None,
            pooling: None,
            weights_bytes: Bytes(weights),
            format: "Q4_K".to_owned(),
            provenance: Provenance::Declared,
        },
        paper: None,
    }
}

fn machine(total: Bytes) -> Hardware {
    Hardware {
        schema: Hardware::SCHEMA.to_owned(),
        profile: "bench".to_owned(),
        name: "bench".to_owned(),
        unified_memory: true,
        memory_total_bytes: total,
        memory_available_bytes: total,
        memory_budget_bytes: Bytes(total.0 / 100 * 85),
        peak_parallel: 16,
        max_parallel: 32,
        devices: vec![Device {
            id: "cpu".to_owned(),
            kind: DeviceKind::Cpu,
            name: "bench".to_owned(),
            memory_bytes: None,
            threads: Some(8),
            features: Vec::new(),
        }],
        power: None,
        environment: BTreeMap::new(),
        warnings: Vec::new(),
        provenance: ProvenanceMap::new(),
    }
}
