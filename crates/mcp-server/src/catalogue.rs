//! The tools that clients see.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use schemars::JsonSchema;

use crate::arguments::{AskAgent, NoArguments, OneRun, RunTeam, schema};

/// What a client tells its model of this server.
pub(crate) const INSTRUCTIONS: &str = "A team of language models on the user's own machine. ask_agent \
asks one agent; run_team gives the whole team a goal, which it divides into tasks that it does at the \
same time. The agents see nothing of this conversation: say all that they need. Answers of small local \
models are to be checked.";

/// All tools, in the order in which they are listed.
pub(crate) fn tools() -> Vec<Tool> {
    vec![
        tool::<NoArguments>(
            "list_agents",
            "List agents",
            "Lists the agents of the team: name, what each is for, its model and its context in tokens.",
            reading(),
        ),
        tool::<AskAgent>(
            "ask_agent",
            "Ask an agent",
            "Asks one agent of the local team, and returns its answer.",
            computing(),
        ),
        tool::<RunTeam>(
            "run_team",
            "Run the team",
            "Gives the local team a goal. Its agents do the tasks of it at the same time, and the answers \
             are joined. Returns the answer and what it cost. With wait=false it returns the id of the \
             run at once.",
            computing(),
        ),
        tool::<OneRun>(
            "run_status",
            "State of a run",
            "Says how far a run is: its state, its tasks, and what it has cost so far.",
            reading(),
        ),
        tool::<OneRun>(
            "run_result",
            "Answer of a run",
            "Returns the answer of a run that has ended, and what it cost.",
            reading(),
        ),
        tool::<OneRun>(
            "run_stop",
            "Stop a run",
            "Stops a run. What it has done is kept, and its user can resume it.",
            computing().idempotent(true),
        ),
    ]
}

fn tool<T: JsonSchema>(
    name: &'static str,
    title: &str,
    description: &'static str,
    annotations: ToolAnnotations,
) -> Tool {
    Tool::new(name, description, Arc::new(schema::<T>()))
        .with_title(title)
        .with_annotations(annotations)
}

fn reading() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

/// Computes, and changes nothing of the user's.
fn computing() -> ToolAnnotations {
    ToolAnnotations::new().read_only(false).destructive(false).open_world(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_those_that_are_documented() {
        insta::assert_json_snapshot!(tools());
    }
}
