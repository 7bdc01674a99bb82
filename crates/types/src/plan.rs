//! The plan: engines, the slots of each agent, and all memory in a ledger
//! (`harmonic plan --json`). It is sufficient for `harmonic up --plan FILE`.

use serde::{Deserialize, Serialize};

use crate::curve::CurveKey;
use crate::engine_plan::{EnginePlan, KvLayout};
use crate::provenance::{Provenance, ProvenanceMap};
use crate::stack::{AgentName, AgentSpec, Tier};
use crate::trade::Trade;
use crate::tuned::Threads;
use crate::units::{Bytes, Tokens};

/// Engine assignment of agents with the same base model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// One engine per base model: weights loaded once, one batch.
    #[default]
    Shared,
    /// One engine per agent, as in the paper.
    Isolated,
}

/// Memory model of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetRule {
    /// Exact, from the model's shape.
    #[default]
    Exact,
    /// Only the paper's declared base and KV per slot (§5.3).
    Paper,
}

/// Outcome of the planning for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// Placed with its target context and slots.
    Planned,
    /// Placed with less context or fewer slots than its target; `reason` states which.
    Degraded,
    /// Not placed; `reason` states the cause and the required memory.
    Skipped,
}

/// An agent's allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentPlan {
    /// Name of the agent.
    pub name: AgentName,
    /// Its tier.
    pub tier: Tier,
    /// Its base model.
    pub model: String,
    /// Whether its prompts leave this machine; never for one that is skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_machine: bool,
    /// The engine that serves it ([`EnginePlan::id`]); `None` when skipped.
    pub engine: Option<String>,
    /// Slots that are its own.
    pub slots: u32,
    /// Context of each of its sequences.
    pub context: Tokens,
    /// KV bytes of its slots.
    pub kv_bytes: Bytes,
    /// Memory attributable to it alone: weights (if not shared) and KV.
    pub memory_bytes: Bytes,
    /// Outcome.
    pub status: AgentStatus,
    /// Reason if it is not `Planned`.
    pub reason: Option<String>,
    /// Its definition for the engine: prompt, sampling, thinking.
    pub spec: AgentSpec,
}

/// Purpose of a line of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerItem {
    /// Model weights.
    Weights,
    /// KV cache.
    Kv,
    /// States of recurrent layers.
    State,
    /// Prefix snapshots.
    Prefix,
    /// Saved states of preempted sequences.
    #[serde(rename = "park")]
    Preempt,
    /// Compute buffers.
    Compute,
    /// Engine overhead.
    Overhead,
}

impl LedgerItem {
    /// All, in the order of [`EnginePlan::memory`].
    pub const ALL: [Self; 7] = [
        Self::Weights,
        Self::Kv,
        Self::State,
        Self::Prefix,
        Self::Preempt,
        Self::Compute,
        Self::Overhead,
    ];
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Purpose.
    pub item: LedgerItem,
    /// Identifier of the engine.
    pub engine: String,
    /// Planned memory.
    pub bytes: Bytes,
}

/// Hardware that the plan was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHardware {
    /// Name of the hardware profile.
    pub profile: String,
    /// Memory budget of the plan.
    pub memory_budget_bytes: Bytes,
    /// Parallelism from which slot targets are derived.
    pub peak_parallel: u32,
}

/// A curve whose sweet spot the plan uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCurve {
    /// Base model of the plan to which it applies.
    pub model: String,
    /// Configuration for which the curve is valid.
    pub key: CurveKey,
    /// Parallelism taken from it.
    pub sweet_spot: u32,
    /// Source of the curve.
    pub provenance: Provenance,
}

/// A tuned config that the plan uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTuned {
    /// Base model of the plan to which it applies.
    pub model: String,
    /// Configuration for which it is valid, weight format included.
    pub key: CurveKey,
    /// Sequences in flight during the measurement.
    pub parallel: u32,
    /// The faster layout, if layouts were compared. An engine gets it if it fits the budget.
    pub kv_layout: Option<KvLayout>,
    /// The fastest thread counts, if they were compared; upper bounds for an engine.
    pub threads: Option<Threads>,
}

/// The plan. `total_bytes` ≤ `hardware.memory_budget_bytes`, always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`Plan::SCHEMA`].
    pub schema: String,
    /// Name of the stack.
    pub stack: String,
    /// The machine.
    pub hardware: PlanHardware,
    /// Engine assignment of agents with the same base model.
    pub sharing: Sharing,
    /// Memory model of the ledger.
    pub budget: BudgetRule,
    /// Maximum sequences in flight over all engines.
    pub max_in_flight: u32,
    /// Curves behind `hardware.peak_parallel` and `max_in_flight`, one per base model that has
    /// one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<PlanCurve>,
    /// Tuned configs of the engines, one per base model that has one.
    #[serde(rename = "setups", default, skip_serializing_if = "Vec::is_empty")]
    pub tuned: Vec<PlanTuned>,
    /// Worker threads of the HTTP server, as measured; `None` is the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_threads: Option<u32>,
    /// Agents in the order of the stack.
    pub agents: Vec<AgentPlan>,
    /// What was given up to fit the budget, and what would bring it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trades: Vec<Trade>,
    /// Engines in launch order.
    pub engines: Vec<EnginePlan>,
    /// All planned memory, by engine and purpose.
    pub ledger: Vec<LedgerLine>,
    /// Memory kept in reserve (15%, as in the paper).
    pub reserve_bytes: Bytes,
    /// Σ of the ledger.
    pub total_bytes: Bytes,
    /// Budget minus total.
    pub headroom_bytes: Bytes,
    /// Source of each figure.
    pub provenance: ProvenanceMap,
}

impl Plan {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.plan/3";

    /// The engine of `agent`; `None` when it is skipped.
    pub fn engine_of(&self, agent: &AgentPlan) -> Option<&EnginePlan> {
        self.engines.iter().find(|engine| agent.engine.as_ref() == Some(&engine.id))
    }

    /// The placed agents that generate text; the others compute embeddings.
    pub fn generating(&self) -> impl Iterator<Item = &AgentPlan> {
        let generates = |engine: &EnginePlan| engine.pooling().is_none();
        self.agents.iter().filter(move |agent| self.engine_of(agent).is_some_and(generates))
    }
}
