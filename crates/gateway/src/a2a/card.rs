//! Card of the team: its models are its skills.

use harmonic_api::a2a::{AgentCard, AgentSkill};

use crate::model_registry::ModelRegistry;

/// Card of the team of `models`, which answers at `url`.
pub(crate) fn card(models: &ModelRegistry, url: String) -> AgentCard {
    let skills = models.agents().iter().filter(|agent| agent.team.is_some());
    let skills = skills.map(|agent| AgentSkill {
        id: agent.name.0.clone(),
        name: agent.name.0.clone(),
        description: agent.role.clone(),
        tags: vec!["team".to_owned()],
    });
    let card = AgentCard::new(
        "Harmonic Stack",
        "A team of local agents: it divides a task, does its parts at the same time, and answers. \
         `skill` in the metadata of a message names a skill; without it, the team chooses.",
        env!("CARGO_PKG_VERSION"),
        url,
    );
    AgentCard { skills: skills.collect(), ..card }
}
