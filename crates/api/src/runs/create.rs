//! Body of `POST /runs`.

use harmonic_orchestrator::{AskPolicy, RunClass, RunLimits, read_graph};
use harmonic_types::{Joules, RunBudget, RunToken, TaskGraph};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::tools::{ClientTool, RequestedTools};
use crate::checks::no_nul;
use crate::validation_error::ValidationError;

/// Longest name of a recipe, in bytes.
const MAX_RECIPE_NAME: usize = 64;

/// Body of `POST /runs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRun {
    /// What is to be done.
    pub goal: String,
    /// Material that all tasks read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<String>,
    /// How the tasks are found. Not with `recipe`, `recipe_toml` or `plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RunMode>,
    /// Name of a recipe of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// A recipe, as TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_toml: Option<String>,
    /// A task graph, `harmonic.task-graph/1`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "graph")]
    #[schemars(schema_with = "graph_schema")]
    pub plan: Option<TaskGraph>,
    /// Bounds over all tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetBody>,
    /// When a person is asked; `write` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "ask_schema")]
    pub ask: Option<AskPolicy>,
    /// Whether the run gives way to people's requests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// Names of tool sets of the server, whose tools the run may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Name of a workspace of the server, whose files the run may read and write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Tools that the client's own process offers: it reads the calls at
    /// `GET /runs/{id}/tool-calls`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_tools: Vec<ClientTool>,
    /// Seed of all sampling; at random if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Tokens of each answer of an `ask` or a `vote`, at most. A task whose own bound is smaller
    /// keeps it. The executive writes no plan for such a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub task_tokens: Option<u32>,
    /// Whether those answers go on past the model's end of turn, to exactly `task_tokens`
    /// (benchmarks). Refused where an engine cannot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_eos: bool,
}

/// Bounds of a run; an absent one is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetBody {
    /// Prompt tokens that are computed, and output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// Wall time while the run does not wait for a person, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub time_ms: Option<u64>,
    /// Energy of the machine beyond its idle power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub joules: Option<f64>,
}

/// How the tasks of a run are found, without a graph or a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// The server chooses: the executive decides whether the team is worth it, or, where its model
    /// is too small to plan, a recipe is done.
    #[default]
    Auto,
    /// The team.
    Team,
    /// One agent alone.
    Solo,
}

/// A run that is wanted; its values are in range.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRequest {
    /// What is to be done.
    pub goal: String,
    /// Material that all tasks read.
    pub brief: Option<String>,
    /// How the tasks are found.
    pub approach: RunApproach,
    /// Bounds.
    pub budget: RunBudget,
    /// When a person is asked.
    pub ask: AskPolicy,
    /// Priority class.
    pub class: RunClass,
    /// Tools.
    pub tools: RequestedTools,
    /// Seed; `None` chooses one at random.
    pub seed: Option<u64>,
    /// Length of the tasks' answers.
    pub length: AnswerLength,
    /// Token of the run from inside of which it is started: no field of the body, but a header.
    pub within: Option<RunToken>,
}

/// Length of the answers of a run's `ask` and `vote` tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerLength {
    /// As the tasks say, and the agents end them.
    #[default]
    Free,
    /// These tokens at most.
    AtMost(u32),
    /// Exactly these tokens, unless the task calls tools or has a smaller bound.
    Exactly(u32),
}

impl AnswerLength {
    /// Tokens of an answer, at most.
    pub fn most(self) -> Option<u32> {
        match self {
            Self::Free => None,
            Self::AtMost(tokens) | Self::Exactly(tokens) => Some(tokens),
        }
    }
}

/// How the tasks of a run are found.
#[derive(Clone, Debug, PartialEq)]
pub enum RunApproach {
    /// By the server.
    Mode(RunMode),
    /// By a recipe of the server, by its name.
    Recipe(String),
    /// By a recipe of the client, as TOML.
    RecipeText(String),
    /// They are given.
    Plan(TaskGraph),
}

/// A graph without unknown fields, which serde lets pass in its tasks.
fn graph<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TaskGraph>, D::Error> {
    let Some(value) = Option::<serde_json::Value>::deserialize(deserializer)? else {
        return Ok(None);
    };
    read_graph(&value.to_string()).map(Some).map_err(D::Error::custom)
}

impl CreateRun {
    /// The run that it asks for.
    ///
    /// # Errors
    /// When a value is out of range, or several fields say how the tasks are found.
    pub fn checked(self) -> Result<RunRequest, ValidationError> {
        text("goal", &self.goal)?;
        if let Some(brief) = &self.brief {
            text("brief", brief)?;
        }
        Ok(RunRequest {
            approach: self.approach()?,
            budget: self.budget.unwrap_or_default().checked()?,
            length: self.length()?,
            goal: self.goal,
            brief: self.brief,
            ask: self.ask.unwrap_or_default(),
            class: if self.background { RunClass::Background } else { RunClass::Interactive },
            tools: RequestedTools::checked(self.tools, self.workspace, self.client_tools)?,
            seed: self.seed,
            within: None,
        })
    }

    fn length(&self) -> Result<AnswerLength, ValidationError> {
        match (self.task_tokens, self.ignore_eos) {
            (Some(0), _) => {
                let reason = "must be above 0; leave it out for no bound";
                Err(ValidationError::value("task_tokens", reason))
            }
            (Some(tokens), true) => Ok(AnswerLength::Exactly(tokens)),
            (Some(tokens), false) => Ok(AnswerLength::AtMost(tokens)),
            (None, false) => Ok(AnswerLength::Free),
            (None, true) => {
                let reason = "requires `task_tokens`: an answer would never end";
                Err(ValidationError::value("ignore_eos", reason))
            }
        }
    }

    fn approach(&self) -> Result<RunApproach, ValidationError> {
        let named = [
            ("mode", self.mode.is_some()),
            ("recipe", self.recipe.is_some()),
            ("recipe_toml", self.recipe_toml.is_some()),
            ("plan", self.plan.is_some()),
        ];
        let mut named = named.into_iter().filter_map(|(name, is_set)| is_set.then_some(name));
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            return Err(ValidationError::value(
                second,
                format!("cannot be set beside `{first}`: one of them says how the tasks are found"),
            ));
        }
        if let Some(recipe) = &self.recipe {
            let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
            if recipe.is_empty() || recipe.len() > MAX_RECIPE_NAME || !recipe.chars().all(is_name) {
                return Err(ValidationError::value(
                    "recipe",
                    format!(
                        "must be the name of a recipe: 1 to {MAX_RECIPE_NAME} letters, digits, \
                         dashes and underscores"
                    ),
                ));
            }
            return Ok(RunApproach::Recipe(recipe.clone()));
        }
        if let Some(recipe) = &self.recipe_toml {
            text("recipe_toml", recipe)?;
            return Ok(RunApproach::RecipeText(recipe.clone()));
        }
        let Some(plan) = &self.plan else {
            return Ok(RunApproach::Mode(self.mode.unwrap_or_default()));
        };
        if plan.schema != TaskGraph::SCHEMA {
            let reason = format!("must be `{}`", TaskGraph::SCHEMA);
            return Err(ValidationError::value("plan.schema", reason));
        }
        let most = RunLimits::MOST_TASKS as usize;
        if plan.tasks.is_empty() || plan.tasks.len() > most {
            let reason = format!("has {} tasks, but must have 1 to {most}", plan.tasks.len());
            return Err(ValidationError::value("plan.tasks", reason));
        }
        Ok(RunApproach::Plan(plan.clone()))
    }
}

impl BudgetBody {
    fn checked(self) -> Result<RunBudget, ValidationError> {
        let zero = |field: &str| {
            let reason = "must be above 0; leave it out for no bound";
            Err(ValidationError::value(format!("budget.{field}"), reason))
        };
        if self.tokens == Some(0) {
            return zero("tokens");
        }
        if self.time_ms == Some(0) {
            return zero("time_ms");
        }
        if self.joules.is_some_and(|joules| !joules.is_finite() || joules <= 0.0) {
            return zero("joules");
        }
        let Self { tokens, time_ms, joules } = self;
        Ok(RunBudget { tokens, time_ms, joules: joules.map(Joules) })
    }
}

/// Refuses a text that says nothing, is too long, or that tokenizers would truncate.
fn text(field: &str, text: &str) -> Result<(), ValidationError> {
    if text.trim().is_empty() {
        return Err(ValidationError::value(field, "must not be empty"));
    }
    let most = RunLimits::GOAL;
    if text.len() > most {
        let reason = format!("has {} bytes, but may have at most {most}", text.len());
        return Err(ValidationError::value(field, reason));
    }
    no_nul(field, text)
}

fn graph_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "schema": {"const": TaskGraph::SCHEMA},
            "tasks": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["schema", "tasks"],
        "additionalProperties": false,
    })
}

fn ask_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "enum": [AskPolicy::Plan, AskPolicy::Write, AskPolicy::All, AskPolicy::Never],
    })
}
