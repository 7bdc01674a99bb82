//! What starts a run: the request of a client and what its server adds, made into a specification.

use std::collections::BTreeMap;

use harmonic_api::runs::{AnswerLength, RunApproach, RunMode, RunRequest};
use harmonic_eval::Chosen;
use harmonic_gateway::RunsError;
use harmonic_orchestrator::{
    AgentProfile, Approach, GraphRules, Lineage, Origin, Recipe, RecipeError, RecipeValues,
    RunLimits, RunSpec, SpecError,
};
use harmonic_types::{RunBudget, RunId, Task, TaskGraph, ToolSpec, Work};

use super::team::RunTeam;
use super::verdicts::{self, Verdicts};

/// Recipe that small models do instead of a plan, and that larger ones fall back to.
const DEFAULT_RECIPE: &str = "split";

/// A run that is wanted.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// What the client asks for.
    pub request: RunRequest,
    /// Whether it lives no longer than the request that it answers.
    pub is_attached: bool,
    /// Tokens of the answer, at most; `None` is as the tasks say. The executive writes no plan where
    /// they are bounded, since it would write the last task's, too.
    pub answer_tokens: Option<u32>,
}

impl From<RunRequest> for NewRun {
    fn from(request: RunRequest) -> Self {
        Self { request, is_attached: false, answer_tokens: None }
    }
}

/// What the server adds to a specification.
#[derive(Clone, Debug)]
pub(crate) struct ServerPart {
    pub(crate) id: RunId,
    pub(crate) started_ms: u64,
    pub(crate) seed: u64,
    pub(crate) tools: Vec<ToolSpec>,
    pub(crate) granted: Vec<String>,
    pub(crate) has_meter: bool,
    /// What evaluations have found of the team.
    pub(crate) verdicts: Verdicts,
    pub(crate) limits: RunLimits,
}

/// A specification, and why its tasks are found in this way, where the server chose.
#[derive(Debug)]
pub(crate) struct Specified {
    pub(crate) spec: RunSpec,
    pub(crate) note: Option<String>,
}

/// The specification of `new` for `team`.
pub(crate) async fn specify(
    team: &RunTeam,
    new: &NewRun,
    server: ServerPart,
) -> Result<Specified, RunsError> {
    let RunRequest { goal, brief, approach, budget, ask, class, length, .. } = &new.request;
    let names: Vec<String> = server.tools.iter().map(|tool| tool.name.clone()).collect();
    let agents = team.profiles(&names).await;
    let goal = team.counted(goal.clone()).await;
    let brief = match brief {
        Some(brief) => Some(team.counted(brief.clone()).await),
        None => None,
    };
    check_length(team, *length)?;
    let asked = Asked {
        team,
        agents: &agents,
        tools: &server.tools,
        goal: &goal.text,
        budget,
        verdicts: &server.verdicts,
    };
    let is_bounded = new.answer_tokens.is_some() || length.most().is_some();
    let (mut approach, note) = asked.approach(approach, is_bounded)?;
    if let Approach::Graph { graph, .. } = &mut approach {
        if let (Some(most), Some(writer)) = (new.answer_tokens, answer_writer(graph)) {
            bound(&mut graph.tasks[writer], most, &agents);
        }
        if let Some(most) = length.most() {
            for task in &mut graph.tasks {
                if matches!(task.work, Work::Ask { .. } | Work::Vote { .. }) {
                    bound(task, most, &agents);
                }
            }
        }
    }
    let spec = RunSpec {
        id: server.id,
        started_ms: server.started_ms,
        goal,
        brief,
        approach,
        agents,
        executive: team.executive().name.clone(),
        operator: team.operator().map(|operator| operator.name.clone()),
        tools: server.tools,
        granted: server.granted,
        ask: *ask,
        budget: *budget,
        has_meter: server.has_meter,
        class: *class,
        places: team.places,
        seed: server.seed,
        // Taken last, since it reserves a budget.
        lineage: Lineage::default(),
        ignore_eos: matches!(length, AnswerLength::Exactly(_)),
        limits: server.limits,
    };
    Ok(Specified { spec, note })
}

/// Bounds the answer of `task`, unless it is bounded more tightly: no further than the context of its
/// agent, which the graph's rules hold it to.
fn bound(task: &mut Task, most: u32, agents: &[AgentProfile]) {
    let of_task = agents.iter().find(|agent| task.work.agent() == Some(&agent.name));
    let most = of_task.map_or(most, |agent| most.min(agent.context));
    task.max_tokens = Some(task.max_tokens.map_or(most, |tokens| tokens.min(most)));
}

/// Position of the task that writes the answer of a graph: the last one, or the one that it checks;
/// `None` where a tool gives the answer.
pub(crate) fn answer_writer(graph: &TaskGraph) -> Option<usize> {
    let mut at = graph.tasks.len().checked_sub(1)?;
    loop {
        match &graph.tasks.get(at)?.work {
            Work::Ask { .. } | Work::Vote { .. } => return Some(at),
            Work::Tool { .. } => return None,
            Work::Check { of, .. } => {
                // A check reads an earlier task.
                at = usize::try_from(of.0).ok().filter(|of| *of < at)?;
            }
        }
    }
}

/// Refuses exact lengths where an engine of the team ends answers by itself.
fn check_length(team: &RunTeam, length: AnswerLength) -> Result<(), RunsError> {
    let cannot = team.members().iter().find(|member| !member.engine.capabilities().ignore_eos);
    match (length, cannot) {
        (AnswerLength::Exactly(_), Some(member)) => Err(RunsError::Invalid {
            field: "ignore_eos".to_owned(),
            reason: format!(
                "cannot be obeyed: the engine of {} cannot continue past the end of a turn; leave \
                 it out",
                member.name
            ),
        }),
        _ => Ok(()),
    }
}

/// What a client asks a team for.
struct Asked<'a> {
    team: &'a RunTeam,
    agents: &'a [AgentProfile],
    tools: &'a [ToolSpec],
    goal: &'a str,
    budget: &'a RunBudget,
    verdicts: &'a Verdicts,
}

impl Asked<'_> {
    fn approach(
        &self,
        approach: &RunApproach,
        is_bounded: bool,
    ) -> Result<(Approach, Option<String>), RunsError> {
        match approach {
            RunApproach::Mode(RunMode::Solo) => Ok((self.solo(), None)),
            RunApproach::Mode(mode) => self.chosen(*mode, is_bounded),
            RunApproach::Recipe(name) => {
                let recipe = Recipe::named(name).map_err(|error| invalid("recipe", &error))?;
                Ok((self.recipe(recipe, "recipe")?, None))
            }
            RunApproach::RecipeText(text) => {
                let recipe = Recipe::parse("recipe_toml", text);
                let recipe = recipe.map_err(|error| invalid("recipe_toml", &error))?;
                Ok((self.recipe(&recipe, "recipe_toml")?, None))
            }
            RunApproach::Plan(graph) => {
                let tasks = RunLimits::MOST_TASKS;
                let rules = GraphRules { agents: self.agents, tools: self.tools, tasks };
                rules.check(graph).map_err(|error| RunsError::Invalid {
                    field: "plan".to_owned(),
                    reason: format!("is not valid: {error}"),
                })?;
                Ok((Approach::Graph { graph: graph.clone(), origin: Origin::File }, None))
            }
        }
    }

    /// One task of the executive.
    fn solo(&self) -> Approach {
        let task = Task {
            title: "Answer".to_owned(),
            work: Work::Ask {
                agent: self.team.executive().name.clone(),
                instruction: "Reach the goal, and give the answer alone.".to_owned(),
            },
            after: Vec::new(),
            max_tokens: None,
        };
        Approach::Graph { graph: TaskGraph::new(vec![task]), origin: Origin::Solo }
    }

    /// The approach that the server chooses, and why.
    fn chosen(
        &self,
        mode: RunMode,
        is_bounded: bool,
    ) -> Result<(Approach, Option<String>), RunsError> {
        if mode == RunMode::Auto
            && let Some(choice) = self.verdicts.choose(self.goal, self.budget)
        {
            let note = Some(verdicts::note(&choice));
            return match choice.chosen {
                Chosen::Solo => Ok((self.solo(), note)),
                Chosen::Recipe(name) => {
                    let recipe = Recipe::named(&name).map_err(|error| invalid("mode", &error))?;
                    Ok((self.recipe(recipe, "mode")?, note))
                }
            };
        }
        let recipe = Recipe::named(DEFAULT_RECIPE).map_err(|error| invalid("mode", &error))?;
        let executive = self.agents.iter().find(|agent| agent.name == self.team.executive().name);
        let name = &self.team.executive().name;
        let planner = executive.filter(|agent| agent.can_plan() && !is_bounded);
        if planner.is_some() {
            let note = format!(
                "{name} writes the plan; the recipe `{DEFAULT_RECIPE}` is done where it is not valid"
            );
            let approach = Approach::Plan {
                may_answer: mode == RunMode::Auto,
                fallback: self.filled(recipe, "mode")?,
                recipe: DEFAULT_RECIPE.to_owned(),
            };
            return Ok((approach, Some(note)));
        }
        let parameters = executive.and_then(|agent| agent.parameters);
        let reason = match parameters {
            _ if is_bounded => "the answer is bounded in tokens".to_owned(),
            Some(count) => format!(
                "the model of {name} has {} million parameters, and plans are worth their tokens from {} million on",
                count / 1_000_000,
                AgentProfile::PLANNER_PARAMETERS / 1_000_000
            ),
            None => format!("the size of the model of {name} is not known"),
        };
        let note = format!("the recipe `{DEFAULT_RECIPE}` is done instead of a plan: {reason}");
        Ok((self.recipe(recipe, "mode")?, Some(note)))
    }

    fn recipe(&self, recipe: &Recipe, field: &str) -> Result<Approach, RunsError> {
        let origin = Origin::Recipe(recipe.name().to_owned());
        Ok(Approach::Graph { graph: self.filled(recipe, field)?, origin })
    }

    fn filled(&self, recipe: &Recipe, field: &str) -> Result<TaskGraph, RunsError> {
        let values = RecipeValues {
            parts: &[],
            goal: self.goal,
            agents: self.agents,
            tools: self.tools,
            places: self.team.places,
            numbers: BTreeMap::new(),
        };
        recipe.fill(&values).map_err(|error| invalid(field, &error))
    }
}

fn invalid(field: &str, error: &RecipeError) -> RunsError {
    RunsError::Invalid { field: field.to_owned(), reason: format!("cannot be done: {error}") }
}

/// The error of a specification that the state machine refuses.
pub(crate) fn refused(error: &SpecError) -> RunsError {
    match error {
        SpecError::Field { field, value, expected } => RunsError::Invalid {
            field: (*field).to_owned(),
            reason: format!("is `{value}`, expected {expected}"),
        },
        SpecError::Loop { .. } | SpecError::TooDeep { .. } | SpecError::NothingLeft { .. } => {
            RunsError::NotAllowed { message: error.to_string() }
        }
        SpecError::UnknownAgent { .. } | SpecError::Graph { .. } => {
            RunsError::Invalid { field: "plan".to_owned(), reason: error.to_string() }
        }
    }
}
