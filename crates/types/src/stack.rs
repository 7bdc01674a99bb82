//! A stack: the agents of one deployment.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine_plan::EngineChoice;
use crate::sampling::Sampling;
use crate::units::Tokens;

/// An agent's name, which is also its model name for clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentName(pub String);

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for AgentName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// Priority class of an agent (the paper's §5.2). A number 1–4 in files and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Tier {
    /// Agents that route and decide.
    Executive,
    /// Agents that plan.
    Directors,
    /// Agents that carry out.
    Specialists,
    /// Agents on large models.
    Heavy,
}

impl Tier {
    /// All tiers, highest priority first.
    pub const ALL: [Self; 4] = [Self::Executive, Self::Directors, Self::Specialists, Self::Heavy];

    /// 1 for the executive … 4 for heavy.
    pub const fn number(self) -> u8 {
        match self {
            Self::Executive => 1,
            Self::Directors => 2,
            Self::Specialists => 3,
            Self::Heavy => 4,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Executive => "executive",
            Self::Directors => "directors",
            Self::Specialists => "specialists",
            Self::Heavy => "heavy",
        })
    }
}

impl TryFrom<u8> for Tier {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.number() == number)
            .ok_or_else(|| format!("invalid tier `{number}`: expected 1, 2, 3 or 4"))
    }
}

impl From<Tier> for u8 {
    fn from(tier: Tier) -> Self {
        tier.number()
    }
}

/// One agent: a base model in a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// Name, unique within the stack.
    pub name: AgentName,
    /// Priority class.
    pub tier: Tier,
    /// Base model (catalog name, `hf:`, `wheel:` or a path).
    pub model: String,
    /// Target context of each of its sequences.
    pub context: Tokens,
    /// Smallest context with which it is planned; `None` is half of `context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_context: Option<Tokens>,
    /// Human-readable purpose, one line.
    pub role: String,
    /// System prompt.
    pub system: String,
    /// Default sampling; a request may override it.
    pub sampling: Sampling,
    /// Default of thinking, for a model that can; a request may override it.
    pub thinking: bool,
}

impl AgentSpec {
    /// Bytes of a system prompt for which a tokenizer has at least one token. Texts have 3 to 5 bytes
    /// per token; our own choice, beyond that of any text that says something.
    const MOST_BYTES_PER_TOKEN: usize = 16;

    /// Tokens that the system prompt has at least, whatever the tokenizer is.
    pub fn least_prompt_tokens(&self) -> Tokens {
        let tokens = self.system.len().div_ceil(Self::MOST_BYTES_PER_TOKEN);
        Tokens(u32::try_from(tokens).unwrap_or(u32::MAX))
    }

    /// Smallest context with which the agent is useful: `min_context`, else half of `context`.
    pub fn least_context(&self) -> Tokens {
        self.min_context.unwrap_or(Tokens(self.context.0.div_ceil(2)))
    }
}

/// A validated stack: at least one agent, unique names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackSpec {
    /// Name of the stack.
    pub name: String,
    /// Agents in the order of the file.
    pub agents: Vec<AgentSpec>,
    /// Engines that the stack states for some of its agents; those of the others are the team's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<AgentName, EngineChoice>,
}

impl StackSpec {
    /// Maximum number of agents: as many as an engine has sequences, of which each agent needs one,
    /// and some ten times those of the largest built-in stack.
    pub const MAX_AGENTS: usize = 256;

    /// A stack of `agents` that states no engines.
    pub fn new(name: impl Into<String>, agents: Vec<AgentSpec>) -> Self {
        Self { name: name.into(), agents, engines: BTreeMap::new() }
    }

    /// Engine of `agent`, for which `default` is used where the stack states none.
    pub fn engine_of<'a>(
        &'a self,
        agent: &AgentName,
        default: &'a EngineChoice,
    ) -> &'a EngineChoice {
        self.engines.get(agent).unwrap_or(default)
    }

    /// Distinct base models of the agents that `wanted` accepts, in order of first use.
    pub fn models_of(&self, wanted: impl Fn(&AgentSpec) -> bool) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for agent in self.agents.iter().filter(|agent| wanted(agent)) {
            if !models.contains(&agent.model.as_str()) {
                models.push(&agent.model);
            }
        }
        models
    }

    /// Distinct base models in order of first use.
    pub fn models(&self) -> Vec<&str> {
        self.models_of(|_| true)
    }
}
