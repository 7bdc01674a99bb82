//! Explanation of a plan's memory ledger, and of the memory saved by sharing.

use std::collections::BTreeMap;

use harmonic_app::plan::SlotCosts;
use harmonic_hardware::profile;
use harmonic_layout::Width;
use harmonic_perfmodel::KvCost;
use harmonic_planner::PlannedModel;
use harmonic_planner::cost_model::N_UBATCH;
use harmonic_types::{
    Attention, BudgetRule, Bytes, EnginePlan, EngineSpec, Hardware, KvLayout, KvType, LedgerItem,
    ModelShape, Plan, Provenance, RecurrentState, Sharing, Trade, counted,
};

use super::curve_text;
use super::tuned::layouts;
use crate::lines::{labelled, unbroken};

/// Ledger by line, budget, and limits of parallelism.
pub fn explanation(
    plan: &Plan,
    hardware: &Hardware,
    models: &BTreeMap<String, PlannedModel>,
    costs: SlotCosts,
    width: Width,
) -> String {
    let engines = plan.engines.iter().map(|engine| {
        let shape = models.get(&engine.model).map(|model| &model.shape);
        engine_ledger(plan, engine, shape, width)
    });
    let mut parts: Vec<String> = engines.collect();
    parts.push(totals(plan, hardware, models, costs, width));
    parts.join("\n\n")
}

fn engine_ledger(
    plan: &Plan,
    engine: &EnginePlan,
    shape: Option<&ModelShape>,
    width: Width,
) -> String {
    if let EngineSpec::Remote(remote) = &engine.spec {
        let whose = if remote.leaves_machine { "off this machine" } else { "on this machine" };
        return format!(
            "{}: {} at {}, {whose}, whose memory is its own",
            engine.id, remote.model, remote.url
        );
    }
    let sequences = match engine.pooling() {
        None => {
            format!(
                "{} for {}",
                counted(engine.sequences, "sequence"),
                counted(engine.slots, "slot")
            )
        }
        Some(_) => format!("embeddings, up to {} in a batch", counted(engine.sequences, "input")),
    };
    let mut lines =
        vec![format!("{}: {} as {}, {sequences}", engine.id, engine.model, engine.format)];
    for line in plan.ledger.iter().filter(|line| line.engine == engine.id) {
        let (name, why) = match plan.budget {
            BudgetRule::Exact => exact_item(line.item, plan, engine, shape),
            BudgetRule::Paper => paper_item(line.item, engine),
        };
        lines.push(item(name, line.bytes, &why, width));
    }
    lines.push(item("sum", engine.total_bytes, "", width));
    lines.join("\n")
}

/// Ledger line: name, figure and explanation.
fn item(name: &str, bytes: Bytes, why: &str, width: Width) -> String {
    let why = if why.is_empty() { String::new() } else { format!("  {why}") };
    labelled(&format!("  {name}"), &format!("{}{why}", unbroken(&format!("{bytes:>8}"))), width)
}

fn exact_item(
    item: LedgerItem,
    plan: &Plan,
    engine: &EnginePlan,
    shape: Option<&ModelShape>,
) -> (&'static str, String) {
    match item {
        LedgerItem::Weights => {
            let source = match shape.map(|shape| shape.provenance) {
                Some(Provenance::Measured) => "all tensors of the stored file",
                _ => "file size according to the catalog",
            };
            ("weights", source.to_owned())
        }
        LedgerItem::Kv => ("KV", kv(plan, engine, shape)),
        LedgerItem::State => ("state", state(engine, shape)),
        LedgerItem::Prefix => {
            let count = engine.agents.len();
            let agents = if count == 1 { "agent" } else { "agents" };
            let text = format!("cached system prompts of {count} {agents}, and conversations");
            ("prefix", text)
        }
        LedgerItem::Preempt => ("park", "saved state of preempted borrowers".to_owned()),
        LedgerItem::Compute if engine.pooling().is_some() => {
            ("compute", "masks, activations and outputs of all tokens of a batch".to_owned())
        }
        LedgerItem::Compute => {
            let scores = match engine.attention() {
                Some(Attention::Plain) => ", scores",
                Some(Attention::Flash) | None => "",
            };
            let text = format!(
                "masks{scores} and activations of a batch of {N_UBATCH}, logits of {} outputs",
                engine.sequences
            );
            ("compute", text)
        }
        LedgerItem::Overhead => {
            let program = match &engine.spec {
                EngineSpec::Process(process) => format!(", and {} itself", process.program),
                _ => String::new(),
            };
            ("other", format!("threads, graph and vocabulary tables{program} (estimate)"))
        }
    }
}

fn kv(plan: &Plan, engine: &EnginePlan, shape: Option<&ModelShape>) -> String {
    let contexts = plan.agents.iter().filter(|agent| agent.engine.as_ref() == Some(&engine.id));
    let largest = contexts.map(|agent| agent.context).max().unwrap_or_default();
    let cells = engine.kv_tokens().unwrap_or_default();
    let layout = match engine.kv_layout() {
        Some(KvLayout::Unified) => format!("unified pool of {cells} tokens"),
        Some(KvLayout::Streams) | None => {
            format!("{cells} tokens in total, {largest} for each sequence")
        }
    };
    let (Some(shape), Some(kv_type)) = (shape, engine.kv_type()) else { return layout };
    let per_token = KvCost::of(shape, kv_type).bytes_per_token();
    format!("{layout}; per token {per_token}: {}", geometry(shape, kv_type))
}

/// Composition of the recurrent state of one sequence.
fn state(engine: &EnginePlan, shape: Option<&ModelShape>) -> String {
    let sequences = engine.sequences;
    let Some(recurrent) = shape.and_then(|shape| shape.recurrent) else {
        return format!("recurrent layers, {}", counted(sequences, "sequence"));
    };
    let RecurrentState { layers, layer_bytes, .. } = recurrent;
    format!(
        "{sequences} sequences × {layers} recurrent layers × {layer_bytes} (f32), independent of \
         the context"
    )
}

/// Composition of the KV of one token.
fn geometry(shape: &ModelShape, kv_type: KvType) -> String {
    let kind = match kv_type {
        KvType::F16 => "2 bytes (f16)",
        KvType::Q8_0 => "34/32 bytes (q8_0)",
    };
    let count = shape.layers.len();
    let windowed = shape.layers.iter().filter(|layer| layer.window.is_some()).count();
    let window = match windowed {
        0 => String::new(),
        some => format!(", {some} of the layers keep only their window"),
    };
    match shape.layers.first() {
        Some(first) if shape.layers.iter().all(|layer| layer.kv_heads == first.kv_heads) => {
            let (heads, key, value) = (first.kv_heads, first.key_length, first.value_length);
            format!("{count} layers × {heads} KV heads × ({key} + {value}) × {kind}{window}")
        }
        _ => format!("{count} layers with different head counts × {kind}{window}"),
    }
}

fn paper_item(item: LedgerItem, engine: &EnginePlan) -> (&'static str, String) {
    match item {
        LedgerItem::Weights => ("weights", "base size of the paper's §5.3".to_owned()),
        LedgerItem::Kv => {
            let slot = Bytes(engine.kv_bytes.0 / u64::from(engine.slots.max(1)));
            (
                "KV",
                format!(
                    "{} × {slot}, independent of the context (§5.3)",
                    counted(engine.slots, "slot")
                ),
            )
        }
        // The paper's rule has no other lines.
        _ => ("other", String::new()),
    }
}

fn totals(
    plan: &Plan,
    hardware: &Hardware,
    models: &BTreeMap<String, PlannedModel>,
    costs: SlotCosts,
    width: Width,
) -> String {
    let budget = plan.hardware.memory_budget_bytes;
    let total = hardware.memory_total_bytes;
    let reserve = plan.reserve_bytes;
    let mut lines = vec![
        labelled(
            "budget",
            &format!("{budget}: 85% of {total}, {reserve} reserved for the rest of the machine"),
            width,
        ),
        labelled("left", &format!("{}", plan.headroom_bytes), width),
        labelled("sharing", &savings(plan.sharing, costs), width),
        labelled("parallel", &parallel(plan), width),
        labelled("given up", &given_up(plan), width),
        layouts(plan, models, width),
    ];
    if let Some(bandwidth) = profile::bandwidth(&hardware.profile) {
        let gb = |rate: harmonic_types::BytesPerSecond| format!("{:.0}", rate.0 / 1e9);
        let [low, high] = bandwidth.effective.map(gb);
        let reached = if low == high { low } else { format!("{low} to {high}") };
        lines.push(labelled(
            "bandwidth",
            &format!(
                "{} GB/s rated, {reached} effective; the paper states {}",
                gb(bandwidth.rated),
                gb(bandwidth.paper)
            ),
            width,
        ));
    }
    lines.join("\n")
}

/// The order of the trades, of which there is one line each above.
fn given_up(plan: &Plan) -> String {
    let made = |is_of: fn(&Trade) -> bool| plan.trades.iter().filter(|trade| is_of(trade)).count();
    format!(
        "in this order: slots, down to half of an agent's quota ({} agents); KV caches in q8_0, \
         where measured and within bounds ({} engines); context, down to each agent's minimum ({}); \
         agents, from the lowest tier up ({}). An agent's quota is what it may run at once without \
         borrowing: its target of slots, or its part of the {} in flight where the targets are more. \
         Sequences beyond the slots are lent to whoever asks",
        made(|trade| matches!(trade, Trade::Slots { .. })),
        made(|trade| matches!(trade, Trade::KvType { .. })),
        made(|trade| matches!(trade, Trade::Context { .. })),
        made(|trade| matches!(trade, Trade::Agent { .. })),
        plan.max_in_flight,
    )
}

fn savings(sharing: Sharing, SlotCosts { planned, alternative: otherwise }: SlotCosts) -> String {
    match sharing {
        Sharing::Shared => format!(
            "saves {}: with one engine per agent, the same slots take {otherwise}",
            otherwise.saturating_sub(planned)
        ),
        Sharing::Isolated => format!(
            "would save {}: with one engine per base model (--sharing shared), the same slots \
             take {otherwise}",
            planned.saturating_sub(otherwise)
        ),
    }
}

fn parallel(plan: &Plan) -> String {
    let peak = plan.hardware.peak_parallel;
    let source = match plan.curves.iter().find(|curve| curve.sweet_spot == peak) {
        Some(curve) => curve_text(curve),
        None => "the profile".to_owned(),
    };
    format!(
        "tier targets are 100%, 75%, 50% and a third of {peak}, rounded down, at least 1; {peak} \
         is from {source}"
    )
}
