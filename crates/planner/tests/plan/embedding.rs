//! Agents that compute embeddings, beside those that generate text.

use harmonic_planner::{PlanOptions, PlannedModel, plan};
use harmonic_types::{
    AgentPlan, AgentStatus, Bytes, EnginePlan, Hardware, LedgerItem, Plan, Pooling, StackSpec,
    Tier, Tokens,
};

use crate::fixtures::{Models, agent, machine, model, models, starter};

/// The models of the other tests, an encoder with `positions`, and a decoder that pools.
fn all_models(positions: u32) -> Models {
    let encoder = |heads: u32, positions: u32| {
        let mut encoder = model("encoder", 6, [heads, 32], 45_586_944);
        encoder.shape.embedding_length = 384;
        encoder.shape.feed_forward_length = 1536;
        encoder.shape.vocabulary = 30_522;
        encoder.shape.context_trained = Tokens(positions);
        encoder.shape.pooling = Some(Pooling::Mean);
        encoder
    };
    let decoder = PlannedModel { name: "decoder".to_owned(), ..encoder(2, 32_768) };
    let mut all = models();
    all.extend([encoder(0, positions), decoder].map(|model| (model.name.clone(), model)));
    all
}

/// `starter` with the agent `search` on `model`.
fn with_search(model: &str, context: u32) -> StackSpec {
    let mut stack = starter();
    stack.agents.push(agent("search", Tier::Specialists, model, context));
    stack
}

fn small() -> Hardware {
    machine("cpu-generic", Bytes::from_gb(24.0), 16, 32)
}

fn planned(stack: &StackSpec) -> Plan {
    plan(&small(), stack, &all_models(512), &PlanOptions::default(), &[]).expect("it fits")
}

fn search(plan: &Plan) -> (&AgentPlan, &EnginePlan) {
    let agent = plan.agents.iter().find(|agent| agent.name.0 == "search").expect("in the stack");
    (agent, plan.engine_of(agent).expect("placed"))
}

#[test]
fn an_encoder_has_weights_and_compute_and_no_cache() {
    let plan = planned(&with_search("encoder", 512));
    let (agent, engine) = search(&plan);
    assert_eq!(
        (agent.status, agent.context, agent.kv_bytes),
        (AgentStatus::Planned, Tokens(512), Bytes(0))
    );
    assert_eq!(
        (engine.local().unwrap().kv_tokens, engine.local().unwrap().pooling),
        (0, Some(Pooling::Mean))
    );
    let lines = plan.ledger.iter().filter(|line| line.engine == engine.id);
    let items: Vec<LedgerItem> = lines.map(|line| line.item).collect();
    assert_eq!(items, [LedgerItem::Weights, LedgerItem::Compute, LedgerItem::Overhead]);
    assert!(engine.total_bytes < Bytes::from_gb(0.2), "{}", engine.total_bytes);
    assert!(plan.generating().all(|agent| agent.name.0 != "search"));
}

#[test]
fn the_other_agents_keep_what_they_have_without_it() {
    let (without, with) = (planned(&starter()), planned(&with_search("encoder", 512)));
    for (one, other) in without.agents.iter().zip(&with.agents) {
        assert_eq!((one.slots, one.context), (other.slots, other.context), "{}", one.name);
    }
    assert_eq!(
        without.engines[0].local().unwrap().threads,
        with.engines[0].local().unwrap().threads
    );
    assert_eq!(without.max_in_flight, with.max_in_flight);
}

/// A stack of one specialist, whose sequences beyond its slots belong to nobody.
#[test]
fn requests_for_embeddings_claim_no_sequence() {
    let mut stack = starter();
    stack.agents.retain(|agent| agent.tier == Tier::Specialists);
    stack.agents.truncate(1);
    let without = planned(&stack);
    stack.agents.push(agent("search", Tier::Specialists, "encoder", 512));
    let with = planned(&stack);
    let [alone, beside] = [&without, &with].map(|plan| &plan.engines[0]);
    assert!(alone.sequences > alone.slots, "some are lent: {alone:?}");
    assert_eq!((alone.sequences, alone.preempt_bytes), (beside.sequences, beside.preempt_bytes));
    assert_eq!(search(&with).0.slots, without.agents[0].slots, "it keeps its own slots");
}

/// Positions beyond those of the model would be read beyond its weights.
#[test]
fn a_context_is_never_rounded_beyond_the_positions_of_the_model() {
    for (asked, positions, expected) in [(512, 512, 512), (8192, 300, 300), (100, 512, 100)] {
        let stack = with_search("encoder", asked);
        let models = all_models(positions);
        let plan = plan(&small(), &stack, &models, &PlanOptions::default(), &[]).expect("it fits");
        assert_eq!(search(&plan).0.context, Tokens(expected));
    }
}

#[test]
fn a_decoder_that_pools_has_a_cache_of_one_batch() {
    let plan = planned(&with_search("decoder", 1000));
    let (agent, engine) = search(&plan);
    assert_eq!(agent.context, Tokens(1000));
    assert_eq!(engine.local().unwrap().kv_tokens, 1024);
    // 6 layers × 2 heads × (32 + 32) elements × 2 bytes × 1,024 cells.
    assert_eq!(engine.kv_bytes, Bytes(1_572_864));
    assert_eq!((engine.prefix_bytes, engine.preempt_bytes), (Bytes(0), Bytes(0)));
}
