//! Whether a plan can be started at all. A plan may come from a file that a person wrote.

use std::collections::BTreeSet;

use harmonic_types::{AgentName, Plan};

use crate::error::LaunchError;

/// Refuses a plan without engines, with an engine or an agent twice, or with agents and engines
/// that do not know each other.
pub(crate) fn check(plan: &Plan) -> Result<(), LaunchError> {
    let unsound = |reason: String| Err(LaunchError::Unsound { reason });
    if plan.engines.is_empty() {
        return unsound("it has no engines".to_owned());
    }
    let mut ids = BTreeSet::new();
    if let Some(twice) = plan.engines.iter().find(|engine| !ids.insert(&engine.id)) {
        return unsound(format!("the engine `{}` is in it twice", twice.id));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = plan.agents.iter().find(|agent| !names.insert(&agent.name)) {
        return unsound(format!("the agent `{}` is in it twice", twice.name));
    }
    for agent in &plan.agents {
        let Some(id) = &agent.engine else { continue };
        let engine = plan.engines.iter().find(|engine| engine.id == *id);
        if !engine.is_some_and(|engine| engine.agents.contains(&agent.name)) {
            return unsound(format!(
                "the agent `{}` says that the engine `{id}` serves it, and no such engine does",
                agent.name
            ));
        }
    }
    for engine in &plan.engines {
        let serves = |name: &AgentName| {
            plan.agents.iter().any(|a| a.name == *name && a.engine.as_ref() == Some(&engine.id))
        };
        if let Some(stray) = engine.agents.iter().find(|name| !serves(name)) {
            return unsound(format!("the engine `{}` serves `{stray}`, who does not", engine.id));
        }
    }
    Ok(())
}
