//! Whose figures an evaluation has.

use std::collections::BTreeMap;

use harmonic_api::Client;
use harmonic_types::AgentName;

use crate::engines;
use crate::error::{AppError, Result};

/// The team that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalSubject {
    /// Name of its stack; `None` for a server elsewhere.
    pub stack: Option<String>,
    /// sha256 of each agent's model file; `None` where the server does not state one.
    pub(super) models: Option<BTreeMap<AgentName, String>>,
    /// Whether an engine is simulated.
    pub(super) is_simulated: bool,
}

impl EvalSubject {
    /// The team of the server of `client`, which serves `stack`.
    ///
    /// # Errors
    /// When the server does not answer, or is none of ours.
    pub async fn of(client: &Client, stack: Option<String>) -> Result<Self> {
        let engines = client.slots().await?.ok_or_else(|| {
            let message = format!("{} does no runs", client.base_url());
            AppError::refused(message, "evaluate a team that `harmonic up` has started")
        })?;
        let builds = engines.iter().filter_map(|engine| engine.identity.build.as_deref());
        let is_simulated = builds.into_iter().any(engines::is_simulated);
        let asked = engines.iter().filter(|engine| engine.capabilities.generation);
        let models = asked.flat_map(|engine| {
            engine.agents.iter().map(|agent| {
                Some((AgentName(agent.agent.clone()), engine.identity.digest.clone()?))
            })
        });
        Ok(Self { stack, models: models.collect(), is_simulated })
    }
}
