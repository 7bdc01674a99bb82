//! Agents of a server under load.
//!
//! Invariants: a load does not mix engines, because the throughput of two engines that share a
//! machine is a curve of neither; only a load on the whole team does, and gives each agent requests
//! in proportion to its slots. Agents that compute embeddings take no part.

use harmonic_api::{Client, ClientError, EngineSlots};
use harmonic_bench::{Load, TargetDialect};
use harmonic_types::{AgentName, Plan, did_you_mean};

use super::BenchRequest;
use crate::error::{AppError, Result};

/// An engine and those of its agents under load, with their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchTarget {
    /// Index of the engine in the plan, or in the server's report.
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
        let agents = plan.generating().filter(|agent| of_engine(&agent.name));
        (engine.model.clone(), agents.map(|agent| (agent.name.clone(), agent.slots)).collect())
    });
    select(engines.collect(), wanted)
}

/// The engines of a server as it reports them, if it is one of ours; else each of its models alone.
///
/// # Errors
/// When an agent is absent, or the server cannot be reached.
pub async fn of_server(
    client: &Client,
    request: &BenchRequest,
) -> Result<(Vec<BenchTarget>, TargetDialect)> {
    if let Some(engines) = client.slots().await? {
        let targets = select(engines.into_iter().map(of_engine).collect(), &request.agents)?;
        return Ok((targets, TargetDialect::OpenAi));
    }
    let (models, dialect) = match client.models().await {
        Ok(models) => (models, TargetDialect::OpenAi),
        // No such path: perhaps the server has only Ollama's dialect.
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
    Ok((select(each.collect(), &request.agents)?, dialect))
}

fn of_engine(engine: EngineSlots) -> (String, Vec<(AgentName, u32)>) {
    let agents = engine.agents.into_iter().filter(|_| engine.capabilities.generation);
    let agents = agents.map(|agent| (AgentName(agent.agent), agent.slots));
    (engine.model, agents.collect())
}

type Engine = (String, Vec<(AgentName, u32)>);

fn select(engines: Vec<Engine>, wanted: &[AgentName]) -> Result<Vec<BenchTarget>> {
    let offered = || engines.iter().flat_map(|(_, agents)| agents).map(|(name, _)| name);
    if let Some(unknown) = wanted.iter().find(|name| !offered().any(|known| known == *name)) {
        let known: Vec<&str> = offered().map(|name| name.0.as_str()).collect();
        let meant = did_you_mean(&unknown.0, known.iter().copied());
        let message = format!("there is no agent `{unknown}` to measure{meant}");
        return Err(AppError::refused(message, format!("use one of {}", known.join(", "))));
    }
    let targets = engines.into_iter().enumerate().map(|(engine, (model, mut agents))| {
        agents.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
        BenchTarget { engine, model, agents }
    });
    Ok(targets.filter(|target| !target.agents.is_empty()).collect())
}

/// One load for each engine; for a whole team one load, with each agent's turns by its slots.
pub fn loads(targets: &[BenchTarget], team: bool) -> Vec<Load> {
    if team {
        let models: Vec<&str> = targets.iter().map(|target| target.model.as_str()).collect();
        let agents = targets.iter().flat_map(|target| target.agents.clone());
        let agents = turns(&agents.collect::<Vec<_>>());
        return vec![Load { agents, model: models.join(" + "), ..Load::default() }];
    }
    let load = |target: &BenchTarget| Load {
        agents: target.agents.iter().map(|(name, _)| name.clone()).collect(),
        model: target.model.clone(),
        ..Load::default()
    };
    targets.iter().map(load).collect()
}

/// Each agent as often as it has slots, spread evenly: the next turn goes to the agent with the
/// largest deficit.
fn turns(agents: &[(AgentName, u32)]) -> Vec<AgentName> {
    let total: i64 = agents.iter().map(|(_, slots)| i64::from(*slots)).sum();
    let mut deficits = vec![0_i64; agents.len()];
    let mut turns = Vec::new();
    for _ in 0..total {
        for (deficit, (_, slots)) in deficits.iter_mut().zip(agents) {
            *deficit += i64::from(*slots);
        }
        // The first of equals.
        let largest = (0..agents.len()).rev().max_by_key(|index| deficits[*index]);
        if let Some(next) = largest {
            deficits[next] -= total;
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
    fn each_engine_is_a_load_unless_the_whole_team_is_measured() {
        let engines = || {
            vec![
                ("small".to_owned(), vec![agent("executive", 2), agent("operator", 1)]),
                ("large".to_owned(), vec![agent("coder", 1)]),
            ]
        };
        let targets = select(engines(), &[]).unwrap();
        let models: Vec<String> =
            loads(&targets, false).into_iter().map(|load| load.model).collect();
        assert_eq!(models, ["small", "large"]);
        let [team] = &loads(&targets, true)[..] else { panic!("one load") };
        assert_eq!((team.model.as_str(), team.agents.len()), ("small + large", 4));
        let one = select(engines(), &["coder".into()]).unwrap();
        assert_eq!((one.len(), one[0].engine), (1, 1));
        let error = select(engines(), &["plumber".into()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no agent `plumber` to measure");
    }
}
