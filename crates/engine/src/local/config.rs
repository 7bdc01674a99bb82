//! What a local engine is told by the plan.

use harmonic_sched::{AgentShare, SchedConfig};
use harmonic_types::{AgentSpec, Bytes, EnginePlan, Plan, Tokens};

/// One agent as its engine serves it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedAgent {
    /// Prompt, sampling, thinking.
    pub spec: AgentSpec,
    /// Guaranteed slots.
    pub slots: u32,
    /// Context of each of its sequences, as planned.
    pub context: Tokens,
}

/// An engine's share of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalConfig {
    /// [`EnginePlan::id`].
    pub id: String,
    /// Base model.
    pub model: String,
    /// Kind and build, for people.
    pub kind: String,
    /// Its agents.
    pub agents: Vec<ServedAgent>,
    /// Sequences of the machine.
    pub sequences: u32,
    /// Cells of the KV cache.
    pub kv_tokens: u64,
    /// Most sequences in flight.
    pub max_in_flight: u32,
    /// Most bytes of prefix snapshots.
    pub prefix_bytes: Bytes,
}

impl LocalConfig {
    /// The share of `engine` in `plan`.
    pub fn of(plan: &Plan, engine: &EnginePlan) -> Self {
        let served = plan.agents.iter().filter(|agent| engine.agents.contains(&agent.name));
        Self {
            id: engine.id.clone(),
            model: engine.model.clone(),
            kind: engine.kind.clone(),
            agents: served
                .map(|agent| ServedAgent {
                    spec: agent.spec.clone(),
                    slots: agent.slots,
                    context: agent.context,
                })
                .collect(),
            sequences: engine.sequences,
            kv_tokens: engine.kv_tokens,
            max_in_flight: plan.max_in_flight,
            prefix_bytes: engine.prefix_bytes,
        }
    }

    /// The scheduler's limits.
    pub fn sched(&self) -> SchedConfig {
        let share = |agent: &ServedAgent| AgentShare {
            name: agent.spec.name.clone(),
            tier: agent.spec.tier,
            slots: agent.slots,
            context: agent.context,
        };
        let agents = self.agents.iter().map(share).collect();
        SchedConfig {
            max_in_flight: self.max_in_flight,
            prefix_bytes: self.prefix_bytes,
            ..SchedConfig::new(agents, self.sequences, self.kv_tokens)
        }
    }
}
