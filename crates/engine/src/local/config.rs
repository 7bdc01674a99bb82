//! Local engine configuration, derived from the plan.

use std::sync::Arc;

use harmonic_admission::{AgentConfig, quotas};
use harmonic_events::EventStream;
use harmonic_types::{
    AgentPlan, AgentSpec, Bytes, EnginePlan, KvLayout, LargerContexts, LocalSpec, Plan, Tokens,
};

use crate::constraint::FormTrial;
use crate::device::{DeviceHandle, SharedDevice};
use crate::identity::Identity;
use crate::scheduler::{ScheduledAgent, SchedulerConfig};

/// An agent served by an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedAgent {
    /// System prompt, sampling, thinking.
    pub spec: AgentSpec,
    /// Planned slots.
    pub slots: u32,
    /// Planned context size of each of its sequences.
    pub context: Tokens,
    /// Commands that hold larger contexts; `None` if nothing was planned.
    pub larger: Option<Arc<LargerContexts>>,
}

/// Configuration of a local engine.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    /// [`EnginePlan::id`].
    pub id: String,
    /// Base model.
    pub model: String,
    /// Kind, for display.
    pub kind: String,
    /// Model file, build and cache format that measurements are valid for.
    pub identity: Identity,
    /// Agents served.
    pub agents: Vec<ServedAgent>,
    /// Threads for sampling, beside the machine's own.
    pub threads: u32,
    /// Sequences of the machine.
    pub sequences: u32,
    /// Cells of the KV cache.
    pub kv_tokens: u64,
    /// Limit on sequences in flight.
    pub max_in_flight: u32,
    /// Sum of its agents' quotas.
    pub quota_total: u32,
    /// Sequences in flight that no quota of any engine claims.
    pub unowned: u32,
    /// Handle to the device if shared with other engines.
    pub device: Option<DeviceHandle>,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Bytes of the KV cache per token.
    pub token_bytes: Bytes,
    /// Limit on bytes of prefix snapshots.
    pub prefix_bytes: Bytes,
    /// Limit on bytes of preempted sequences ([`EnginePlan::preempt_bytes`]).
    pub preempted_bytes: Bytes,
    /// Limit on queued requests per agent.
    pub queue_limit: u32,
    /// Where its events go.
    pub events: EventStream,
    /// Trial process for forms that are not small; `None` relies on the limits alone.
    pub form_trial: Option<FormTrial>,
}

impl LocalConfig {
    /// Limit on tokens in one batch, unless there are more sequences: llama.cpp's physical batch
    /// size; larger batches would be split.
    pub const BATCH_TOKENS: u32 = 512;

    /// Configuration of `engine` in `plan`, which computes in this process as `local` says.
    pub fn of(plan: &Plan, engine: &EnginePlan, local: &LocalSpec) -> Self {
        let served = plan.agents.iter().filter(|agent| engine.agents.contains(&agent.name));
        Self {
            id: engine.id.clone(),
            model: engine.model.clone(),
            kind: engine.spec.kind().to_string(),
            identity: Identity::of(engine),
            agents: served
                .map(|agent| ServedAgent {
                    spec: agent.spec.clone(),
                    slots: agent.slots,
                    context: agent.context,
                    larger: None,
                })
                .collect(),
            threads: local.threads,
            sequences: engine.sequences,
            kv_tokens: local.kv_tokens,
            max_in_flight: plan.max_in_flight,
            quota_total: engine_quota(plan, engine),
            unowned: unowned(plan, local.kv_layout),
            device: None,
            kv_layout: local.kv_layout,
            token_bytes: Bytes(engine.kv_bytes.0.div_ceil(local.kv_tokens.max(1))),
            prefix_bytes: engine.prefix_bytes,
            preempted_bytes: engine.preempt_bytes,
            queue_limit: SchedulerConfig::QUEUE_LIMIT,
            events: EventStream::default(),
            form_trial: None,
        }
    }

    /// Tokens of a batch of an engine that computes embeddings: an input is computed as a whole, so
    /// at least those of the largest context.
    pub fn embedding_batch_tokens(&self) -> u32 {
        let contexts = self.agents.iter().map(|agent| agent.context.0);
        contexts.chain([Self::BATCH_TOKENS]).max().unwrap_or(Self::BATCH_TOKENS)
    }

    /// Scheduler configuration for a machine with or without partial removal.
    pub fn scheduler(&self, partial_removal: bool) -> SchedulerConfig {
        let scheduled = |agent: &ServedAgent| ScheduledAgent {
            name: agent.spec.name.clone(),
            tier: agent.spec.tier,
            slots: agent.slots,
            context: agent.context,
            larger: agent.larger.clone(),
        };
        let agents = self.agents.iter().map(scheduled).collect();
        SchedulerConfig {
            quota_total: self.quota_total,
            unowned: self.unowned,
            kv_layout: self.kv_layout,
            token_bytes: self.token_bytes,
            partial_removal,
            max_in_flight: self.max_in_flight,
            prefix_bytes: self.prefix_bytes,
            preempted_bytes: self.preempted_bytes,
            queue_limit: self.queue_limit,
            batch_tokens: Self::BATCH_TOKENS,
            ..SchedulerConfig::new(agents, self.sequences, self.kv_tokens)
        }
    }
}

/// Device shared by the engines of `plan`; `None` if there is only one engine. Those outside this
/// process take no part in it.
pub fn shared_device(plan: &Plan) -> Option<SharedDevice> {
    let quota = |engine: &EnginePlan| {
        (generates(engine) && engine.is_in_process()).then(|| engine_quota(plan, engine))
    };
    let quotas = plan.engines.iter().map(quota);
    (plan.engines.len() > 1).then(|| SharedDevice::new(plan.max_in_flight, quotas))
}

/// Sum of the quotas of the agents of `engine`: out of the plan's limit in flight, which sequences
/// share. Requests for embeddings run in none, so each of their engines has the limit to itself.
fn engine_quota(plan: &Plan, engine: &EnginePlan) -> u32 {
    if !generates(engine) {
        return plan.max_in_flight;
    }
    let own = quotas_in_flight(plan).filter(|(agent, _)| engine.agents.contains(&agent.name));
    own.map(|(_, quota)| quota).sum()
}

/// Sequences in flight that belong to no agent of `plan`. In a unified cache, sequences beyond the
/// slots have no cells of their own.
fn unowned(plan: &Plan, layout: KvLayout) -> u32 {
    let owned: u32 = quotas_in_flight(plan).map(|(_, quota)| quota).sum();
    match layout {
        KvLayout::Streams => plan.max_in_flight.saturating_sub(owned),
        KvLayout::Unified => 0,
    }
}

/// The agents of `plan` that generate text in this process with their quotas, out of the plan's
/// limit in flight.
fn quotas_in_flight(plan: &Plan) -> impl Iterator<Item = (&AgentPlan, u32)> {
    let is_here = |agent: &&AgentPlan| plan.engine_of(agent).is_some_and(EnginePlan::is_in_process);
    let generating: Vec<_> = plan.generating().filter(is_here).collect();
    let configs: Vec<AgentConfig> = generating
        .iter()
        .map(|agent| AgentConfig { name: agent.name.clone(), tier: agent.tier, slots: agent.slots })
        .collect();
    let quotas = quotas(&configs, plan.max_in_flight);
    generating.into_iter().zip(quotas)
}

/// Whether `engine` generates text; otherwise it computes embeddings.
fn generates(engine: &EnginePlan) -> bool {
    engine.pooling().is_none()
}
