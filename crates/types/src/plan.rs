//! The plan: who gets which slots on which engine, and every byte of it
//! (`harmonic plan --json`). `harmonic up --plan FILE` needs nothing else.

use serde::{Deserialize, Serialize};

use crate::curve::CurveKey;
use crate::engine_plan::{EnginePlan, KvLayout};
use crate::provenance::{Provenance, ProvenanceMap};
use crate::stack::{AgentName, AgentSpec, Tier};
use crate::tuned::Threads;
use crate::units::{Bytes, Tokens};

/// How agents on one base model relate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// One engine per base model: weights once, one batch.
    #[default]
    Shared,
    /// One engine per agent, as in the paper.
    Isolated,
}

/// Which arithmetic fills the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetRule {
    /// From the model's shape.
    #[default]
    Exact,
    /// The paper's declared base and KV per slot (§5.3), and nothing else.
    Paper,
}

/// Whether an agent got a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// With all it asked for.
    Planned,
    /// With less context or fewer slots than its target; `reason` says which.
    Degraded,
    /// Not placed; `reason` says why and what it would need.
    Skipped,
}

/// One agent's share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentPlan {
    /// The agent.
    pub name: AgentName,
    /// Its tier.
    pub tier: Tier,
    /// Its base model.
    pub model: String,
    /// The engine that serves it ([`EnginePlan::id`]); `None` when skipped.
    pub engine: Option<String>,
    /// Guaranteed slots.
    pub slots: u32,
    /// Context of each of its sequences.
    pub context: Tokens,
    /// KV bytes of its slots.
    pub kv_bytes: Bytes,
    /// What it costs alone: weights (if it does not share them) and KV.
    pub memory_bytes: Bytes,
    /// Outcome.
    pub status: AgentStatus,
    /// Why it is not `Planned`.
    pub reason: Option<String>,
    /// What the engine must know to serve it: prompt, sampling, thinking.
    pub spec: AgentSpec,
}

/// What a line of the ledger pays for.
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
    /// What it pays for.
    pub item: LedgerItem,
    /// For which engine.
    pub engine: String,
    /// How much.
    pub bytes: Bytes,
}

/// What of the hardware the plan was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHardware {
    /// Profile.
    pub profile: String,
    /// Budget the plan keeps.
    pub memory_budget_bytes: Bytes,
    /// Parallelism that the targets derive from.
    pub peak_parallel: u32,
}

/// A curve whose sweet spot the plan relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCurve {
    /// Base model of the plan that it speaks for.
    pub model: String,
    /// What the curve is valid for.
    pub key: CurveKey,
    /// Parallelism that the plan took from it.
    pub sweet_spot: u32,
    /// Where the curve comes from.
    pub provenance: Provenance,
}

/// A tuned config that the plan took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTuned {
    /// Base model of the plan that it speaks for.
    pub model: String,
    /// What it is valid for: the weight format among it.
    pub key: CurveKey,
    /// Sequences in flight while it was measured.
    pub parallel: u32,
    /// The faster layout, where they were compared. An engine has it where it fits the budget.
    pub kv_layout: Option<KvLayout>,
    /// The fastest threads, where they were compared. An engine has at most these.
    pub threads: Option<Threads>,
}

/// The plan. `total_bytes` ≤ `hardware.memory_budget_bytes`, always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`Plan::SCHEMA`].
    pub schema: String,
    /// Name of the stack it was made from.
    pub stack: String,
    /// The machine it is for.
    pub hardware: PlanHardware,
    /// How agents share weights.
    pub sharing: Sharing,
    /// Which arithmetic was used.
    pub budget: BudgetRule,
    /// Most sequences in flight over all engines.
    pub max_in_flight: u32,
    /// Curves that `hardware.peak_parallel` or `max_in_flight` rest on, one per base model that has
    /// one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<PlanCurve>,
    /// Tuned configs that the engines follow, one per base model that has one.
    #[serde(rename = "setups", default, skip_serializing_if = "Vec::is_empty")]
    pub tuned: Vec<PlanTuned>,
    /// Worker threads of the HTTP server, as measured; `None` is the server's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_threads: Option<u32>,
    /// Agents in the order of the stack.
    pub agents: Vec<AgentPlan>,
    /// Engines in launch order.
    pub engines: Vec<EnginePlan>,
    /// Every byte.
    pub ledger: Vec<LedgerLine>,
    /// What is kept back (15%, as in the paper).
    pub reserve_bytes: Bytes,
    /// Σ of the ledger.
    pub total_bytes: Bytes,
    /// Budget less total.
    pub headroom_bytes: Bytes,
    /// Source of each figure.
    pub provenance: ProvenanceMap,
}

impl Plan {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.plan/2";
}
