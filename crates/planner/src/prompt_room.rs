//! Agents whose system prompts probably fill their contexts.

use harmonic_types::{AgentName, Plan, Tokens};

use crate::cost_model::prefix_tokens;

/// An agent whose context its system prompt probably fills, so that no request fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullContext {
    /// The agent.
    pub agent: AgentName,
    /// Estimated tokens of its system prompt and template.
    pub prompt: Tokens,
    /// Its planned context.
    pub context: Tokens,
}

/// The agents of `plan` whose contexts their system prompts probably fill, by an estimate from the
/// length of the prompts: a plan is made without a tokenizer.
pub fn full_contexts(plan: &Plan) -> Vec<FullContext> {
    let of = |agent: &harmonic_types::AgentPlan| FullContext {
        agent: agent.name.clone(),
        prompt: prefix_tokens(&agent.spec.system),
        context: agent.context,
    };
    plan.generating().map(of).filter(|found| found.prompt >= found.context).collect()
}
