//! Registry of the served agents and their engines.
//!
//! Invariants: names are unique and valid in a header; an engine that serves several agents is
//! listed once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::http::HeaderValue;
use harmonic_api::runs::RunApproach;
use harmonic_engine::Engine;
use harmonic_events::EventStream;
use harmonic_types::{AgentName, Rejection, Tokens};

use crate::agent_info::{AgentInfo, public_model_name};
use crate::error::GatewayError;
use crate::puller::Puller;
use crate::runs::Runs;

/// An agent and its engine.
#[derive(Clone)]
pub struct RegisteredAgent {
    /// Model name for clients.
    pub name: AgentName,
    /// Purpose, in one line.
    pub role: String,
    /// Base model; of a path only the stem is published.
    pub model: String,
    /// Context of each sequence.
    pub context: Tokens,
    /// Its public description.
    pub info: AgentInfo,
    /// Engine that serves it.
    pub engine: Arc<dyn Engine>,
    /// How its runs find their tasks, where it is the team; `None` where it is an agent.
    pub team: Option<RunApproach>,
}

impl fmt::Debug for RegisteredAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredAgent")
            .field("name", &self.name)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// The agents, in the order of the stack.
#[derive(Debug)]
pub struct ModelRegistry {
    agents: Vec<RegisteredAgent>,
    entries: HashMap<AgentName, Entry>,
    puller: Option<Arc<dyn Puller>>,
    runs: Option<Arc<dyn Runs>>,
    events: EventStream,
}

/// Index of an agent in the list, its name as a header value, and its digest.
#[derive(Debug)]
struct Entry {
    index: usize,
    header: HeaderValue,
    digest: String,
}

impl ModelRegistry {
    /// Registry of `agents`.
    ///
    /// # Errors
    /// When a name is a duplicate or has control characters.
    pub fn new(mut agents: Vec<RegisteredAgent>) -> Result<Self, GatewayError> {
        let mut entries = HashMap::with_capacity(agents.len());
        for (index, agent) in agents.iter_mut().enumerate() {
            agent.model = public_model_name(&agent.model).into_owned();
            let header = HeaderValue::from_bytes(agent.name.0.as_bytes())
                .map_err(|_| GatewayError::UnprintableAgent(agent.name.0.clone()))?;
            let digest = agent.info.digest(&agent.name, &agent.model, agent.context);
            if entries.insert(agent.name.clone(), Entry { index, header, digest }).is_some() {
                return Err(GatewayError::DuplicateAgent(agent.name.clone()));
            }
        }
        Ok(Self { agents, entries, puller: None, runs: None, events: EventStream::default() })
    }

    /// The registry with a puller, so that clients can pull models.
    #[must_use]
    pub fn with_puller(mut self, puller: Arc<dyn Puller>) -> Self {
        self.puller = Some(puller);
        self
    }

    /// The registry with runs, so that clients can give the team work.
    #[must_use]
    pub fn with_runs(mut self, runs: Arc<dyn Runs>) -> Self {
        self.runs = Some(runs);
        self
    }

    /// The registry, with the stream to which its engines publish.
    #[must_use]
    pub fn with_events(mut self, events: EventStream) -> Self {
        self.events = events;
        self
    }

    /// The stream to which the engines publish.
    pub(crate) fn events(&self) -> &EventStream {
        &self.events
    }

    /// Runs of the team; `None` where it does none.
    pub(crate) fn runs(&self) -> Option<&Arc<dyn Runs>> {
        self.runs.as_ref()
    }

    /// Puller of models; `None` where clients may not pull.
    pub(crate) fn puller(&self) -> Option<&Arc<dyn Puller>> {
        self.puller.as_ref()
    }

    /// The agents, in the order of the stack.
    pub fn agents(&self) -> &[RegisteredAgent] {
        &self.agents
    }

    /// Digest of `agent`; empty for an unknown agent.
    pub(crate) fn digest(&self, agent: &AgentName) -> &str {
        self.entries.get(agent).map_or("", |entry| &entry.digest)
    }

    /// The agent `name`, and its name as a header value.
    pub(crate) fn find(
        &self,
        name: &AgentName,
    ) -> Result<(&RegisteredAgent, HeaderValue), Rejection> {
        let entry = self.entries.get(name).ok_or_else(|| Rejection::UnknownAgent {
            agent: name.clone(),
            known: self
                .agents
                .iter()
                .map(|agent| agent.name.0.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        Ok((&self.agents[entry.index], entry.header.clone()))
    }

    /// Each engine that has slots once, in the order of its first agent. What serves by asking other
    /// agents (the model `team`) has none.
    pub(crate) fn engines(&self) -> Vec<&Arc<dyn Engine>> {
        let mut engines: Vec<&Arc<dyn Engine>> = Vec::new();
        for agent in &self.agents {
            if !engines.iter().any(|known| Arc::ptr_eq(known, &agent.engine)) {
                engines.push(&agent.engine);
            }
        }
        engines.retain(|engine| !engine.status().agents.is_empty());
        engines
    }
}
