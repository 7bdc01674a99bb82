//! Memory of a stack's models at several numbers of slots, in the form of the paper's §5.3.

use std::collections::BTreeMap;

use harmonic_types::{BudgetRule, Bytes, StackSpec, Tokens};

use crate::cost_model::SlotsByContext;
use crate::error::PlanError;
use crate::footprint::Footprint;
use crate::input::{PlanOptions, PlannedModel};
use crate::plan::{by_priority, cost_model, max_context};
use crate::runtime::Runtime;

/// Memory of one model at one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRow {
    /// Name of the model.
    pub model: String,
    /// Context of each slot; `None` under the paper's rule, which has none.
    pub context: Option<Tokens>,
    /// Weights.
    pub base: Bytes,
    /// KV cache of one slot.
    pub kv_per_slot: Bytes,
    /// Memory of an engine for each number of slots, all in use at once. By the exact rule including
    /// compute buffers and overhead, without prefixes.
    pub totals: Vec<Bytes>,
}

/// One row per model of `stack` on this machine and context requested by its agents, from tier 1
/// down.
///
/// # Errors
/// When an agent's model is unknown or not covered by the paper's rule.
pub fn memory_table(
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    slots: &[u32],
) -> Result<Vec<MemoryRow>, PlanError> {
    let mut rows: Vec<MemoryRow> = Vec::new();
    for agent in by_priority(stack, models, &options.engine)? {
        let runtime = Runtime::of(agent.engine);
        if runtime == Runtime::Elsewhere {
            continue;
        }
        let cells = max_context(agent.spec, &agent.model.shape);
        let tokens = Tokens(u32::try_from(cells).unwrap_or(u32::MAX));
        let context = (options.budget == BudgetRule::Exact).then_some(tokens);
        if rows.iter().any(|row| row.model == agent.model.name && row.context == context) {
            continue;
        }
        let engine = |count: u32| -> Result<Footprint, PlanError> {
            let cost_model = cost_model(agent.model, &agent.spec.name, runtime, options, count)?;
            Ok(cost_model.engine(&SlotsByContext::from([(cells, count.into())])))
        };
        let one = engine(1)?;
        let totals = slots.iter().map(|count| engine(*count).map(|cost| cost.total()));
        rows.push(MemoryRow {
            model: agent.model.name.clone(),
            context,
            base: one.weights,
            kv_per_slot: one.kv,
            totals: totals.collect::<Result<_, PlanError>>()?,
        });
    }
    Ok(rows)
}
