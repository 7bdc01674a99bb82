//! A plan as text.

use harmonic_types::{AgentPlan, AgentStatus, EnginePlan, LedgerItem, Plan, Sharing};

use super::lines::{labelled, listed, together};
use super::table::table;

/// Agents, engines, memory, and what did not go as asked.
pub fn text(plan: &Plan) -> String {
    let mut parts = vec![agents(plan), engines(plan), memory(plan)];
    parts.extend(shortfalls(plan));
    parts.join("\n\n")
}

/// Who gets what, in short.
pub fn team(plan: &Plan) -> String {
    let row = |agent: &AgentPlan| {
        [
            agent.name.to_string(),
            format!("{} {}", agent.tier.number(), agent.tier),
            format!("{}x", agent.slots),
            agent.context.to_string(),
        ]
    };
    table(["agent", "tier", "slots", "context"], &[2, 3], plan.agents.iter().map(row))
}

/// Who gets what, one agent a line. An agent's KV is that of all its slots; an engine holds only
/// what can be in flight at once.
fn agents(plan: &Plan) -> String {
    let row = |agent: &AgentPlan| {
        let placed = agent.status != AgentStatus::Skipped;
        let figure = |text: String| if placed { text } else { "–".to_owned() };
        [
            agent.name.to_string(),
            format!("{} {}", agent.tier.number(), agent.tier),
            agent.model.clone(),
            figure(format!("{}x", agent.slots)),
            figure(agent.context.to_string()),
            figure(agent.kv_bytes.to_string()),
            match agent.status {
                AgentStatus::Planned => String::new(),
                AgentStatus::Degraded => "degraded".to_owned(),
                AgentStatus::Skipped => "skipped".to_owned(),
            },
        ]
    };
    let header = ["agent", "tier", "model", "slots", "context", "KV of all slots", ""];
    table(header, &[3, 4, 5], plan.agents.iter().map(row))
}

fn engines(plan: &Plan) -> String {
    let row = |engine: &EnginePlan| {
        [
            engine.id.clone(),
            format!("{}, {}", engine.kind, engine.device),
            engine.format.clone(),
            engine.agents.len().to_string(),
            engine.sequences.to_string(),
            engine.threads.to_string(),
            engine.total_bytes.to_string(),
        ]
    };
    let header = ["engine", "runs on", "format", "agents", "sequences", "threads", "memory"];
    table(header, &[3, 4, 5, 6], plan.engines.iter().map(row))
}

/// Where the memory goes, in words.
pub fn memory(plan: &Plan) -> String {
    let items = [
        (LedgerItem::Weights, "weights"),
        (LedgerItem::Kv, "KV cache"),
        (LedgerItem::Prefix, "prefixes"),
        (LedgerItem::Park, "parked"),
        (LedgerItem::Compute, "compute"),
        (LedgerItem::Overhead, "overhead"),
    ];
    let parts = items.into_iter().filter_map(|(item, name)| {
        let lines = || plan.ledger.iter().filter(|line| line.item == item);
        let sum: harmonic_types::Bytes = lines().map(|line| line.bytes).sum();
        lines().next().map(|_| together(&format!("{name} {sum}")))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let (total, budget) = (plan.total_bytes, plan.hardware.memory_budget_bytes);
    labelled("memory", &format!("{total} of {budget}: {parts}"))
}

/// One line: what is shared, and how many may run at once.
pub fn sharing(plan: &Plan) -> String {
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some()).count();
    let slots: u32 = plan.engines.iter().map(|engine| engine.slots).sum();
    let engines = match (plan.engines.len(), plan.sharing) {
        (1, Sharing::Shared) => "one engine, weights loaded once".to_owned(),
        (1, Sharing::Isolated) => "one engine".to_owned(),
        (count, _) => format!("{count} engines"),
    };
    format!(
        "{placed} agents on {engines}; {slots} slots guaranteed, at most {} in flight",
        plan.max_in_flight
    )
}

/// What did not go as asked, one line each; nothing where all did.
fn shortfalls(plan: &Plan) -> Option<String> {
    let lines: Vec<String> = plan
        .agents
        .iter()
        .filter_map(|agent| Some(listed(&format!("{}: {}", agent.name, agent.reason.as_ref()?))))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
