//! Agents and their slots, in the format of the paper's §5.4.

use harmonic_layout::{Width, wrap_lines};
use harmonic_types::{
    AgentPlan, AgentStatus, BudgetRule, EnginePlan, EngineSpec, Hardware, Plan, Tier,
};

use super::gb;

/// Minimum width of the name column.
const NAME: usize = 19;

/// Title: machine, as in the paper, stack, and the overrides of `--what-if`.
pub fn title(plan: &Plan, hardware: &Hardware, assumed: Option<&str>) -> String {
    let memory = hardware.memory_total_bytes.as_gb();
    let memory = format!("{memory:.1}");
    let memory = memory.strip_suffix(".0").unwrap_or(&memory);
    let assumed = assumed.map(|what_if| format!(", if {what_if}")).unwrap_or_default();
    format!("{} ({memory}GB), stack {}{assumed}:\n", hardware.name, plan.stack)
}

/// Agents by tier, shared weights, and the total.
pub fn deployment(plan: &Plan, width: Width) -> String {
    let names = plan.agents.iter().map(|agent| agent.name.0.chars().count());
    let longest = names.max().unwrap_or_default().max(NAME);
    let mut lines = Vec::new();
    for tier in Tier::ALL {
        let mut agents = plan.agents.iter().filter(|agent| agent.tier == tier).peekable();
        if agents.peek().is_some() {
            lines.push(format!("[Tier {}: {}]", tier.number(), tier.to_string().to_uppercase()));
            lines.extend(agents.map(|agent| agent_line(agent, longest)));
        }
    }
    let shared: Vec<&EnginePlan> =
        plan.engines.iter().filter(|engine| engine.agents.len() > 1 && is_here(engine)).collect();
    if !shared.is_empty() {
        lines.push("[Weights, loaded once]".to_owned());
        lines.extend(shared.iter().map(|engine| weights_line(engine, longest)));
    }
    let (total, budget) = (plan.total_bytes.as_gb(), plan.hardware.memory_budget_bytes.as_gb());
    lines.push(format!("Total: {total:.1}GB / {budget:.1}GB available"));
    if plan.budget == BudgetRule::Exact {
        lines.push(
            "In brackets: the KV of all slots, and weights that are not shared. The total has the \
             KV of as many slots as can be in use at once, and the engines' other memory."
                .to_owned(),
        );
    }
    wrap_lines(&lines.join("\n"), width)
}

fn agent_line(agent: &AgentPlan, width: usize) -> String {
    let status = match agent.status {
        AgentStatus::Planned => "",
        AgentStatus::Degraded => "  degraded",
        AgentStatus::Skipped => {
            return format!("  {:<width$}    –  skipped    {}", agent.name, agent.model);
        }
    };
    let remote = if agent.leaves_machine { ", off this machine" } else { "" };
    let slots = format!("{}x", agent.slots);
    let memory = format!("({})", gb(agent.memory_bytes));
    format!(
        "  {:<width$} {slots:>4}  {memory:<9}  {}, {} tokens{remote}{status}",
        agent.name, agent.model, agent.context
    )
}

/// Whether the engine's weights are in this machine's memory.
fn is_here(engine: &EnginePlan) -> bool {
    !matches!(engine.spec, EngineSpec::Remote(_))
}

fn weights_line(engine: &EnginePlan, width: usize) -> String {
    let agents: Vec<&str> = engine.agents.iter().map(|agent| agent.0.as_str()).collect();
    let memory = format!("({})", gb(engine.weights_bytes));
    let agents = match agents.as_slice() {
        [first, second] => format!("{first}, {second}"),
        many => format!("{} agents", many.len()),
    };
    format!("  {:<width$}       {memory:<9}  {agents}", engine.model)
}
