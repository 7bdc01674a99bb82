//! The agents that the server offers, and the engine behind each.
//!
//! Invariants: names are unique and fit in a header; an engine that serves several agents counts
//! once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::http::HeaderValue;
use harmonic_engine::Engine;
use harmonic_events::EventStream;
use harmonic_types::{AgentName, Rejection, Tokens};

use crate::card::{AgentCard, public_model_name};
use crate::error::GatewayError;
use crate::puller::Puller;

/// One agent.
#[derive(Clone)]
pub struct RegisteredAgent {
    /// The model name that clients use.
    pub name: AgentName,
    /// One line on what it is for.
    pub role: String,
    /// Base model; a path is shown by its stem.
    pub model: String,
    /// Context of each of its sequences.
    pub context: Tokens,
    /// What it is made of.
    pub card: AgentCard,
    /// What serves it.
    pub engine: Arc<dyn Engine>,
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
    places: HashMap<AgentName, Place>,
    puller: Option<Arc<dyn Puller>>,
    events: EventStream,
}

/// Where an agent is in the list, its name as a header, and its digest.
#[derive(Debug)]
struct Place {
    index: usize,
    header: HeaderValue,
    digest: String,
}

impl ModelRegistry {
    /// A registry of `agents`.
    ///
    /// # Errors
    /// When a name is there twice or has control characters.
    pub fn new(mut agents: Vec<RegisteredAgent>) -> Result<Self, GatewayError> {
        let mut places = HashMap::with_capacity(agents.len());
        for (index, agent) in agents.iter_mut().enumerate() {
            agent.model = public_model_name(&agent.model).into_owned();
            let header = HeaderValue::from_bytes(agent.name.0.as_bytes())
                .map_err(|_| GatewayError::UnprintableAgent(agent.name.0.clone()))?;
            let digest = agent.card.digest(&agent.name, &agent.model, agent.context);
            if places.insert(agent.name.clone(), Place { index, header, digest }).is_some() {
                return Err(GatewayError::DuplicateAgent(agent.name.clone()));
            }
        }
        Ok(Self { agents, places, puller: None, events: EventStream::default() })
    }

    /// The registry, with what fetches models for clients that ask for it.
    #[must_use]
    pub fn with_puller(mut self, puller: Arc<dyn Puller>) -> Self {
        self.puller = Some(puller);
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

    /// What fetches models.
    pub(crate) fn puller(&self) -> Option<&Arc<dyn Puller>> {
        self.puller.as_ref()
    }

    /// The agents, in the order of the stack.
    pub fn agents(&self) -> &[RegisteredAgent] {
        &self.agents
    }

    /// The digest of `agent`; empty for one that is not here.
    pub(crate) fn digest(&self, agent: &AgentName) -> &str {
        self.places.get(agent).map_or("", |place| &place.digest)
    }

    /// The agent called `name` and its name as a header.
    pub(crate) fn find(
        &self,
        name: &AgentName,
    ) -> Result<(&RegisteredAgent, HeaderValue), Rejection> {
        let place = self.places.get(name).ok_or_else(|| Rejection::UnknownAgent {
            agent: name.clone(),
            known: self
                .agents
                .iter()
                .map(|agent| agent.name.0.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        Ok((&self.agents[place.index], place.header.clone()))
    }

    /// Each engine once, in the order of its first agent.
    pub(crate) fn engines(&self) -> Vec<&Arc<dyn Engine>> {
        let mut engines: Vec<&Arc<dyn Engine>> = Vec::new();
        for agent in &self.agents {
            if !engines.iter().any(|known| Arc::ptr_eq(known, &agent.engine)) {
                engines.push(&agent.engine);
            }
        }
        engines
    }
}
