//! Reading of task graphs: from files, which are held to the letter, and from plans of models,
//! whose order and spaces are put right.
//!
//! `Task` flattens its work, and serde lets unknown fields of flattened types pass: the fields are
//! checked here.

use harmonic_types::{Task, TaskGraph, TaskIndex, Work, did_you_mean};
use serde_json::{Map, Value};

use super::fault::{GraphErrors, GraphFault, shown};
use crate::limits::RunLimits;

/// Bytes of a graph.
const BYTES: usize = 1 << 20;

/// Fields that tasks of every kind have, and whether they must be there.
const COMMON: [(&str, bool); 4] =
    [("title", true), ("kind", true), ("after", false), ("max_tokens", false)];

const KINDS: [&str; 4] = ["ask", "vote", "check", "tool"];

/// Fields of the kind, and whether they must be there; `None` for no kind.
fn fields(kind: &str) -> Option<&'static [(&'static str, bool)]> {
    Some(match kind {
        "ask" => &[("agent", true), ("instruction", true)],
        "vote" => &[("agent", true), ("instruction", true), ("samples", true), ("judge", false)],
        "check" => &[("agent", true), ("instruction", true), ("of", true), ("rounds", true)],
        "tool" => &[("tool", true), ("arguments", true)],
        _ => return None,
    })
}

/// The graph in `json`, of at most [`RunLimits::MOST_TASKS`] tasks, with known fields only. It is not
/// checked against the agents and tools of a run.
///
/// # Errors
/// All that is not of the form.
pub fn read_graph(json: &str) -> Result<TaskGraph, GraphErrors> {
    graph(json, RunLimits::MOST_TASKS as usize)
}

/// The graph in `json`, of at most `most` tasks, with known fields only.
pub(super) fn graph(json: &str, most: usize) -> Result<TaskGraph, GraphErrors> {
    let whole =
        |field: &str, reason: String| GraphErrors::from(GraphFault::form(None, field, reason));
    if json.len() > BYTES {
        return Err(whole("graph", format!("has {} bytes: expected {BYTES} at most", json.len())));
    }
    let value: Value = serde_json::from_str(json)
        .map_err(|error| whole("graph", format!("invalid JSON: {error}")))?;
    let Value::Object(mut object) = value else {
        return Err(whole("graph", "expected an object with `schema` and `tasks`".to_owned()));
    };
    let known = ["schema", "tasks"];
    if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
        let meant = did_you_mean(key, known);
        return Err(whole(key, format!("unknown field{meant}: expected `schema` and `tasks`")));
    }
    match object.get("schema") {
        Some(Value::String(schema)) if schema == TaskGraph::SCHEMA => {}
        other => {
            let found = other.map_or("none".to_owned(), |value| shown(&value.to_string()));
            let expected = TaskGraph::SCHEMA;
            return Err(whole("schema", format!("invalid `{found}`: expected \"{expected}\"")));
        }
    }
    let Some(Value::Array(tasks)) = object.remove("tasks") else {
        return Err(whole("tasks", "expected an array of tasks".to_owned()));
    };
    if tasks.len() > most {
        return Err(whole("tasks", format!("{} tasks: expected {most} at most", tasks.len())));
    }
    let mut read = Vec::with_capacity(tasks.len());
    let mut faults = Vec::new();
    for (index, value) in tasks.into_iter().enumerate() {
        match task(index, value) {
            Ok(task) => read.push(task),
            Err(fault) => faults.push(fault),
        }
    }
    GraphErrors::of(faults)?;
    Ok(TaskGraph::new(read))
}

/// The task in `value`, with known fields only; nothing is put right.
fn task(index: usize, value: Value) -> Result<Task, GraphFault> {
    let Value::Object(object) = value else {
        return Err(GraphFault::form(Some(index), "task", "expected an object"));
    };
    check_fields(index, &object)?;
    // Of a flattened type, serde does not say which field it is.
    let wrong = object.iter().find(|(name, value)| !has_form(name, value));
    let field = wrong.map_or_else(|| "task".to_owned(), |(name, _)| name.clone());
    serde_json::from_value(Value::Object(object)).map_err(|error| {
        let reason = error.to_string().replace("u32", "a whole number from 0 to 4294967295");
        GraphFault::form(Some(index), &field, reason)
    })
}

/// Whether `value` has the type of the field `name`.
fn has_form(name: &str, value: &Value) -> bool {
    let is_number =
        |value: &Value| value.as_u64().is_some_and(|number| u32::try_from(number).is_ok());
    match name {
        "after" => value.as_array().is_some_and(|numbers| numbers.iter().all(is_number)),
        "samples" | "of" | "rounds" => is_number(value),
        "max_tokens" => value.is_null() || is_number(value),
        "judge" => value.is_null() || value.is_string(),
        "arguments" => true,
        _ => value.is_string(),
    }
}

/// The task in an element of a model's plan: the title in one line, `after` in order, with the task
/// that is checked among it.
pub(crate) fn plan_task(index: usize, json: &str) -> Result<Task, GraphFault> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| GraphFault::form(Some(index), "task", format!("invalid JSON: {error}")))?;
    let mut task = task(index, value)?;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let words: String = task.title.chars().map(plain).collect();
    task.title = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if task.title.is_empty() {
        task.title = format!("Task {}", index + 1);
    }
    task.title = task.title.chars().take(RunLimits::TITLE).collect();
    if let Work::Check { of, .. } = task.work {
        task.after.push(of);
    }
    task.after.sort_unstable();
    task.after.dedup();
    Ok(task)
}

fn check_fields(index: usize, object: &Map<String, Value>) -> Result<(), GraphFault> {
    let fault = |field: &str, reason: String| GraphFault::form(Some(index), field, reason);
    let kinds = KINDS.join(", ");
    let Some(kind) = object.get("kind") else {
        return Err(fault("kind", format!("missing: expected one of {kinds}")));
    };
    let own = kind.as_str().and_then(fields).ok_or_else(|| {
        let meant = did_you_mean(kind.as_str().unwrap_or_default(), KINDS);
        let found = shown(&kind.to_string());
        fault("kind", format!("invalid kind {found}{meant}: expected one of {kinds}"))
    })?;
    let known = || COMMON.iter().chain(own);
    for key in object.keys() {
        if !known().any(|(name, _)| name == key) {
            let meant = did_you_mean(key, known().map(|(name, _)| *name));
            let names: Vec<&str> = known().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            return Err(fault(key, format!("unknown field{meant}: expected {names}")));
        }
    }
    match known().find(|(name, required)| *required && !object.contains_key(*name)) {
        Some((name, _)) => Err(fault(name, format!("missing: add `{name}` to the task"))),
        None => Ok(()),
    }
}

/// Positions in order, each once, of `after`; used by checks.
pub(super) fn is_ascending(after: &[TaskIndex]) -> bool {
    after.is_sorted_by(|a, b| a < b)
}
