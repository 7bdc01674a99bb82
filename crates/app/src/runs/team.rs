//! The agents that runs ask, with their engines.
//!
//! Invariant: they are those of the deployment that generate text, so a run never asks the model
//! `team`.

use std::collections::BTreeMap;
use std::sync::Arc;

use harmonic_engine::Engine;
use harmonic_events::EventStream;
use harmonic_orchestrator::{AgentProfile, CountedText, prompt};
use harmonic_types::{
    AgentName, Message, Prompt, Request, RequestClass, RequestId, Role, SystemTurn, Tier,
};
use tokio::sync::Mutex;

use super::request_ids;
use super::slot_watch::{SlotWatch, WatchedSlot};

/// Name of the agent that condenses, where the stack has it.
const OPERATOR: &str = "operator";

/// An agent that runs may ask.
#[derive(Clone)]
pub struct TeamMember {
    /// Name.
    pub name: AgentName,
    /// Tier.
    pub tier: Tier,
    /// Purpose, in one line.
    pub role: String,
    /// System prompt.
    pub prompt: String,
    /// Context of each sequence, in tokens.
    pub context: u32,
    /// Parameters of its model; `None` where unknown.
    pub parameters: Option<u64>,
    /// The engine that serves it.
    pub engine: Arc<dyn Engine>,
}

impl std::fmt::Debug for TeamMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TeamMember").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The agents that runs ask; one at least.
#[derive(Debug)]
pub struct RunTeam {
    /// Name of the stack.
    pub(crate) stack: String,
    members: Vec<TeamMember>,
    /// Requests in flight, at most.
    pub(crate) places: u32,
    /// Tokens by agent: of the turns around a text, and of the agent's prompt.
    counts: Mutex<BTreeMap<AgentName, Counts>>,
    /// What becomes of the slots of its requests; `None` where the engines publish nothing.
    slots: Option<Arc<SlotWatch>>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    overhead: u32,
    prompt: u32,
}

impl RunTeam {
    /// The team of `members`, of which `places` requests can be in flight; `None` without members.
    pub fn new(stack: impl Into<String>, members: Vec<TeamMember>, places: u32) -> Option<Self> {
        let (stack, counts) = (stack.into(), Mutex::default());
        let places = places.max(1);
        let slots = None;
        (!members.is_empty()).then_some(Self { stack, members, places, counts, slots })
    }

    /// The team, whose engines publish to `events` when they preempt a request and resume it.
    #[must_use]
    pub fn watching(self, events: EventStream) -> Self {
        Self { slots: Some(Arc::new(SlotWatch::new(events))), ..self }
    }

    /// Watches the slot of a request that is about to be offered.
    pub(crate) fn watch(&self, request: RequestId) -> Option<WatchedSlot> {
        self.slots.as_ref().map(|slots| slots.watch(request))
    }

    /// The agent of this name.
    pub(crate) fn member(&self, name: &AgentName) -> Option<&TeamMember> {
        self.members.iter().find(|member| member.name == *name)
    }

    /// The agents, in the order of the stack.
    pub(crate) fn members(&self) -> &[TeamMember] {
        &self.members
    }

    /// The agent that plans and joins: the first of the highest tier.
    pub(crate) fn executive(&self) -> &TeamMember {
        let first = self.members.iter().min_by_key(|member| member.tier);
        first.expect("a team has members")
    }

    /// The agent that condenses: the operator, or another one of the executive's tier.
    pub(crate) fn operator(&self) -> Option<&TeamMember> {
        let executive = self.executive();
        let named = self.members.iter().find(|member| member.name.0 == OPERATOR);
        named.or_else(|| {
            let mut others = self.members.iter().filter(|member| member.name != executive.name);
            others.find(|member| member.tier == executive.tier)
        })
    }

    /// sha256 of each agent's model file; `None` where an engine does not state it.
    pub(crate) fn digests(&self) -> Option<BTreeMap<AgentName, String>> {
        let digest = |member: &TeamMember| {
            Some((member.name.clone(), member.engine.status().identity.digest?))
        };
        self.members.iter().map(digest).collect()
    }

    /// What runs know of the agents, each of which may call `tools`.
    pub(crate) async fn profiles(&self, tools: &[String]) -> Vec<AgentProfile> {
        let mut profiles = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let counts = self.counts(member).await;
            let has_tools = member.engine.capabilities().tools;
            profiles.push(AgentProfile {
                name: member.name.clone(),
                tier: member.tier,
                role: member.role.clone(),
                prompt: member.prompt.clone(),
                prompt_tokens: counts.prompt,
                overhead_tokens: counts.overhead,
                context: member.context,
                parameters: member.parameters,
                tools: if has_tools { tools.to_vec() } else { Vec::new() },
            });
        }
        profiles
    }

    /// Tokens of `text`; where agents have several tokenizers, the largest count.
    pub(crate) async fn counted(&self, text: String) -> CountedText {
        let mut tokens = 0;
        for (index, member) in self.members.iter().enumerate() {
            let earlier = &self.members[..index];
            if earlier.iter().any(|other| Arc::ptr_eq(&other.engine, &member.engine)) {
                continue;
            }
            tokens = tokens.max(self.tokens(member, &text).await);
        }
        CountedText { text, tokens }
    }

    async fn tokens(&self, member: &TeamMember, text: &str) -> u32 {
        let overhead = self.counts(member).await.overhead;
        match count(member, text).await {
            Some(all) => all.saturating_sub(overhead),
            None => upper_bound(text),
        }
    }

    /// Counted once for each agent: neither its prompt nor its template changes.
    async fn counts(&self, member: &TeamMember) -> Counts {
        let mut known = self.counts.lock().await;
        if let Some(counts) = known.get(&member.name) {
            return *counts;
        }
        let around = count(member, "").await;
        let whole = count(member, &member.prompt).await;
        let counts = Counts {
            overhead: around.unwrap_or_else(|| upper_bound(prompt::PREAMBLE)),
            prompt: match (around, whole) {
                (Some(around), Some(whole)) => whole.saturating_sub(around),
                _ => upper_bound(&member.prompt),
            },
        };
        // An engine that restarts counts again later.
        if around.is_some() && whole.is_some() {
            known.insert(member.name.clone(), counts);
        }
        counts
    }
}

/// Tokens of the prompt of a run's call with this user turn; `None` if the engine cannot count them
/// now.
async fn count(member: &TeamMember, text: &str) -> Option<u32> {
    let messages =
        vec![Message::new(Role::System, prompt::PREAMBLE), Message::new(Role::User, text)];
    let request = request(member, request_ids::next(), messages, RequestClass::Interactive);
    member.engine.count_tokens(request).await.ok().map(|tokens| tokens.0)
}

/// Tokens of a text that cannot be counted: two bytes each, which real texts stay below.
fn upper_bound(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(2)).unwrap_or(u32::MAX)
}

/// A request of a run to `member`. The messages' own system turn stands alone where the engine can
/// do without the agent's.
pub(crate) fn request(
    member: &TeamMember,
    id: RequestId,
    messages: Vec<Message>,
    class: RequestClass,
) -> Request {
    let own = member.engine.capabilities().own_system_turn;
    let system = if own { SystemTurn::Request } else { SystemTurn::Agent };
    let prompt = Prompt::chat(messages);
    Request { system, class, prompt, ..Request::new(id, member.name.clone(), Vec::new()) }
}
