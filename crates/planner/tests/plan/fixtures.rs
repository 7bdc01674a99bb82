//! Stacks, models and machines of the planner's tests.

use std::collections::BTreeMap;

use harmonic_planner::{PaperFigures, PlannedModel};
use harmonic_types::{
    AgentName, AgentSpec, Bytes, Device, DeviceKind, Hardware, LayerKv, ModelShape, Provenance,
    ProvenanceMap, Sampling, StackSpec, Tier, Tokens,
};

pub type Models = BTreeMap<String, PlannedModel>;

pub fn agent(name: &str, tier: Tier, model: &str, context: u32) -> AgentSpec {
    AgentSpec {
        name: AgentName::from(name),
        tier,
        model: model.to_owned(),
        context: Tokens(context),
        min_context: None,
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        thinking: false,
    }
}

/// The paper's seven agents (§5.4) with the contexts of the stack `standard`.
pub fn standard() -> StackSpec {
    use Tier::{Directors, Executive, Specialists};
    let agents = vec![
        agent("executive", Executive, "qwen3:4b", 4096),
        agent("operator", Executive, "qwen3:4b", 4096),
        agent("technical_director", Directors, "qwen3:8b", 8192),
        agent("research_director", Directors, "qwen3:8b", 8192),
        agent("creative_director", Directors, "qwen3:8b", 8192),
        agent("coder", Specialists, "qwen3:14b", 16384),
        agent("analyst", Specialists, "qwen3:8b", 8192),
    ];
    StackSpec::new("standard", agents)
}

/// The same seven on one small model, 2048 tokens each.
pub fn starter() -> StackSpec {
    let small = |asked: AgentSpec| agent(&asked.name.0, asked.tier, "smollm2:135m", 2048);
    let agents = standard().agents.into_iter().map(small).collect();
    StackSpec::new("starter", agents)
}

pub fn model(name: &str, layers: usize, heads: [u32; 2], weights: u64) -> PlannedModel {
    let [kv_heads, length] = heads;
    let layer = LayerKv { kv_heads, key_length: length, value_length: length, window: None };
    PlannedModel {
        name: name.to_owned(),
        path: None,
        digest: None,
        shape: ModelShape {
            architecture: "test".to_owned(),
            layers: vec![layer; layers],
            recurrent: None,
            query_heads: 32,
            embedding_length: 2560,
            feed_forward_length: 9728,
            context_trained: Tokens(32_768),
            vocabulary: 151_936,
            parameters: weights,
            parameters_active: weights,
            experts: None,
            tied_embedding: None,
            pooling: None,
            weights_bytes: Bytes(weights),
            format: "Q4_K_M".to_owned(),
            provenance: Provenance::Declared,
        },
        paper: None,
    }
}

/// The three sizes of qwen3 with the paper's figures (§5.3), and the starter model.
pub fn models() -> Models {
    let qwen3 = [
        ("qwen3:4b", 36, 2_497_280_256, 2.5, 0.3),
        ("qwen3:8b", 36, 5_027_783_488, 5.2, 0.5),
        ("qwen3:14b", 40, 9_001_752_960, 9.3, 0.8),
    ]
    .map(|(name, layers, weights, base, kv)| PlannedModel {
        paper: Some(PaperFigures { base: Bytes::from_gb(base), kv_per_slot: Bytes::from_gb(kv) }),
        ..model(name, layers, [8, 128], weights)
    });
    let mut smollm2 = model("smollm2:135m", 30, [3, 64], 98_000_000);
    smollm2.shape.vocabulary = 49_152;
    smollm2.shape.embedding_length = 576;
    smollm2.shape.feed_forward_length = 1536;
    smollm2.shape.context_trained = Tokens(8192);
    smollm2.digest = Some("b179".to_owned());
    let all = qwen3.into_iter().chain([smollm2]);
    all.map(|model| (model.name.clone(), model)).collect()
}

/// A machine with `total` of memory, 15% of it reserved.
pub fn machine(profile: &str, total: Bytes, peak_parallel: u32, max_parallel: u32) -> Hardware {
    Hardware {
        schema: Hardware::SCHEMA.to_owned(),
        profile: profile.to_owned(),
        name: profile.to_owned(),
        unified_memory: true,
        memory_total_bytes: total,
        memory_available_bytes: total,
        memory_budget_bytes: Bytes(total.0 * 85 / 100),
        peak_parallel,
        max_parallel,
        devices: vec![Device {
            id: "cpu".to_owned(),
            kind: DeviceKind::Cpu,
            name: profile.to_owned(),
            memory_bytes: None,
            threads: Some(8),
            features: Vec::new(),
        }],
        power: None,
        environment: BTreeMap::new(),
        warnings: Vec::new(),
        provenance: ProvenanceMap::from([
            ("/max_parallel".to_owned(), Provenance::Paper),
            ("/peak_parallel".to_owned(), Provenance::Paper),
        ]),
    }
}

pub fn spark() -> Hardware {
    on_gpu(machine("dgx-spark", Bytes::from_gb(128.0), 16, 32))
}

pub fn strix() -> Hardware {
    on_gpu(machine("ryzen-ai-max-395", Bytes::from_gb(92.0), 12, 16))
}

/// The same with an integrated GPU, on which engines run.
fn on_gpu(mut machine: Hardware) -> Hardware {
    let gpu = Device {
        id: "gpu0".to_owned(),
        kind: DeviceKind::IntegratedGpu,
        name: machine.profile.clone(),
        memory_bytes: None,
        threads: None,
        features: Vec::new(),
    };
    machine.devices.insert(0, gpu);
    machine
}
