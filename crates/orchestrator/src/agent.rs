//! What a run knows of an agent.

use harmonic_types::{AgentName, Tier};
use serde::{Deserialize, Serialize};

/// An agent that a run may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentProfile {
    /// Name, unique within the run.
    pub name: AgentName,
    /// Tier.
    pub tier: Tier,
    /// Purpose, one line, for the planner.
    pub role: String,
    /// The agent's own system prompt, which a run puts into the user turn, behind what all agents
    /// of the run read.
    pub prompt: String,
    /// Tokens of `prompt`.
    pub prompt_tokens: u32,
    /// Tokens of [`crate::prompt::PREAMBLE`] and of the chat template around the turns.
    pub overhead_tokens: u32,
    /// Context of one sequence, in tokens.
    pub context: u32,
    /// Parameters of its model; `None` where they are not known.
    pub parameters: Option<u64>,
    /// Names of the tools that it may call, among those of the run.
    #[serde(default)]
    pub tools: Vec<String>,
}

impl AgentProfile {
    /// Parameters below which a model's plans are not worth their tokens: a recipe is the default
    /// (docs/sources.md#small-planners).
    pub const PLANNER_PARAMETERS: u64 = 3_000_000_000;

    /// Whether its model is large enough to write plans; an unknown one is not.
    pub fn can_plan(&self) -> bool {
        self.parameters.is_some_and(|parameters| parameters >= Self::PLANNER_PARAMETERS)
    }
}
