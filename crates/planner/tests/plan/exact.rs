//! Plans by the exact budget rule.

use crate::fixtures::{agent, machine, models, spark, standard, starter, strix};
use harmonic_planner::cost_model::N_UBATCH;
use harmonic_planner::{PlanError, PlanOptions, layout_costs, plan};
use harmonic_types::{
    AgentName, AgentStatus, Attention, Bytes, Curve, CurveKey, EnginePlan, Hardware, KvLayout,
    LocalSpec, Plan, Provenance, Sharing, StackSpec, Tier, Tokens,
};

fn planned(hardware: &Hardware, stack: &StackSpec) -> Plan {
    plan(hardware, stack, &models(), &PlanOptions::default(), &[]).expect("it fits")
}

/// One line per agent and engine, then the totals.
fn summary(plan: &Plan) -> String {
    let agents = plan.agents.iter().map(|agent| {
        let reason = agent.reason.as_deref().unwrap_or("as asked");
        let slots = format!("{}x{}", agent.slots, agent.context);
        format!("{:<19}{slots:<9} {:<8} {reason}", agent.name, agent.kv_bytes)
    });
    let engines = plan.engines.iter().map(|e| {
        let LocalSpec { kv_layout, kv_tokens, threads, .. } =
            e.local().expect("an engine of this process");
        let attention = e.attention().expect("of llama.cpp");
        let shape = format!(
            "{}: {} slots, {} sequences, {kv_layout:?} of {kv_tokens} cells, {attention:?} \
             attention, {threads} threads",
            e.id, e.slots, e.sequences
        );
        let [weights, kv] = [e.weights_bytes, e.kv_bytes];
        let [prefix, compute, overhead] = [e.prefix_bytes, e.compute_bytes, e.overhead_bytes];
        format!(
            "{shape}, weights {weights}, kv {kv}, prefix {prefix}, compute {compute}, overhead \
             {overhead}"
        )
    });
    let total = format!("{} of {}", plan.total_bytes, plan.hardware.memory_budget_bytes);
    agents.chain(engines).chain([total]).collect::<Vec<_>>().join("\n")
}

#[test]
fn starter_fits_a_small_machine_as_asked() {
    let hardware = machine("cpu-generic", Bytes::from_gb(24.0), 16, 32);
    insta::assert_snapshot!(summary(&planned(&hardware, &starter())), @"
    executive          16x2048   755.0 MB as asked
    operator           16x2048   755.0 MB as asked
    technical_director 12x2048   566.2 MB as asked
    research_director  12x2048   566.2 MB as asked
    creative_director  12x2048   566.2 MB as asked
    coder              8x2048    377.5 MB as asked
    analyst            8x2048    377.5 MB as asked
    smollm2-135m: 84 slots, 32 sequences, Streams of 65536 cells, Plain attention, 8 threads, weights 98.0 MB, kv 1.5 GB, prefix 199.1 MB, compute 160.6 MB, overhead 97.3 MB
    2.4 GB of 20.4 GB
    ");
}

#[test]
fn standard_on_the_spark() {
    insta::assert_snapshot!(summary(&planned(&spark(), &standard())), @"
    executive          16x4096   9.7 GB   as asked
    operator           16x4096   9.7 GB   as asked
    technical_director 12x8192   14.5 GB  as asked
    research_director  12x8192   14.5 GB  as asked
    creative_director  12x8192   14.5 GB  as asked
    coder              8x16384   21.5 GB  as asked
    analyst            8x8192    9.7 GB   as asked
    qwen3-4b: 32 slots, 32 sequences, Streams of 131072 cells, Flash attention, 3 threads, weights 2.5 GB, kv 19.3 GB, prefix 394.7 MB, compute 115.1 MB, overhead 45.3 MB
    qwen3-8b: 44 slots, 32 sequences, Streams of 262144 cells, Flash attention, 3 threads, weights 5.0 GB, kv 38.7 GB, prefix 789.5 MB, compute 119.5 MB, overhead 45.3 MB
    qwen3-14b: 8 slots, 9 sequences, Streams of 147456 cells, Flash attention, 2 threads, weights 9.0 GB, kv 24.2 GB, prefix 480.3 MB, compute 109.8 MB, overhead 45.3 MB
    104.0 GB of 108.8 GB
    ");
}

#[test]
fn standard_on_the_strix_halo() {
    insta::assert_snapshot!(summary(&planned(&strix(), &standard())), @"
    executive          12x4096   7.2 GB   as asked
    operator           12x4096   7.2 GB   as asked
    technical_director 9x8192    10.9 GB  as asked
    research_director  9x8192    10.9 GB  as asked
    creative_director  9x8192    10.9 GB  as asked
    coder              6x16384   16.1 GB  as asked
    analyst            6x8192    7.2 GB   as asked
    qwen3-4b: 24 slots, 16 sequences, Streams of 65536 cells, Flash attention, 3 threads, weights 2.5 GB, kv 9.7 GB, prefix 469.6 MB, compute 102.5 MB, overhead 45.3 MB
    qwen3-8b: 33 slots, 16 sequences, Streams of 131072 cells, Flash attention, 3 threads, weights 5.0 GB, kv 19.3 GB, prefix 939.2 MB, compute 106.9 MB, overhead 45.3 MB
    qwen3-14b: 6 slots, 7 sequences, Streams of 114688 cells, Flash attention, 2 threads, weights 9.0 GB, kv 18.8 GB, prefix 886.9 MB, compute 108.2 MB, overhead 45.3 MB
    71.5 GB of 78.2 GB
    ");
}

#[test]
fn a_small_machine_gives_up_slots_then_contexts_then_agents() {
    let hardware = machine("laptop", Bytes::from_gb(16.0), 16, 32);
    insta::assert_snapshot!(summary(&planned(&hardware, &standard())), @"
    executive          3x3072    1.4 GB   13 of 16 slots given up: 16 would need 56.4 GB more; context 3072 instead of 4096: 4096 would need 13.2 GB more
    operator           3x3072    1.4 GB   13 of 16 slots given up: 16 would need 61.3 GB more; context 3072 instead of 4096: 4096 would need 13.2 GB more
    technical_director 2x4096    1.2 GB   10 of 12 slots given up: 12 would need 68.5 GB more; context 4096 instead of 8192: 8192 would need 18.0 GB more
    research_director  2x4096    1.2 GB   10 of 12 slots given up: 12 would need 73.4 GB more; context 4096 instead of 8192: 8192 would need 18.0 GB more
    creative_director  1x4096    604.0 MB 11 of 12 slots given up: 12 would need 73.4 GB more; context 4096 instead of 8192: 8192 would need 18.0 GB more
    coder              0x16384   0 B      left out: 1 slot of context 8192 would need 11.4 GB more
    analyst            0x8192    0 B      left out: 1 slot of context 4096 would need 300.1 MB more
    qwen3-4b: 6 slots, 6 sequences, Streams of 18432 cells, Flash attention, 4 threads, weights 2.5 GB, kv 2.7 GB, prefix 19.8 MB, compute 93.6 MB, overhead 45.3 MB
    qwen3-8b: 5 slots, 5 sequences, Streams of 20480 cells, Flash attention, 4 threads, weights 5.0 GB, kv 3.0 GB, prefix 29.4 MB, compute 93.9 MB, overhead 45.3 MB
    13.6 GB of 13.6 GB
    ");
}

#[test]
fn isolated_engines_pay_their_weights_each() {
    let options = PlanOptions { sharing: Sharing::Isolated, ..PlanOptions::default() };
    let hardware = machine("cpu-generic", Bytes::from_gb(24.0), 16, 32);
    let plan = plan(&hardware, &starter(), &models(), &options, &[]).unwrap();
    let ids: Vec<_> = plan.engines.iter().map(|engine| engine.id.as_str()).collect();
    let names: Vec<_> = plan.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(ids, names);
    let weights = models()["smollm2:135m"].shape.weights_bytes;
    assert!(plan.engines.iter().all(|engine| engine.weights_bytes == weights));
    let threads: Vec<u32> =
        plan.engines.iter().map(|engine| engine.local().unwrap().threads).collect();
    assert_eq!(threads, [2, 1, 1, 1, 1, 1, 1], "8 threads, the one that is left over to the first");
    let own = plan.agents.iter().map(|agent| agent.memory_bytes - agent.kv_bytes);
    assert_eq!(own.sum::<Bytes>(), weights * 7);
}

#[test]
fn the_ledger_lists_every_byte() {
    for hardware in [spark(), strix(), machine("laptop", Bytes::from_gb(16.0), 16, 32)] {
        let plan = planned(&hardware, &standard());
        let ledger: Bytes = plan.ledger.iter().map(|line| line.bytes).sum();
        let engines: Bytes = plan.engines.iter().map(|engine| engine.total_bytes).sum();
        assert_eq!((ledger, engines), (plan.total_bytes, plan.total_bytes));
        assert_eq!(plan.total_bytes + plan.headroom_bytes, hardware.memory_budget_bytes);
        assert_eq!(hardware.memory_budget_bytes + plan.reserve_bytes, hardware.memory_total_bytes);
    }
}

#[test]
fn streams_are_taken_wherever_they_fit_and_their_price_is_counted() {
    let stack = |contexts: [u32; 2]| {
        StackSpec::new(
            "two",
            vec![
                agent("a", Tier::Executive, "qwen3:4b", contexts[0]),
                agent("b", Tier::Executive, "qwen3:4b", contexts[1]),
            ],
        )
    };
    // No more in flight than slots: no sequences are lent.
    let hardware = |gb| machine("two", Bytes::from_gb(gb), 2, 4);
    let equal = planned(&hardware(128.0), &stack([4000, 4096]));
    let equal = equal.engines[0].local().unwrap();
    assert_eq!((equal.kv_layout, equal.kv_tokens), (KvLayout::Streams, 4 * 4096));
    // The largest context for each sequence: 9.7 GB instead of 5.0 in a pool.
    let roomy = planned(&hardware(128.0), &stack([512, 16384]));
    let tight = planned(&hardware(12.0), &stack([512, 16384]));
    let [streams, pool] = [&roomy, &tight].map(|plan| &plan.engines[0]);
    let cells = |engine: &EnginePlan| {
        (engine.local().unwrap().kv_layout, engine.local().unwrap().kv_tokens)
    };
    assert_eq!(cells(streams), (KvLayout::Streams, 4 * 16384));
    assert_eq!(cells(pool), (KvLayout::Unified, 2 * (512 + 16384)));
    let given = |plan: &Plan| plan.agents.iter().map(|a| (a.slots, a.context)).collect::<Vec<_>>();
    assert_eq!(
        given(&roomy),
        given(&tight),
        "a unified cache is used only if streams would reduce a grant"
    );
    for (plan, other) in [(&roomy, pool), (&tight, streams)] {
        let engine = &plan.engines[0];
        assert_eq!(engine.kv_bytes, Bytes(147_456 * engine.local().unwrap().kv_tokens));
        assert!(plan.total_bytes <= plan.hardware.memory_budget_bytes);
        let costs = layout_costs(plan, engine, &models()["qwen3:4b"]).unwrap();
        let [own, its] = match engine.local().unwrap().kv_layout {
            KvLayout::Streams => [costs.streams, costs.unified],
            KvLayout::Unified => [costs.unified, costs.streams],
        };
        assert_eq!(own, fixed(engine));
        assert_eq!(its, fixed(other), "the price of the other layout is what it would cost");
    }
}

/// Memory of an engine without snapshots and preempted sequences.
fn fixed(engine: &EnginePlan) -> Bytes {
    assert_eq!(engine.attention(), Some(Attention::Flash));
    engine.total_bytes - engine.prefix_bytes - engine.preempt_bytes
}

/// Regression: a stack that was planned into a unified cache to save 0.25 GB of 21.5 GB.
#[test]
fn a_quarter_of_a_gigabyte_is_not_saved_at_the_cost_of_streams() {
    let mut stack = starter();
    for agent in &mut stack.agents {
        agent.context = Tokens(if agent.name.0 == "coder" { 2048 } else { 1536 });
    }
    let plan = planned(&machine("cpu-generic", Bytes::from_gb(25.3), 16, 32), &stack);
    let engine = &plan.engines[0];
    assert_eq!(engine.local().unwrap().kv_layout, KvLayout::Streams);
    assert_eq!(engine.attention(), Some(Attention::Plain));
    let costs = layout_costs(&plan, engine, &models()["smollm2:135m"]).unwrap();
    let more = costs.streams - costs.unified;
    assert!(more > Bytes::from_gb(0.2) && more < Bytes::from_gb(0.5), "{costs:?}");
    assert!(plan.agents.iter().all(|agent| agent.status == AgentStatus::Planned));
}

/// Each stream of a window layer has the cells of its window and one physical batch.
#[test]
fn sliding_windows_lower_what_slots_cost() {
    let mut models = models();
    let shape = &mut models.get_mut("qwen3:4b").unwrap().shape;
    for layer in &mut shape.layers {
        layer.window = Some(Tokens(512));
    }
    let stack = StackSpec::new("one", vec![agent("a", Tier::Executive, "qwen3:4b", 8192)]);
    let hardware = machine("one", Bytes::from_gb(128.0), 1, 1);
    let plan = plan(&hardware, &stack, &models, &PlanOptions::default(), &[]).unwrap();
    assert_eq!(plan.engines[0].kv_bytes, Bytes(147_456 * u64::from(512 + N_UBATCH)));
}

#[test]
fn a_context_beyond_training_is_capped_and_says_so() {
    let mut stack = starter();
    stack.agents.truncate(1);
    stack.agents[0].context = Tokens(16384);
    let hardware = machine("cpu-generic", Bytes::from_gb(24.0), 16, 32);
    let agent = &planned(&hardware, &stack).agents[0];
    assert_eq!((agent.context, agent.status), (Tokens(8192), AgentStatus::Degraded));
    assert_eq!(
        agent.reason.as_deref(),
        Some("context limited to the 8192 tokens that `smollm2:135m` was trained for")
    );
}

fn curve(machine: &str, digest: &str, sweet_spot: u32, provenance: Provenance) -> Curve {
    Curve {
        key: CurveKey {
            machine: machine.to_owned(),
            model: "smollm2:135m".to_owned(),
            digest: Some(digest.to_owned()),
            format: None,
            engine: "llama.cpp".to_owned(),
            context: None,
        },
        points: Vec::new(),
        sweet_spot: Some(sweet_spot),
        provenance,
    }
}

#[test]
fn a_measured_sweet_spot_replaces_the_profiles_maximum() {
    let hardware = machine("cpu-generic", Bytes::from_gb(24.0), 16, 32);
    let limit = |curves: &[Curve]| {
        let options = PlanOptions::default();
        let plan = plan(&hardware, &starter(), &models(), &options, curves).unwrap();
        assert_eq!(plan.engines[0].sequences, plan.max_in_flight);
        (plan.max_in_flight, plan.provenance["/max_in_flight"])
    };
    let here = |spot| curve("cpu-generic", "b179", spot, Provenance::Measured);
    let by_profile = (32, Provenance::Paper);
    assert_eq!(limit(&[]), by_profile);
    assert_eq!(limit(&[here(24)]), (24, Provenance::Measured));
    assert_eq!(limit(&[here(24), here(8)]), (8, Provenance::Measured), "the last one counts");
    assert_eq!(limit(&[curve("cpu-generic", "ffff", 8, Provenance::Measured)]), by_profile);
    assert_eq!(limit(&[curve("dgx-spark", "b179", 8, Provenance::Measured)]), by_profile);
    assert_eq!(limit(&[curve("cpu-generic", "b179", 8, Provenance::Paper)]), by_profile);
}

#[test]
fn refusals_name_what_is_wrong_and_what_would_help() {
    let refused = |hardware: &Hardware, stack: &StackSpec| {
        plan(hardware, stack, &models(), &PlanOptions::default(), &[]).unwrap_err()
    };
    let mut stack = standard();
    stack.agents[2].model = "qwen9:1t".to_owned();
    insta::assert_snapshot!(refused(&spark(), &stack), @"agent `technical_director` uses the unknown model `qwen9:1t`: use one of qwen3:14b, qwen3:4b, qwen3:8b, smollm2:135m");
    let tiny = machine("tiny", Bytes::from_gb(2.0), 16, 32);
    insta::assert_snapshot!(refused(&tiny, &standard()), @"the stack does not fit the budget of 1.7 GB: its first agent, `executive`, needs 2.9 GB for one slot of its smallest context: use a stack with a smaller model, such as starter, or free memory");
    let nobody = StackSpec::new("nobody", Vec::new());
    let error = PlanError::NoAgents { stack: "nobody".to_owned() };
    assert_eq!(refused(&spark(), &nobody), error);
    let no_device = Hardware { devices: Vec::new(), ..spark() };
    let error = PlanError::NoDevice { profile: "dgx-spark".to_owned() };
    assert_eq!(refused(&no_device, &standard()), error);
}

#[test]
fn an_agent_that_is_left_out_says_what_it_would_need() {
    let plan = planned(&machine("small", Bytes::from_gb(8.0), 2, 4), &standard());
    let coder = plan.agents.iter().find(|agent| agent.name.0 == "coder").unwrap();
    let reason = coder.reason.as_ref().unwrap();
    assert!(
        reason.starts_with("left out: 1 slot of context 8192 would need ")
            && reason.ends_with(" GB more"),
        "{reason}"
    );
}

/// An agent whose prompt exceeds any memory is skipped without cost to the others.
#[test]
fn the_prompt_of_a_skipped_agent_is_not_paid_for() {
    let mut stack = standard();
    stack.agents.truncate(2);
    let alone = StackSpec { agents: vec![stack.agents[0].clone()], ..stack.clone() };
    stack.agents[1].system = "go on ".repeat(1_000_000);
    let hardware = machine("two", Bytes::from_gb(64.0), 2, 4);
    let (both, alone) = (planned(&hardware, &stack), planned(&hardware, &alone));
    assert_eq!(both.agents[1].status, AgentStatus::Skipped);
    assert_eq!(both.total_bytes, alone.total_bytes);
}

#[test]
fn skipped_agents_hold_nothing() {
    let plan = planned(&machine("laptop", Bytes::from_gb(8.0), 16, 32), &standard());
    let skipped: Vec<_> =
        plan.agents.iter().filter(|agent| agent.status == AgentStatus::Skipped).collect();
    assert!(!skipped.is_empty());
    for agent in skipped {
        assert_eq!((agent.slots, &agent.engine), (0, &None));
        assert!(plan.engines.iter().all(|engine| !engine.agents.contains(&agent.name)));
        assert!(agent.reason.as_ref().unwrap().contains("need"), "{:?}", agent.reason);
    }
    assert_eq!(plan.agents[0].name, AgentName::from("executive"));
    assert_ne!(plan.agents[0].status, AgentStatus::Skipped);
}
