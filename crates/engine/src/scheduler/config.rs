//! Scheduler configuration, derived from the plan, and its admission and batching parts.

use std::sync::Arc;
use std::time::Duration;

use harmonic_admission::{AdmissionConfig, AgentConfig};
use harmonic_batching::{BatchingConfig, Prompt};
use harmonic_types::{
    AgentName, Bytes, KvLayout, LargerContext, LargerContexts, Rejection, Tier, Tokens,
};

use super::job::Job;

/// One agent on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledAgent {
    /// Name.
    pub name: AgentName,
    /// Priority.
    pub tier: Tier,
    /// Planned slots.
    pub slots: u32,
    /// Limit on tokens of one of its sequences, prompt and answer together.
    pub context: Tokens,
    /// Commands that hold larger contexts; `None` if nothing was planned.
    pub larger: Option<Arc<LargerContexts>>,
}

/// Limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// Agents served, indexed by [`Job::agent`].
    pub agents: Vec<ScheduledAgent>,
    /// [`AdmissionConfig::max_in_flight`], capped at `sequences`.
    pub max_in_flight: u32,
    /// [`AdmissionConfig::quota_total`].
    pub quota_total: u32,
    /// [`AdmissionConfig::unowned`].
    pub unowned: u32,
    /// [`AdmissionConfig::queue_limit`].
    pub queue_limit: u32,
    /// [`AdmissionConfig::retry_after`].
    pub retry_after: Duration,
    /// [`AdmissionConfig::ageing`].
    pub ageing: Duration,
    /// [`BatchingConfig::sequences`].
    pub sequences: u32,
    /// [`BatchingConfig::kv_tokens`].
    pub kv_tokens: u64,
    /// [`BatchingConfig::kv_layout`].
    pub kv_layout: KvLayout,
    /// [`BatchingConfig::token_bytes`].
    pub token_bytes: Bytes,
    /// [`BatchingConfig::partial_removal`].
    pub partial_removal: bool,
    /// [`BatchingConfig::batch_tokens`].
    pub batch_tokens: u32,
    /// [`BatchingConfig::step_time`].
    pub step_time: Duration,
    /// [`BatchingConfig::prefix_bytes`].
    pub prefix_bytes: Bytes,
    /// [`BatchingConfig::preempted_bytes`].
    pub preempted_bytes: Bytes,
}

impl SchedulerConfig {
    /// Default limit on queued requests per agent.
    pub const QUEUE_LIMIT: u32 = 256;
    /// Default of [`Self::retry_after`].
    pub const RETRY_AFTER: Duration = Duration::from_secs(2);
    /// Default of [`Self::ageing`].
    pub const AGEING: Duration = Duration::from_secs(10);

    /// Limits for `agents` on a machine of `sequences` sequences and `kv_tokens` cells, with
    /// defaults for the rest.
    pub fn new(agents: Vec<ScheduledAgent>, sequences: u32, kv_tokens: u64) -> Self {
        Self {
            agents,
            max_in_flight: sequences,
            quota_total: sequences,
            unowned: 0,
            queue_limit: Self::QUEUE_LIMIT,
            retry_after: Self::RETRY_AFTER,
            ageing: Self::AGEING,
            sequences,
            kv_tokens,
            kv_layout: KvLayout::Streams,
            token_bytes: Bytes(64 << 10),
            partial_removal: true,
            batch_tokens: 512,
            step_time: Duration::from_millis(700),
            prefix_bytes: Bytes(256 << 20),
            preempted_bytes: Bytes(1 << 30),
        }
    }

    /// Admission part.
    pub(crate) fn admission(&self) -> AdmissionConfig {
        let agent = |agent: &ScheduledAgent| AgentConfig {
            name: agent.name.clone(),
            tier: agent.tier,
            slots: agent.slots,
        };
        AdmissionConfig {
            agents: self.agents.iter().map(agent).collect(),
            max_in_flight: self.max_in_flight,
            quota_total: self.quota_total,
            unowned: self.unowned,
            queue_limit: self.queue_limit,
            retry_after: self.retry_after,
            ageing: self.ageing,
        }
    }

    /// Batching part.
    pub(super) fn batching(&self) -> BatchingConfig {
        BatchingConfig {
            sequences: self.sequences,
            kv_tokens: self.kv_tokens,
            kv_layout: self.kv_layout,
            token_bytes: self.token_bytes,
            partial_removal: self.partial_removal,
            batch_tokens: self.batch_tokens,
            step_time: self.step_time,
            prefix_bytes: self.prefix_bytes,
            preempted_bytes: self.preempted_bytes,
        }
    }

    /// Prompt of a job, with its output limited to the agent's context.
    ///
    /// # Errors
    /// [`Rejection`] if it can never run.
    pub(super) fn bounded(&self, job: Job) -> Result<Prompt, Rejection> {
        let Some(agent) = self.agents.get(job.agent) else {
            let agents = self.agents.len();
            return Err(Rejection::Invalid {
                message: format!("invalid agent index {}: expected less than {agents}", job.agent),
            });
        };
        let (name, context, known) = (&agent.name, agent.context, agent.larger.as_deref());
        let prompt = u32::try_from(job.prompt.len()).unwrap_or(u32::MAX);
        let room = context.0.saturating_sub(prompt);
        if prompt == 0 {
            return Err(Rejection::Invalid { message: "the prompt is empty".to_owned() });
        }
        if room == 0 {
            let (agent, prompt) = (name.clone(), Tokens(prompt));
            let larger = Box::new(LargerContext::of(&agent, prompt, context, known));
            return Err(Rejection::PromptTooLong { agent, prompt, context, larger });
        }
        let prompt = Prompt {
            tokens: job.prompt,
            shared_prefix: job.shared_prefix,
            max_output: job.max_output.min(room),
        };
        let (needed, cells) = (prompt.reservation(), self.batching().sequence_cells());
        if needed > cells {
            let message = format!(
                "the request may need {needed} KV tokens and a sequence of the engine has {cells}: \
                 ask for fewer max_tokens",
            );
            return Err(Rejection::Invalid { message });
        }
        Ok(prompt)
    }
}
