//! The branch of a director: once, the agent of a planned task may divide it among the team.

use harmonic_types::{TaskState, Tier, Tool};
use serde_json::Value;

use super::Run;
use super::node::{NodeWork, TaskNode, ToolState};
use crate::budget::Pressure;
use crate::call::TaskId;
use crate::graph::GraphRules;
use crate::schema::{Plan, branch_schema};

/// Name of the tool that divides a task.
pub(super) const SPLIT: &str = "team.split";
/// Tasks of a run, at most, with all branches and condensations.
const MOST_TASKS: usize = 512;

impl Run {
    /// The tool that divides the task, if its agent may: a director, once, in a plan, and not within
    /// another branch.
    pub(super) fn split_tool(&self, id: TaskId) -> Option<Tool> {
        let task = self.task(id);
        let NodeWork::Ask { agent, .. } = &task.work else { return None };
        let may = self.agent(agent).tier == Tier::Directors
            && self.graph.origin == "plan"
            && self.graph.is_complete
            && task.parent.is_none()
            && task.attempt == 0
            && self.budget.pressure() == Pressure::Low;
        may.then(|| Tool {
            name: SPLIT.to_owned(),
            description: Some(
                "Divides your task among the team, once. The last task's result becomes yours. Do \
                 not use it for what you can answer yourself."
                    .to_owned(),
            ),
            parameters: branch_schema(&self.spec).to_string(),
        })
    }

    /// Adds the tasks in `arguments` below the task, or tells what is wrong with them.
    pub(super) fn start_branch(&mut self, id: TaskId, arguments: &str) -> Result<(), String> {
        if self.task(id).branch.is_some() {
            return Err("the task was divided already".to_owned());
        }
        let most = self.spec.limits.tasks.min(self.spec.places.max(2));
        let rules = GraphRules { tasks: most, ..GraphRules::of(&self.spec) };
        let graph = Plan::parse_branch(arguments, most)
            .and_then(|graph| rules.check(&graph).map(|()| graph))
            .map_err(|errors| format!("the tasks cannot be done:\n{errors}"))?;
        let first = self.tasks.len();
        if first + graph.tasks.len() > MOST_TASKS {
            return Err("the run has too many tasks".to_owned());
        }
        let inputs = self.task(id).after.clone();
        let label = self.task(id).label.clone();
        for (at, task) in graph.tasks.iter().enumerate() {
            let id_of = |index: harmonic_types::TaskIndex| {
                TaskId(u32::try_from(first).unwrap_or(u32::MAX).saturating_add(index.0))
            };
            let label = format!("{label}.{}", at + 1);
            let mut node = TaskNode::of_graph(self.next_task(), label, task, id_of);
            if node.after.is_empty() {
                node.after.clone_from(&inputs);
            }
            node.parent = Some(id);
            self.tasks.push(node);
        }
        self.task_mut(id).branch = self.tasks.last().map(|task| task.id);
        Ok(())
    }

    /// Ends a task with the artifact of its branch, or reports the branch's failure to its agent.
    /// Whether anything changed.
    pub(super) fn finish_branch(&mut self, id: TaskId) -> bool {
        let Some(last) = self.task(id).branch else { return false };
        let is_open = |state: &ToolState| matches!(state, ToolState::Branch);
        let Some(at) = self.task(id).tool_steps.iter().position(|step| is_open(&step.state)) else {
            return false;
        };
        let branch = self.task(last);
        match (branch.state, branch.artifact.clone()) {
            (TaskState::Done, Some(artifact)) => {
                self.abandon(id);
                self.finish(id, artifact);
                true
            }
            (TaskState::Failed | TaskState::Skipped, _) => {
                let reason = branch.reason.clone().unwrap_or_else(|| "unknown cause".to_owned());
                let text = format!("The branch has failed: {reason}. Answer yourself.");
                self.settle_tool(id, at, text, true);
                true
            }
            _ => false,
        }
    }

    /// Skips what is unresolved of the branch of a task.
    pub(super) fn drop_branch(&mut self, id: TaskId) {
        for child in self.task_ids() {
            let task = self.task(child);
            if task.parent == Some(id) && !task.is_resolved() {
                self.resolve(child, TaskState::Skipped, Some("its branch was given up".to_owned()));
            }
        }
    }
}

/// `arguments` with the keys of all objects in order, so that equal calls are equal texts.
pub(super) fn canonical(arguments: &str) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
            }
            Value::Array(items) => items.into_iter().map(sorted).collect(),
            other => other,
        }
    }
    match serde_json::from_str(arguments) {
        Ok(value) => sorted(value).to_string(),
        Err(_) => arguments.trim().to_owned(),
    }
}
