//! Choice of plain attention, and its cost.

use crate::fixtures::{machine, models, spark, starter};
use harmonic_planner::{PlanOptions, plan};
use harmonic_types::{Attention, Bytes, EnginePlan, Hardware, KvLayout, KvType, Plan, Tokens};

fn planned(hardware: &Hardware, kv_type: KvType) -> Plan {
    let options = PlanOptions { kv_type: Some(kv_type), ..PlanOptions::default() };
    plan(hardware, &starter(), &models(), &options, &[]).expect("it fits")
}

fn cpu(memory_gb: f64) -> Hardware {
    machine("cpu-generic", Bytes::from_gb(memory_gb), 16, 32)
}

fn the_engine(plan: &Plan) -> &EnginePlan {
    &plan.engines[0]
}

#[test]
fn a_processor_computes_it_plainly_and_pays_for_the_scores() {
    let [fused, plain] = [spark(), cpu(128.0)].map(|machine| planned(&machine, KvType::F16));
    let [fused, plain] = [the_engine(&fused), the_engine(&plain)];
    assert_eq!(fused.attention(), Some(Attention::Flash));
    assert_eq!(plain.attention(), Some(Attention::Plain));
    // 512 tokens, and what rounding them up to whole sequences can add, × heads × cells × 4 bytes.
    let heads = u64::from(models()["smollm2:135m"].shape.query_heads);
    let scores = (512 + 31) * heads * (plain.local().unwrap().kv_tokens / 32) * 4;
    assert!(plain.compute_bytes.0 > scores, "{} of {scores}", plain.compute_bytes);
    assert!(fused.compute_bytes.0 < scores);
}

#[test]
fn a_quantised_cache_needs_the_fused_kernel() {
    let quantised = planned(&cpu(128.0), KvType::Q8_0);
    assert_eq!(the_engine(&quantised).attention(), Some(Attention::Flash));
}

#[test]
fn contexts_for_long_prompts_need_the_fused_kernel() {
    let mut models = models();
    models.get_mut("smollm2:135m").unwrap().shape.context_trained = Tokens(32_768);
    for (context, attention) in [(8192, Attention::Plain), (16_384, Attention::Flash)] {
        let mut stack = starter();
        for agent in &mut stack.agents {
            agent.context = Tokens(context);
        }
        let planned = plan(&cpu(128.0), &stack, &models, &PlanOptions::default(), &[]);
        let planned = planned.expect("it fits");
        let engine = the_engine(&planned);
        assert_eq!(
            engine.local().unwrap().kv_tokens / u64::from(engine.sequences),
            u64::from(context)
        );
        assert_eq!(engine.attention(), Some(attention), "{context}");
    }
}

/// One agent with a long context among seven does not slow the decoding of the others.
#[test]
fn a_long_context_among_short_ones_leaves_plain_attention_to_all() {
    let mut stack = starter();
    stack.agents[6].context = Tokens(8192);
    let planned = plan(&cpu(128.0), &stack, &models(), &PlanOptions::default(), &[]);
    let planned = planned.expect("it fits");
    let engine = the_engine(&planned);
    assert_eq!(engine.local().unwrap().kv_layout, KvLayout::Streams);
    assert_eq!(engine.attention(), Some(Attention::Plain));
    assert_eq!(
        engine.local().unwrap().kv_tokens / u64::from(engine.sequences),
        8192,
        "the price is paid"
    );
}

/// The scores come before further slots, and after contexts: a little more memory than for the
/// smallest team is enough for them.
#[test]
fn scores_take_no_context_and_at_most_slots() {
    let mut seen = Vec::new();
    for tenths in 7..40 {
        let memory = f64::from(tenths) / 10.0;
        let mut fused = spark();
        fused.memory_budget_bytes = cpu(memory).memory_budget_bytes;
        let (fused, plain) = (planned(&fused, KvType::F16), planned(&cpu(memory), KvType::F16));
        for (fused, plain) in fused.agents.iter().zip(&plain.agents) {
            assert_eq!(fused.context, plain.context, "{memory} GB");
            assert!(plain.slots <= fused.slots && plain.slots >= 1, "{memory} GB: {plain:?}");
        }
        assert!(plain.total_bytes <= plain.hardware.memory_budget_bytes, "{memory} GB");
        seen.push(the_engine(&plain).attention() == Some(Attention::Plain));
    }
    assert!(seen.is_sorted(), "with more memory it stays plain: {seen:?}");
    assert!(seen[10], "1.7 GB are enough");
}
