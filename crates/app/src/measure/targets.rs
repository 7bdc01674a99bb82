//! Agents of a server that a load goes to.
//!
//! Invariants: unless the whole team is asked a load never mixes engines, because two engines that share a machine
//! are no curve of either; where it is, each agent is asked as often as it has slots.

use harmonic_api::{Client, ClientError, EngineSlots};
use harmonic_bench::{Load, TargetDialect};
use harmonic_types::{AgentName, Plan};

use super::BenchRequest;
use crate::error::{AppError, Result};

/// An engine and those of its agents that are asked, with their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchTarget {
    /// Its place in the plan, where there is one.
    pub engine: usize,
    pub model: String,
    pub agents: Vec<(AgentName, u32)>,
}

/// The engines of `plan` that serve one of the agents `wanted`; all where none is named.
///
/// # Errors
/// When an agent is not in the plan.
pub fn of_plan(plan: &Plan, wanted: &[AgentName]) -> Result<Vec<BenchTarget>> {
    let engines = plan.engines.iter().map(|engine| {
        let of_engine = |name: &AgentName| engine.agents.contains(name);
        let agents = plan.agents.iter().filter(|agent| of_engine(&agent.name));
        (engine.model.clone(), agents.map(|agent| (agent.name.clone(), agent.slots)).collect())
    });
    chosen(engines.collect(), wanted)
}

/// The engines of a server: of one of ours as it tells them, else each of its models for itself.
///
/// # Errors
/// When an agent is not there, or the server cannot be asked.
pub async fn of_server(
    client: &Client,
    request: &BenchRequest,
) -> Result<(Vec<BenchTarget>, TargetDialect)> {
    if let Some(engines) = client.slots().await? {
        let asked = chosen(engines.into_iter().map(of_engine).collect(), &request.agents)?;
        return Ok((asked, TargetDialect::OpenAi));
    }
    let (models, wire) = match client.models().await {
        Ok(models) => (models, TargetDialect::OpenAi),
        // No such path: perhaps it speaks Ollama's dialect alone.
        Err(ClientError::Status { status: 404 | 405, .. }) => {
            (client.ollama_models().await?, TargetDialect::Ollama)
        }
        Err(error) => return Err(error.into()),
    };
    if models.len() > 1 && request.agents.is_empty() && !request.whole_team {
        let what = format!("the server at {} offers {}", client.base_url(), models.join(", "));
        let hint = "name one with --agent, or ask all at once with --team";
        return Err(AppError::refused(what, hint));
    }
    let each = models.into_iter().map(|model| (model.clone(), vec![(AgentName(model), 1)]));
    Ok((chosen(each.collect(), &request.agents)?, wire))
}

fn of_engine(engine: EngineSlots) -> (String, Vec<(AgentName, u32)>) {
    let agents = engine.agents.into_iter().map(|agent| (AgentName(agent.agent), agent.slots));
    (engine.model, agents.collect())
}

type Engine = (String, Vec<(AgentName, u32)>);

fn chosen(engines: Vec<Engine>, wanted: &[AgentName]) -> Result<Vec<BenchTarget>> {
    let offered = || engines.iter().flat_map(|(_, agents)| agents).map(|(name, _)| name);
    if let Some(unknown) = wanted.iter().find(|name| !offered().any(|known| known == *name)) {
        let known: Vec<&str> = offered().map(|name| name.0.as_str()).collect();
        let message = format!("there is no agent `{unknown}` to measure");
        return Err(AppError::refused(message, format!("use one of {}", known.join(", "))));
    }
    let asked = engines.into_iter().enumerate().map(|(engine, (model, mut agents))| {
        agents.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
        BenchTarget { engine, model, agents }
    });
    Ok(asked.filter(|asked| !asked.agents.is_empty()).collect())
}

/// A load for each engine; of a whole team one, in which each agent's turns are its slots.
pub fn loads(targets: &[BenchTarget], team: bool) -> Vec<Load> {
    if team {
        let models: Vec<&str> = targets.iter().map(|asked| asked.model.as_str()).collect();
        let agents = targets.iter().flat_map(|asked| asked.agents.clone());
        let agents = turns(&agents.collect::<Vec<_>>());
        return vec![Load { agents, model: models.join(" + "), ..Load::default() }];
    }
    let load = |asked: &BenchTarget| Load {
        agents: asked.agents.iter().map(|(name, _)| name.clone()).collect(),
        model: asked.model.clone(),
        ..Load::default()
    };
    targets.iter().map(load).collect()
}

/// Each agent as often as it has slots, spread as evenly as can be: the next turn is the one of whom
/// most is owed.
fn turns(agents: &[(AgentName, u32)]) -> Vec<AgentName> {
    let total: i64 = agents.iter().map(|(_, slots)| i64::from(*slots)).sum();
    let mut owed = vec![0_i64; agents.len()];
    let mut turns = Vec::new();
    for _ in 0..total {
        for (owed, (_, slots)) in owed.iter_mut().zip(agents) {
            *owed += i64::from(*slots);
        }
        // Of equals the first.
        let most = (0..agents.len()).rev().max_by_key(|index| owed[*index]);
        if let Some(next) = most {
            owed[next] -= total;
            turns.push(agents[next].0.clone());
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, slots: u32) -> (AgentName, u32) {
        (AgentName::from(name), slots)
    }

    #[test]
    fn turns_follow_the_slots_and_do_not_bunch() {
        let agents = [agent("executive", 4), agent("coder", 2), agent("heavy", 1)];
        let turns = turns(&agents);
        let names: Vec<&str> = turns.iter().map(|name| name.0.as_str()).collect();
        assert_eq!(
            names,
            ["executive", "coder", "executive", "heavy", "executive", "coder", "executive"]
        );
    }

    #[test]
    fn engines_are_loads_of_their_own_unless_the_team_is_asked() {
        let engines = || {
            vec![
                ("small".to_owned(), vec![agent("executive", 2), agent("operator", 1)]),
                ("large".to_owned(), vec![agent("coder", 1)]),
            ]
        };
        let asked = chosen(engines(), &[]).unwrap();
        let models: Vec<String> = loads(&asked, false).into_iter().map(|load| load.model).collect();
        assert_eq!(models, ["small", "large"]);
        let [team] = &loads(&asked, true)[..] else { panic!("one load") };
        assert_eq!((team.model.as_str(), team.agents.len()), ("small + large", 4));
        let one = chosen(engines(), &["coder".into()]).unwrap();
        assert_eq!((one.len(), one[0].engine), (1, 1));
        let error = chosen(engines(), &["plumber".into()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no agent `plumber` to measure");
    }
}
