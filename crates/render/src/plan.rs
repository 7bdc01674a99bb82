//! A plan as text.

mod deployment;
mod explanation;
mod memory_table;
mod tuned;

pub use deployment::title;
pub use explanation::explanation;
pub use memory_table::{memory_table, memory_table_json};

use harmonic_layout::{Column, Table, Width};
use harmonic_types::{
    AgentPlan, Bytes, EnginePlan, EngineSpec, LedgerItem, Plan, PlanCurve, Provenance, Sharing,
    counted,
};

use super::lines::{labelled, list_item, unbroken};

/// Agents by tier, engines, memory, curves, and deviations from the request.
pub fn text(plan: &Plan, width: Width) -> String {
    let tuned = plan.tuned.iter().map(|config| format!("\n{}", tuned::line(config, width)));
    let (memory, curves) = (memory(plan, width), curves(plan, width));
    let leaving = leaving(plan, width).map(|line| format!("{line}\n")).unwrap_or_default();
    let sums = format!("{leaving}{memory}\n{curves}{}", tuned.collect::<String>());
    let mut parts = vec![deployment::deployment(plan, width), engines(plan, width), sums];
    parts.extend(shortfalls(plan, width));
    parts.join("\n\n")
}

/// Decimal gigabytes as in the paper; megabytes below 0.1 GB.
fn gb(bytes: Bytes) -> String {
    match bytes.0 {
        0..100_000_000 => format!("{:.1}MB", bytes.0 as f64 / 1e6),
        _ => format!("{:.1}GB", bytes.as_gb()),
    }
}

/// Table of agents, tiers, slots and contexts.
pub fn team(plan: &Plan, width: Width) -> String {
    let row = |agent: &AgentPlan| {
        [
            agent.name.to_string(),
            format!("{} {}", agent.tier.number(), agent.tier),
            format!("{}x", agent.slots),
            agent.context.to_string(),
        ]
    };
    let columns = [
        Column::text("agent"),
        Column::text("tier"),
        Column::figure("slots"),
        Column::figure("context"),
    ];
    Table::new(columns, plan.agents.iter().map(row)).text(width)
}

fn engines(plan: &Plan, width: Width) -> String {
    let row = |engine: &EnginePlan| {
        [
            engine.id.clone(),
            runs_on(engine),
            engine.format.clone(),
            engine.agents.len().to_string(),
            engine.sequences.to_string(),
            engine.threads().map_or_else(|| "–".to_owned(), |threads| threads.to_string()),
            match &engine.spec {
                EngineSpec::Remote(_) => "–".to_owned(),
                _ => engine.total_bytes.to_string(),
            },
        ]
    };
    let columns = [
        Column::text("engine"),
        Column::text("runs on"),
        Column::text("format"),
        Column::figure("agents").leaves(2),
        Column::figure("sequences"),
        Column::figure("threads").leaves(1),
        Column::figure("memory"),
    ];
    Table::new(columns, plan.engines.iter().map(row)).text(width)
}

fn is_remote(engine: &EnginePlan) -> bool {
    matches!(engine.spec, EngineSpec::Remote(_))
}

/// Kind and device, or the address of a server.
fn runs_on(engine: &EnginePlan) -> String {
    match &engine.spec {
        EngineSpec::Remote(remote) if remote.leaves_machine => {
            format!("remote, {}, off this machine", remote.url)
        }
        EngineSpec::Remote(remote) => format!("remote, {}", remote.url),
        _ => format!("{}, {}", engine.spec.kind(), engine.device),
    }
}

/// Agents whose prompts leave this machine, and whereto; `None` if there are none.
fn leaving(plan: &Plan, width: Width) -> Option<String> {
    let leaves = plan.engines.iter().filter_map(|engine| match &engine.spec {
        EngineSpec::Remote(remote) if remote.leaves_machine => Some((engine, remote)),
        _ => None,
    });
    let lines: Vec<String> = leaves
        .map(|(engine, remote)| {
            let agents = engine.agents.iter().map(|agent| agent.0.as_str()).collect::<Vec<_>>();
            let text = format!(
                "prompts and answers of {} leave this machine for {}",
                agents.join(", "),
                remote.url
            );
            labelled("remote", &text, width)
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Memory by ledger item, in one paragraph.
pub fn memory(plan: &Plan, width: Width) -> String {
    let items = [
        (LedgerItem::Weights, "weights"),
        (LedgerItem::Kv, "KV cache"),
        (LedgerItem::State, "states"),
        (LedgerItem::Prefix, "prefixes"),
        (LedgerItem::Preempt, "parked"),
        (LedgerItem::Compute, "compute"),
        (LedgerItem::Overhead, "overhead"),
    ];
    let parts = items.into_iter().filter_map(|(item, name)| {
        let lines = || plan.ledger.iter().filter(|line| line.item == item);
        let sum: Bytes = lines().map(|line| line.bytes).sum();
        lines().next().map(|_| unbroken(&format!("{name} {sum}")))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let (total, budget) = (plan.total_bytes, plan.hardware.memory_budget_bytes);
    let parts = if parts.is_empty() { "none on this machine".to_owned() } else { parts };
    labelled("memory", &format!("{total} of {budget}: {parts}"), width)
}

/// Curves from which the parallelism was taken.
fn curves(plan: &Plan, width: Width) -> String {
    if plan.curves.is_empty() {
        let text = format!(
            "none for these models on this machine: using {}x, the profile's peak; measure \
             them with `harmonic bench`",
            plan.hardware.peak_parallel
        );
        return labelled("curve", &text, width);
    }
    let line = |curve: &PlanCurve| labelled("curve", &curve_text(curve), width);
    plan.curves.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn curve_text(curve: &PlanCurve) -> String {
    let source = match curve.provenance {
        Provenance::Measured => "measured here",
        Provenance::Paper => "from the paper",
        Provenance::Declared => "declared",
        Provenance::Estimated => "estimated",
    };
    let PlanCurve { model, key, sweet_spot, .. } = curve;
    let valid: Vec<&str> =
        [key.format.as_deref(), Some(&key.engine)].into_iter().flatten().collect();
    format!("{model} on {}, {source} ({}): sweet spot {sweet_spot}x", key.machine, valid.join(", "))
}

/// One line: engines, guaranteed slots and maximum in flight, with what they mean.
pub fn sharing(plan: &Plan) -> String {
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some()).count();
    let slots: u32 = plan.engines.iter().map(|engine| engine.slots).sum();
    let engines = match (plan.engines.len(), plan.sharing) {
        (1, Sharing::Shared) if plan.engines.iter().all(|engine| !is_remote(engine)) => {
            "one engine, weights loaded once".to_owned()
        }
        (1, Sharing::Shared) => "one server".to_owned(),
        (1, Sharing::Isolated) => "one engine".to_owned(),
        (count, _) => counted(count, "engine"),
    };
    let most = most_in_flight(plan);
    let meaning = if slots > most {
        format!(
            "a slot is an agent's right to run one request; the machine runs {most} at a time, and \
             when more are wanted each agent has its share of them, by its slots, and the rest wait"
        )
    } else {
        "a slot is an agent's right to run one request; it borrows those that others leave idle"
            .to_owned()
    };
    format!(
        "{} on {engines}; {} guaranteed, at most {most} in flight: {meaning}",
        counted(placed, "agent"),
        counted(slots, "slot")
    )
}

/// Requests that can be in flight at a time: the plan's limit, or the sequences of the engines of this
/// machine where they are fewer, and those of servers elsewhere. Embeddings run in no sequence.
fn most_in_flight(plan: &Plan) -> u32 {
    let generating = plan.engines.iter().filter(|engine| engine.pooling().is_none());
    let is_remote = |engine: &&EnginePlan| matches!(engine.spec, EngineSpec::Remote(_));
    let (elsewhere, here): (Vec<_>, Vec<_>) = generating.partition(is_remote);
    let sequences = |engines: Vec<&EnginePlan>| {
        engines.iter().map(|engine| engine.sequences).fold(0, u32::saturating_add)
    };
    match sequences(here).min(plan.max_in_flight).saturating_add(sequences(elsewhere)) {
        0 => plan.max_in_flight,
        most => most,
    }
}

/// What was given up, and contexts limited by a model, one line each; `None` if there are none.
fn shortfalls(plan: &Plan, width: Width) -> Option<String> {
    let trades = plan.trades.iter().map(|trade| format!("{}: {trade}", trade.subject()));
    let limited = plan.agents.iter().filter_map(|agent| {
        let engine =
            plan.engines.iter().find(|engine| agent.engine.as_ref() == Some(&engine.id))?;
        let trained = engine.context_trained.filter(|trained| *trained < agent.spec.context)?;
        let (name, model) = (&agent.name, &agent.model);
        Some(format!(
            "{name}: context limited to the {trained} tokens that `{model}` was trained for"
        ))
    });
    let lines: Vec<String> = trades.chain(limited).map(|line| list_item(&line, width)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
