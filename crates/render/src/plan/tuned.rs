//! Tuned configs used by a plan, and the reason for each engine's KV layout.

use std::collections::BTreeMap;

use harmonic_layout::Width;
use harmonic_planner::{LayoutCosts, PlannedModel, layout_costs};
use harmonic_types::{BudgetRule, Bytes, EnginePlan, KvLayout, Plan, PlanTuned, counted};

use crate::lines::labelled;
use crate::tuned::layout;

/// One line: the fastest measured configuration of a model.
pub fn line(config: &PlanTuned, width: Width) -> String {
    let PlanTuned { model, key, parallel, kv_layout, threads } = config;
    let mut parts: Vec<String> = key.format.iter().cloned().collect();
    parts.extend(kv_layout.map(|kv_layout| layout(kv_layout).to_owned()));
    parts.extend(threads.map(|threads| {
        format!("{} for the engine, {} for HTTP", counted(threads.engine, "thread"), threads.http)
    }));
    let text = format!(
        "{model} as {}: fastest at {parallel}x, measured here ({})",
        parts.join(", "),
        key.engine
    );
    labelled("tuned", &text, width)
}

/// Reason and memory cost of each engine's layout, one line each, and a hint if any layout was not
/// measured.
pub fn layouts(plan: &Plan, models: &BTreeMap<String, PlannedModel>, width: Width) -> String {
    let config = |engine: &EnginePlan| {
        let mut known = plan.tuned.iter().filter(|config| config.kv_layout.is_some());
        known.find(|config| config.model == engine.model)
    };
    let costs = |engine: &EnginePlan| layout_costs(plan, engine, models.get(&engine.model)?);
    let mut lines: Vec<String> = plan
        .engines
        .iter()
        .filter_map(|engine| Some((engine, engine.local()?.kv_layout)))
        .map(|(engine, has)| {
            let mut parts = vec![format!("{}: {}", engine.id, layout(has))];
            parts.extend(config(engine).map(|PlanTuned { kv_layout, parallel, .. }| {
                match kv_layout.filter(|faster| *faster != has) {
                    None => format!("measured as faster at {parallel}x"),
                    Some(faster) => {
                        let faster = layout(faster);
                        format!("although {faster} was measured as faster at {parallel}x")
                    }
                }
            }));
            parts.extend(costs(engine).map(|costs| price(plan.budget, has, costs)));
            labelled("layout", &parts.join(", "), width)
        })
        .collect();
    let exact = plan.budget == BudgetRule::Exact;
    if exact && plan.engines.iter().any(|engine| engine.is_in_process() && config(engine).is_none())
    {
        let text = "streams if they fit the budget; `harmonic bench --layouts` measures both";
        lines.push(labelled("layout", text, width));
    }
    lines.join("\n")
}

/// Memory cost of a layout compared with the other one. The paper's rule takes the cheaper layout;
/// the exact rule takes a unified pool only if streams would reduce an agent's slots or context.
fn price(rule: BudgetRule, has: KvLayout, LayoutCosts { streams, unified }: LayoutCosts) -> String {
    let more = streams.saturating_sub(unified);
    match has {
        KvLayout::Streams if more == Bytes::ZERO => "no more than a unified pool".to_owned(),
        KvLayout::Streams => format!("{more} more than a unified pool"),
        KvLayout::Unified if more == Bytes::ZERO => "no more than streams".to_owned(),
        KvLayout::Unified if rule == BudgetRule::Paper => {
            format!("streams would take {more} more")
        }
        KvLayout::Unified => {
            format!("streams would take {more} more and reduce an agent's slots or context")
        }
    }
}
