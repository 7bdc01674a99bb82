//! The task of the executive that writes a plan.

use std::fmt::Write as _;

use crate::graph::GraphErrors;
use crate::schema::PlanBounds;
use crate::spec::RunSpec;

/// Task of the planner. Bounds are not told: the grammar holds them.
pub(crate) fn planner_task(spec: &RunSpec, bounds: &PlanBounds, may_answer: bool) -> String {
    let mut task = String::new();
    task.push_str(
        "Plan how the team reaches the goal. Do not do the work. Write the plan as JSON, compact, \
         without line breaks.\n",
    );
    if may_answer {
        task.push_str(
            "If you can answer in a few sentences by yourself, write {\"mode\":\"answer\",\
             \"answer\":\"…\"}. Otherwise write {\"mode\":\"team\",\"tasks\":[…]}.\n",
        );
    } else {
        task.push_str("Write {\"mode\":\"team\",\"tasks\":[…]}.\n");
    }
    task.push_str(
        "Tasks count from 0. In `after`, a task names the earlier tasks whose results it reads; tasks \
         that need nothing of each other run at the same time. An agent sees the goal, its \
         instruction and those results, nothing else. The last task puts everything together: every \
         task must be read by a later one, and the last one's result is the answer.\n\
         Kinds: ask (one agent answers); vote (one agent answers several times, for questions with \
         one short answer); check (an agent accepts the result of the ask `of`, or sends it back)",
    );
    if bounds.has_tools {
        task.push_str("; tool (a tool is called, without an agent)");
    }
    task.push_str(".\nAgents:\n");
    for agent in &spec.agents {
        let _ = write!(task, "- {}: {}", agent.name, agent.role.trim());
        if !agent.tools.is_empty() {
            let _ = write!(task, " (tools: {})", agent.tools.join(", "));
        }
        task.push('\n');
    }
    if bounds.has_tools {
        task.push_str("Tools:\n");
        for tool in &spec.tools {
            let line = tool.description.lines().next().unwrap_or_default();
            let line: String = line.chars().take(160).collect();
            let _ = writeln!(task, "- {}: {line}", tool.name);
        }
    }
    task
}

/// Message to the planner about the faults of its plan.
pub(crate) fn repair(errors: &GraphErrors) -> String {
    format!("The plan cannot be done:\n{errors}\nWrite the whole plan again, without these faults.")
}
