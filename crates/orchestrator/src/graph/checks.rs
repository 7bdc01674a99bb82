//! The checks of a task graph, of each task alone and of all together.

use std::collections::HashMap;

use harmonic_types::{AgentName, Task, TaskGraph, Work, did_you_mean};
use serde_json::Value;

use super::document::is_ascending;
use super::fault::{GraphErrors, GraphFault, shown};
use super::{GraphRules, normalised};
use crate::limits::RunLimits;

/// Bytes of a tool's arguments.
const ARGUMENT_BYTES: usize = 64 << 10;
/// Levels of a tool's arguments.
const ARGUMENT_DEPTH: usize = 32;

pub(super) fn graph(rules: &GraphRules<'_>, graph: &TaskGraph) -> Result<(), GraphErrors> {
    let whole = |field: &str, reason: String| Err(GraphFault::form(None, field, reason).into());
    if graph.schema != TaskGraph::SCHEMA {
        let (found, expected) = (shown(&graph.schema), TaskGraph::SCHEMA);
        return whole("schema", format!("invalid `{found}`: expected `{expected}`"));
    }
    let (tasks, most) = (graph.tasks.len(), rules.most_tasks());
    if !(1..=most).contains(&tasks) {
        return whole("tasks", format!("{tasks} tasks: expected 1 to {most}"));
    }
    let mut faults = Vec::new();
    for (index, task) in graph.tasks.iter().enumerate() {
        Checks { rules, index, task, faults: &mut faults }.all();
    }
    // What concerns several tasks makes sense only where all references are in range.
    if faults.is_empty() {
        checked_tasks(graph, &mut faults);
        duplicates(graph, &mut faults);
        unused(graph, &mut faults);
    }
    GraphErrors::of(faults)
}

pub(super) fn task(rules: &GraphRules<'_>, index: usize, task: &Task) -> Result<(), GraphErrors> {
    let mut faults = Vec::new();
    Checks { rules, index, task, faults: &mut faults }.all();
    GraphErrors::of(faults)
}

/// The checks of one task.
struct Checks<'a> {
    rules: &'a GraphRules<'a>,
    index: usize,
    task: &'a Task,
    faults: &'a mut Vec<GraphFault>,
}

impl Checks<'_> {
    fn form(&mut self, field: &str, reason: impl Into<String>) {
        self.faults.push(GraphFault::form(Some(self.index), field, reason));
    }

    fn sense(&mut self, field: &str, reason: impl Into<String>) {
        self.faults.push(GraphFault::sense(self.index, field, reason));
    }

    fn all(&mut self) {
        self.title();
        self.after();
        match &self.task.work {
            Work::Ask { agent, instruction } => self.instruction(agent, instruction),
            Work::Vote { agent, instruction, samples, judge } => {
                self.instruction(agent, instruction);
                self.within("samples", *samples, 2, RunLimits::SAMPLES);
                if let Some(judge) = judge {
                    self.agent("judge", judge);
                }
            }
            Work::Check { agent, instruction, of, rounds } => {
                self.instruction(agent, instruction);
                self.within("rounds", *rounds, 1, RunLimits::ROUNDS);
                if !self.task.after.contains(of) {
                    let of = of.0;
                    self.form("of", format!("task {of} is not in `after`: add {of} to `after`"));
                }
            }
            Work::Tool { tool, arguments } => self.tool(tool, arguments),
        }
        self.max_tokens();
    }

    fn title(&mut self) {
        let title = &self.task.title;
        if title.trim().is_empty() {
            self.form("title", "empty: expected a few words");
        } else if title.chars().any(char::is_control) {
            self.form("title", format!("invalid `{}`: expected one line", shown(title)));
        } else if title.len() > RunLimits::TITLE && title.chars().count() > RunLimits::TITLE {
            let most = RunLimits::TITLE;
            self.form(
                "title",
                format!("`{}` is too long: expected {most} characters", shown(title)),
            );
        }
    }

    fn after(&mut self) {
        for &earlier in &self.task.after {
            let (earlier, index) = (earlier.0 as usize, self.index);
            if earlier == index {
                self.form("after", format!("task {index} names itself: name earlier tasks only"));
                return;
            }
            if earlier > index {
                self.form(
                    "after",
                    format!(
                        "task {index} names task {earlier}, which comes later or not at all: \
                             name tasks before {index}, which count from 0"
                    ),
                );
                return;
            }
        }
        if !is_ascending(&self.task.after) {
            self.form("after", "expected each task once, in ascending order");
        }
    }

    fn agent(&mut self, field: &str, agent: &AgentName) {
        if self.rules.agent(agent).is_none() {
            let known: Vec<&str> = self.rules.agents.iter().map(|a| a.name.0.as_str()).collect();
            let meant = did_you_mean(&agent.0, known.iter().copied());
            let (name, known) = (shown(&agent.0), known.join(", "));
            self.form(field, format!("unknown agent `{name}`{meant}: expected one of {known}"));
        }
    }

    fn instruction(&mut self, agent: &AgentName, instruction: &str) {
        self.agent("agent", agent);
        let most = RunLimits::INSTRUCTION;
        if instruction.trim().is_empty() {
            self.sense("instruction", "empty: state what the agent is to do");
        } else if instruction.len() > most && instruction.chars().count() > most {
            self.form("instruction", format!("too long: expected {most} characters at most"));
        } else if let Some(profile) = self.rules.agent(agent) {
            let lacking =
                self.rules.tools.iter().find(|tool| {
                    !profile.tools.contains(&tool.name) && names(instruction, &tool.name)
                });
            if let Some(tool) = lacking {
                let able = self.rules.agents.iter().filter(|a| a.tools.contains(&tool.name));
                let able: Vec<&str> = able.map(|a| a.name.0.as_str()).collect();
                let able = if able.is_empty() {
                    "leave the tool out".to_owned()
                } else {
                    format!("give the task to {}", able.join(" or "))
                };
                let tool = &tool.name;
                self.sense("agent", format!("`{agent}` has no tool `{tool}`: {able}"));
            }
        }
    }

    fn tool(&mut self, tool: &str, arguments: &serde_json::Map<String, Value>) {
        let known = || self.rules.tools.iter().map(|tool| tool.name.as_str());
        if !known().any(|name| name == tool) {
            let meant = did_you_mean(tool, known());
            let all = match known().collect::<Vec<_>>() {
                none if none.is_empty() => "no tool, since the run has none".to_owned(),
                some => format!("one of {}", some.join(", ")),
            };
            self.form("tool", format!("unknown tool `{}`{meant}: expected {all}", shown(tool)));
        }
        if arguments.values().any(|value| !is_shallow(value, ARGUMENT_DEPTH)) {
            self.form("arguments", format!("nested too deep: expected {ARGUMENT_DEPTH} levels"));
        } else if serde_json::to_string(arguments).map_or(0, |json| json.len()) > ARGUMENT_BYTES {
            self.form("arguments", format!("too long: expected {ARGUMENT_BYTES} bytes at most"));
        }
    }

    fn max_tokens(&mut self) {
        let Some(tokens) = self.task.max_tokens else { return };
        let context = self.task.work.agent().and_then(|agent| self.rules.agent(agent));
        match context.map(|agent| agent.context) {
            Some(context) => self.within("max_tokens", tokens, 1, context),
            None if self.task.work.agent().is_none() => {
                self.form("max_tokens", "a tool has no tokens: leave it out");
            }
            None => {}
        }
    }

    fn within(&mut self, field: &str, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.form(field, format!("invalid `{value}`: expected {least} to {most}"));
        }
    }
}

/// Whether `text` names `tool`, as a word of its own.
fn names(text: &str, tool: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-".contains(c);
    text.match_indices(tool).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + tool.len()..]);
        !before.ends_with(|c| is_part(c) || c == '.') && !after.starts_with(is_part)
    })
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => false,
        Value::Array(items) => items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(fields) => fields.values().all(|field| is_shallow(field, levels - 1)),
        _ => true,
    }
}

/// A check is of an `ask`, which no other check is of.
fn checked_tasks(graph: &TaskGraph, faults: &mut Vec<GraphFault>) {
    let mut checked = HashMap::new();
    for (index, task) in graph.tasks.iter().enumerate() {
        let Work::Check { of, .. } = task.work else { continue };
        if !matches!(graph.tasks[of.0 as usize].work, Work::Ask { .. }) {
            let reason = format!("task {} is not of the kind ask: check an ask", of.0);
            faults.push(GraphFault::sense(index, "of", reason));
        } else if let Some(first) = checked.insert(of, index) {
            let reason = format!(
                "task {} is checked by task {first} already: put both conditions into one check",
                of.0
            );
            faults.push(GraphFault::sense(index, "of", reason));
        }
    }
}

fn duplicates(graph: &TaskGraph, faults: &mut Vec<GraphFault>) {
    let mut seen = HashMap::new();
    for (index, task) in graph.tasks.iter().enumerate() {
        let (who, what) = match &task.work {
            Work::Ask { agent, instruction }
            | Work::Vote { agent, instruction, .. }
            | Work::Check { agent, instruction, .. } => (agent.0.as_str(), normalised(instruction)),
            Work::Tool { tool, arguments } => {
                (tool.as_str(), serde_json::to_string(arguments).unwrap_or_default())
            }
        };
        if let Some(first) = seen.insert((who, what, &task.after), index) {
            let reason = format!(
                "the same as task {first}, by the same agent on the same inputs: leave one out, or \
                 use the kind vote"
            );
            faults.push(GraphFault::sense(index, "instruction", reason));
        }
    }
}

/// Every task is read on the way to the last one; a check is used where what it checks is.
fn unused(graph: &TaskGraph, faults: &mut Vec<GraphFault>) {
    let last = graph.tasks.len() - 1;
    let mut used = vec![false; graph.tasks.len()];
    used[last] = true;
    // A check lies behind what it checks, so it is found only once that is known to be used.
    loop {
        let before = used.iter().filter(|used| **used).count();
        for index in (0..=last).rev() {
            let task = &graph.tasks[index];
            if let Work::Check { of, .. } = task.work
                && used[of.0 as usize]
            {
                used[index] = true;
            }
            if used[index] {
                task.after.iter().for_each(|earlier| used[earlier.0 as usize] = true);
            }
        }
        if used.iter().filter(|used| **used).count() == before {
            break;
        }
    }
    for index in (0..last).filter(|index| !used[*index]) {
        let reason = format!("no later task uses task {index}: name it in the `after` of one");
        faults.push(GraphFault::sense(index, "after", reason));
    }
}
