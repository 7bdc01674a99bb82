//! Filling the holes of a recipe.

use std::collections::BTreeMap;

use harmonic_types::{AgentName, Task, TaskGraph, TaskIndex, Tier, Work};
use serde_json::Value;
use toml::Spanned;

use super::document::{AmountDocument, DefaultDocument, RecipeDocument, TaskDocument};
use super::template::filled;
use super::{Recipe, RecipeError, RecipeValues, goal_parts};
use crate::agent::AgentProfile;
use crate::graph::GraphRules;
use crate::limits::RunLimits;

/// What a part is where the goal lists none.
const SIDE: &str = "what your role contributes to the goal that other roles do not";
/// Characters of a part in an instruction.
const PART: usize = 2_000;

pub(super) fn graph(recipe: &Recipe, values: &RecipeValues<'_>) -> Result<TaskGraph, RecipeError> {
    let document = &recipe.document;
    let filling = Filling {
        values,
        parts: if values.parts.is_empty() {
            goal_parts(values.goal)
        } else {
            values.parts.to_vec()
        },
        numbers: numbers(recipe, values)?,
        roles: roles(recipe, values)?,
    };
    let mut tasks: Vec<Task> = Vec::new();
    let mut positions: BTreeMap<&str, Vec<TaskIndex>> = BTreeMap::new();
    for task in document.tasks.iter().map(Spanned::get_ref) {
        let before = tasks.len();
        filling.add(task, &positions, &mut tasks);
        let added = (before..tasks.len()).filter_map(|at| u32::try_from(at).ok()).map(TaskIndex);
        positions.insert(task.id.get_ref(), added.collect());
        if tasks.len() > RunLimits::MOST_TASKS as usize {
            break;
        }
    }
    let graph = TaskGraph::new(tasks);
    let rules =
        GraphRules { agents: values.agents, tools: values.tools, tasks: RunLimits::MOST_TASKS };
    let errors = |errors| RecipeError::Graph { recipe: recipe.name.clone(), errors };
    rules.check(&graph).map_err(errors)?;
    Ok(graph)
}

/// Values of the numbers; those without a value and a default are not in it.
fn numbers(
    recipe: &Recipe,
    values: &RecipeValues<'_>,
) -> Result<BTreeMap<String, u32>, RecipeError> {
    let RecipeDocument { numbers, .. } = &recipe.document;
    let invalid = |name: &str, value: u32, expected: String| RecipeError::Number {
        recipe: recipe.name.clone(),
        name: name.to_owned(),
        value,
        expected,
    };
    for (name, value) in &values.numbers {
        if !numbers.contains_key(name) {
            let known: Vec<&str> = numbers.keys().map(String::as_str).collect();
            let expected = if known.is_empty() {
                "no number at all".to_owned()
            } else {
                format!("one of the numbers {}", known.join(", "))
            };
            return Err(invalid(name, *value, expected));
        }
    }
    let mut all = BTreeMap::new();
    for (name, number) in numbers {
        let number = number.get_ref();
        let range = number.min..=number.max;
        let value = match (values.numbers.get(name), number.default.as_ref().map(Spanned::get_ref))
        {
            (Some(value), _) if range.contains(value) => *value,
            (Some(value), _) => {
                let what =
                    number.description.as_deref().map_or(String::new(), |d| format!(" ({d})"));
                let expected = format!("{} to {}{what}", number.min, number.max);
                return Err(invalid(name, *value, expected));
            }
            (None, Some(DefaultDocument::Fixed(value))) => *value,
            (None, Some(DefaultDocument::Named(_))) => values.places.clamp(number.min, number.max),
            (None, None) => continue,
        };
        all.insert(name.clone(), value);
    }
    Ok(all)
}

/// Agents of each role, best first, one at least.
fn roles<'a>(
    recipe: &'a Recipe,
    values: &RecipeValues<'_>,
) -> Result<BTreeMap<&'a str, Vec<AgentName>>, RecipeError> {
    if values.agents.is_empty() {
        return Err(RecipeError::NoAgent { recipe: recipe.name.clone() });
    }
    let by_name = |name: &String| values.agents.iter().find(|agent| agent.name.0 == *name);
    let of_tier =
        |number: u8| values.agents.iter().filter(move |agent| agent.tier.number() == number);
    let mut roles: BTreeMap<&str, Vec<AgentName>> = BTreeMap::new();
    for (key, role) in &recipe.document.roles {
        let role = role.get_ref();
        let tiers = role.tiers.iter().map(|tier| *tier.get_ref());
        let mut agents: Vec<&AgentProfile> = role.agents.iter().filter_map(by_name).collect();
        agents.extend(tiers.flat_map(of_tier));
        if agents.is_empty() {
            let all = Tier::ALL.into_iter().map(Tier::number);
            agents.extend(all.flat_map(of_tier));
        }
        let mut names: Vec<AgentName> = Vec::new();
        for agent in agents {
            if !names.contains(&agent.name) {
                names.push(agent.name.clone());
            }
        }
        roles.insert(key, names);
    }
    for (key, role) in &recipe.document.roles {
        let Some(other) = &role.get_ref().other_than else { continue };
        let avoided =
            roles.get(other.get_ref().as_str()).and_then(|agents| agents.first()).cloned();
        let Some(agents) = roles.get_mut(key.as_str()) else { continue };
        // The one to be avoided comes last, and anybody else of the run before it.
        let rest = values.agents.iter().map(|agent| &agent.name);
        let more: Vec<AgentName> = rest.filter(|name| !agents.contains(name)).cloned().collect();
        if agents.iter().all(|name| Some(name) == avoided.as_ref()) {
            agents.extend(more);
        }
        agents.sort_by_key(|name| Some(name) == avoided.as_ref());
    }
    Ok(roles)
}

struct Filling<'a> {
    values: &'a RecipeValues<'a>,
    parts: Vec<String>,
    numbers: BTreeMap<String, u32>,
    roles: BTreeMap<&'a str, Vec<AgentName>>,
}

impl Filling<'_> {
    /// Parts of the tasks of `task`; `None` is one without a part.
    fn copies(&self, task: &TaskDocument) -> Vec<Option<&str>> {
        let Some(each) = &task.each else { return vec![None] };
        if each.get_ref() == "parts" && !self.parts.is_empty() {
            return self.parts.iter().map(|part| Some(part.as_str())).collect();
        }
        let number = task.or_each.as_ref().unwrap_or(each).get_ref();
        let copies = self.numbers.get(number).copied().unwrap_or(1);
        vec![Some(SIDE); copies.min(RunLimits::MOST_TASKS + 1) as usize]
    }

    fn add(
        &self,
        task: &TaskDocument,
        positions: &BTreeMap<&str, Vec<TaskIndex>>,
        tasks: &mut Vec<Task>,
    ) {
        let earlier = |id: &Spanned<String>| {
            positions.get(id.get_ref().as_str()).cloned().unwrap_or_default()
        };
        let mut after: Vec<TaskIndex> =
            task.after.iter().chain(&task.of).flat_map(earlier).collect();
        after.sort_unstable();
        after.dedup();
        let copies = self.copies(task);
        // A task that is one speaks of how many it reads.
        let count = if task.each.is_some() { copies.len() } else { after.len() };
        for (at, part) in copies.into_iter().enumerate() {
            let hole = |name: &str| match name {
                "part" => part.map(|part| part.chars().take(PART).collect()),
                "number" => Some((at + 1).to_string()),
                "count" => Some(count.to_string()),
                "goal" => Some(self.values.goal.chars().take(PART).collect()),
                number => self.numbers.get(number).map(u32::to_string),
            };
            let text = |text: &Option<Spanned<String>>| {
                text.as_ref().map_or_else(String::new, |text| filled(text.get_ref(), hole))
            };
            let title = filled(task.title.get_ref(), hole);
            let agent = self.agent(task.agent.as_ref(), at);
            let work = match task.kind.get_ref().as_str() {
                "vote" => Work::Vote {
                    agent,
                    instruction: text(&task.instruction),
                    samples: self.amount(task.samples.as_ref()).unwrap_or(2),
                    judge: task.judge.as_ref().map(|judge| self.agent(Some(judge), 0)),
                },
                "check" => Work::Check {
                    agent,
                    instruction: text(&task.instruction),
                    of: task
                        .of
                        .as_ref()
                        .map(earlier)
                        .and_then(|of| of.first().copied())
                        .unwrap_or(TaskIndex(0)),
                    rounds: self.amount(task.rounds.as_ref()).unwrap_or(1),
                },
                "tool" => Work::Tool {
                    tool: task
                        .tool
                        .as_ref()
                        .map_or_else(String::new, |tool| tool.get_ref().clone()),
                    arguments: task.arguments.as_ref().map_or_else(Default::default, |arguments| {
                        let fill = |(key, value): (&String, &Value)| {
                            (key.clone(), filled_value(value, &hole))
                        };
                        arguments.get_ref().iter().map(fill).collect()
                    }),
                },
                _ => Work::Ask { agent, instruction: text(&task.instruction) },
            };
            tasks.push(Task {
                title: one_line(&title),
                work,
                after: after.clone(),
                max_tokens: self.amount(task.max_tokens.as_ref()),
            });
        }
    }

    /// The agent of a role for the task `at`, in turns.
    fn agent(&self, role: Option<&Spanned<String>>, at: usize) -> AgentName {
        let agents = role.and_then(|role| self.roles.get(role.get_ref().as_str()));
        let turn = |agents: &Vec<AgentName>| agents.get(at % agents.len().max(1)).cloned();
        agents.and_then(turn).unwrap_or_else(|| AgentName(String::new()))
    }

    fn amount(&self, amount: Option<&Spanned<AmountDocument>>) -> Option<u32> {
        match amount?.get_ref() {
            AmountDocument::Fixed(value) => Some(*value),
            AmountDocument::Hole(hole) => self.numbers.get(hole).copied(),
        }
    }
}

fn filled_value(value: &Value, hole: &impl Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, hole)),
        Value::Array(items) => items.iter().map(|item| filled_value(item, hole)).collect(),
        Value::Object(fields) => {
            let fill = |(key, value): (&String, &Value)| (key.clone(), filled_value(value, hole));
            Value::Object(fields.iter().map(fill).collect())
        }
        other => other.clone(),
    }
}

fn one_line(title: &str) -> String {
    let line: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(RunLimits::TITLE).collect()
}
