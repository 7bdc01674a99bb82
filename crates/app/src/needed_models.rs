//! Models whose files a team needs on this machine: those of the agents that its plan keeps.
//!
//! Invariant: a model of which only the name is known here is needed, and so are all others of its
//! stack, since nothing can be planned without its shape.

use harmonic_models::ModelError;
use harmonic_types::{AgentName, Hardware, StackSpec};

use crate::error::{AppError, Result};
use crate::event::NoObserver;
use crate::plan;
use crate::settings::Settings;
use crate::team_request::TeamRequest;

/// Agents of a stack whose models are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Those that the plan for this machine keeps.
    Planned,
    /// All: settings are compared for one model after the other.
    Stack,
}

/// Models that a team needs, and agents that it does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededModels<'s> {
    /// Names of the models, in order of first use.
    pub names: Vec<&'s str>,
    /// Agents that the plan leaves out.
    pub left_out: Vec<AgentName>,
}

impl<'s> NeededModels<'s> {
    /// Models for the agents of `stack` that `need` says, planned with the models on this machine, or
    /// else as the catalog describes them.
    ///
    /// # Errors
    /// When a model is unknown, or the stack does not fit.
    pub fn of(
        stack: &'s StackSpec,
        team: &TeamRequest,
        need: Need,
        hardware: &Hardware,
        settings: &Settings,
    ) -> Result<Self> {
        let all = || Self { names: team.models_needed(stack), left_out: Vec::new() };
        // The plan that is started warns of documents that cannot be read.
        let plan = match plan::plan(hardware, stack, team, settings, &NoObserver) {
            Ok(plan) => plan,
            Err(AppError::Model(ModelError::NotStored(_))) => return Ok(all()),
            Err(error) => return Err(error),
        };
        if need == Need::Stack {
            return Ok(all());
        }
        let left_out = plan.agents.iter().filter(|agent| agent.engine.is_none());
        let left_out: Vec<AgentName> = left_out.map(|agent| agent.name.clone()).collect();
        let names = stack
            .models_of(|agent| team.needs_model(stack, agent) && !left_out.contains(&agent.name));
        Ok(Self { names, left_out })
    }
}
