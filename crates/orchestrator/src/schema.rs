//! The form of a plan for one run, as a JSON Schema, and the reading of a whole plan.
//!
//! Invariants: a task can name earlier tasks only; agents and tools are those of the run; lengths
//! and number come from the places in flight, the budget and the contexts.

use harmonic_types::{TaskGraph, ToolSpec};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::graph::{FaultKind, GraphErrors, GraphFault, plan_task};
use crate::limits::RunLimits;
use crate::prompt;
use crate::spec::{Approach, RunSpec};

/// Bounds of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanBounds {
    /// Tasks, at most; one at least.
    pub(crate) tasks: u32,
    /// Characters of an instruction.
    pub(crate) instruction: u32,
    /// Samples of a vote, at most; below 2 there are no votes.
    pub(crate) samples: u32,
    /// Tokens of the plan.
    pub(crate) max_tokens: u32,
    /// Whether tools may be named.
    pub(crate) has_tools: bool,
}

/// Tokens that the work of one task takes at least, beside what every prompt has.
const TASK_TOKENS: u32 = 256;
/// Tokens of one task's names and marks in a plan.
const TASK_FORM_TOKENS: u32 = 48;
/// Characters of a token, at least in practice.
const CHARACTERS_PER_TOKEN: u32 = 3;
/// Samples of a vote in a plan.
const PLAN_SAMPLES: u32 = 9;
/// Earlier tasks that one task of a plan may name.
const PLAN_AFTER: usize = 8;
/// Tools that a plan may name.
const PLAN_TOOLS: usize = 16;
/// Characters of an answer without a team.
const ANSWER: u32 = 4_000;

impl PlanBounds {
    /// Bounds of the plan of a run.
    pub(crate) fn of(spec: &RunSpec) -> Self {
        let least_context = spec.agents.iter().map(|agent| agent.context).min().unwrap_or(0);
        // An instruction takes a sixteenth of the smallest context at most.
        let instruction =
            (least_context / 32).saturating_mul(CHARACTERS_PER_TOKEN).clamp(80, 1_200);
        let per_task = instruction / CHARACTERS_PER_TOKEN + TASK_FORM_TOKENS;
        let executive = spec.agents.iter().find(|agent| agent.name == spec.executive);
        let free = executive
            .map_or(0, |agent| agent.context.saturating_sub(prompt::fixed_tokens(spec, agent)) / 2);
        // Two layers as wide as what can be in flight, and one task that joins them.
        let by_places = spec.places.saturating_mul(2).saturating_add(1).max(3);
        let by_context = free / per_task;
        let by_budget = spec.bounds().tokens.map_or(u32::MAX, |tokens| {
            let fixed = executive.map_or(0, |agent| prompt::fixed_tokens(spec, agent));
            let each = u64::from(fixed) + u64::from(TASK_TOKENS);
            u32::try_from(tokens / each.max(1)).unwrap_or(u32::MAX)
        });
        let most = spec.limits.tasks.min(RunLimits::MOST_TASKS);
        let tasks = by_places.min(by_context).min(by_budget).clamp(1, most.max(1));
        Self {
            tasks,
            instruction,
            samples: spec.places.min(PLAN_SAMPLES),
            max_tokens: tasks.saturating_mul(per_task).saturating_add(TASK_FORM_TOKENS),
            has_tools: !spec.tools.is_empty(),
        }
    }
}

/// JSON Schema of a plan for the run: an object with `mode` first, `team` or, where the executive
/// may answer alone, `answer`.
pub fn plan_schema(spec: &RunSpec) -> Value {
    let may_answer = matches!(spec.approach, Approach::Plan { may_answer: true, .. });
    let bounds = PlanBounds::of(spec);
    let team = object(&[("mode", json!({"const": "team"})), ("tasks", tasks(spec, &bounds))]);
    let mut schema = if may_answer {
        let answer = object(&[
            ("mode", json!({"const": "answer"})),
            ("answer", json!({"type": "string", "minLength": 1, "maxLength": ANSWER})),
        ]);
        json!({"anyOf": [answer, team]})
    } else {
        team
    };
    schema["$defs"] = definitions(spec, &bounds);
    schema
}

/// JSON Schema of the tasks of a director's branch, as the parameters of a tool.
pub(crate) fn branch_schema(spec: &RunSpec) -> Value {
    let bounds = PlanBounds::of(spec);
    let mut schema = object(&[("tasks", tasks(spec, &bounds))]);
    schema["$defs"] = definitions(spec, &bounds);
    schema
}

fn definitions(spec: &RunSpec, bounds: &PlanBounds) -> Value {
    let agents: Vec<&str> = spec.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    json!({
        "title": {"type": "string", "minLength": 1, "maxLength": RunLimits::TITLE.min(60)},
        "agent": {"enum": agents},
        "instruction": {"type": "string", "minLength": 1, "maxLength": bounds.instruction}
    })
}

fn tasks(spec: &RunSpec, bounds: &PlanBounds) -> Value {
    let items: Vec<Value> = (0..bounds.tasks as usize).map(|i| task(spec, bounds, i)).collect();
    json!({"type": "array", "minItems": 1, "prefixItems": items, "items": false})
}

/// Schema of the task at `position`, one alternative for each kind.
fn task(spec: &RunSpec, bounds: &PlanBounds, position: usize) -> Value {
    let definition = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let earlier: Vec<usize> = (0..position).collect();
    let after = if earlier.is_empty() {
        json!({"type": "array", "maxItems": 0})
    } else {
        let most = earlier.len().min(PLAN_AFTER);
        json!({"type": "array", "items": {"enum": earlier}, "maxItems": most})
    };
    let of_kind = |kind: &str, fields: Vec<(&'static str, Value)>| {
        let mut all = vec![("title", definition("title")), ("kind", json!({"const": kind}))];
        all.extend(fields);
        all.push(("after", after.clone()));
        object(&all)
    };
    let asked = || vec![("agent", definition("agent")), ("instruction", definition("instruction"))];
    let mut kinds = vec![of_kind("ask", asked())];
    if bounds.samples >= 2 {
        let samples: Vec<u32> = (2..=bounds.samples).collect();
        let mut fields = asked();
        fields.push(("samples", json!({"enum": samples})));
        kinds.push(of_kind("vote", fields));
    }
    if !earlier.is_empty() {
        let rounds: Vec<u32> = (1..=RunLimits::ROUNDS).collect();
        let mut fields = asked();
        fields.push(("of", json!({"enum": earlier})));
        fields.push(("rounds", json!({"enum": rounds})));
        kinds.push(of_kind("check", fields));
    }
    for tool in spec.tools.iter().take(PLAN_TOOLS) {
        let fields = vec![("tool", json!({"const": tool.name})), ("arguments", arguments(tool))];
        kinds.push(of_kind("tool", fields));
    }
    json!({"anyOf": kinds})
}

/// Schema of a tool's arguments: its own, unless that refers to definitions, which do not lie where
/// they did. The arguments are checked before the call all the same.
fn arguments(tool: &ToolSpec) -> Value {
    fn refers(schema: &Value) -> bool {
        match schema {
            Value::Object(fields) => {
                fields.keys().any(|key| key.starts_with('$')) || fields.values().any(refers)
            }
            Value::Array(items) => items.iter().any(refers),
            _ => false,
        }
    }
    let is_object = tool.input_schema.get("type") == Some(&json!("object"));
    if is_object && !refers(&tool.input_schema) {
        tool.input_schema.clone()
    } else {
        json!({"type": "object"})
    }
}

fn object(fields: &[(&'static str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": false
    })
}

/// A plan, whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// The planner's own answer.
    Answer(String),
    /// Tasks for the team, not checked.
    Team(TaskGraph),
}

impl Plan {
    /// The plan in `text`, which has at most `most` tasks.
    pub(crate) fn parse(text: &str, most: u32) -> Result<Self, GraphErrors> {
        #[derive(Deserialize)]
        #[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
        enum Document {
            Answer { answer: String },
            Team { tasks: Vec<Value> },
        }
        let fault = |reason: String| {
            let kind = FaultKind::Form;
            GraphFault { kind, task: None, field: "plan".to_owned(), reason }
        };
        let document = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        match document {
            Document::Answer { answer } => Ok(Self::Answer(answer)),
            Document::Team { tasks } => Self::tasks(&tasks, most).map(Self::Team),
        }
    }

    /// The branch of a director in `arguments`.
    pub(crate) fn parse_branch(arguments: &str, most: u32) -> Result<TaskGraph, GraphErrors> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            tasks: Vec<Value>,
        }
        let document: Document = serde_json::from_str(arguments).map_err(|error| GraphFault {
            kind: FaultKind::Form,
            task: None,
            field: "tasks".to_owned(),
            reason: error.to_string(),
        })?;
        Self::tasks(&document.tasks, most)
    }

    fn tasks(tasks: &[Value], most: u32) -> Result<TaskGraph, GraphErrors> {
        let given = tasks.len();
        if given > most as usize {
            let reason = format!("{given} tasks: expected {most} at most");
            let field = "tasks".to_owned();
            return Err(GraphFault { kind: FaultKind::Form, task: None, field, reason }.into());
        }
        let read = tasks.iter().enumerate().map(|(i, task)| plan_task(i, &task.to_string()));
        Ok(TaskGraph::new(read.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests;
