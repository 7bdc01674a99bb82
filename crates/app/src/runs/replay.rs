//! Replay of a recorded run without a model.
//!
//! The state machine is driven anew, in the order and at the times of the journal. What an agent
//! answers is looked up by what it is asked now ([`ScriptedEngine`]); tools, people, timers, failures,
//! stops and deaths of the process come as they came. So the record is the same to the last figure,
//! budgets of tokens and time and retries included, as long as this version of the program decides
//! as the one that recorded it.
//!
//! Does not do: wait. The times are those of the journal.

use std::collections::{BTreeMap, BTreeSet};

use harmonic_api::runs::{RunReplay, RunSummary};
use harmonic_orchestrator::{
    Action, ApprovalId, CallId, CallSpec, Input, Run, RunSpec, SpecError, TimerId,
};

use super::entry::JournalledRun;
use super::scripted_engine::ScriptedEngine;

/// Replays a run. `ended` is what its driver wrote at its end, where that is there.
pub(crate) fn replay(
    journalled: &JournalledRun,
    ended: Option<&RunSummary>,
) -> Result<RunReplay, SpecError> {
    let JournalledRun { opened, inputs, .. } = journalled;
    let (script, recorded) = record(&opened.spec, inputs)?;
    let recorded = recorded.record();
    let (run, mut difference) = follow(&opened.spec, inputs, &script)?;
    let replayed = run.record();
    let differs = |what: &str| format!("{what} is another than that of the recorded run");
    if difference.is_none() && recorded != replayed {
        difference = Some(differs("the record"));
    }
    if difference.is_none()
        && let Some(ended) = ended
    {
        // Costs that were reported after that are in the record alone.
        let now = RunSummary { spent: ended.spent, ..RunSummary::of(&replayed, 0) };
        difference = (now != *ended).then(|| differs("the end"));
    }
    let (schema, same) = (RunReplay::SCHEMA.to_owned(), difference.is_none());
    Ok(RunReplay { schema, same, difference, recorded, replayed })
}

/// The run, and what its agents answered to what they were asked.
fn record(spec: &RunSpec, inputs: &[(u64, Input)]) -> Result<(ScriptedEngine, Run), SpecError> {
    let script = ScriptedEngine::default();
    let mut run = Run::new(spec.clone())?;
    let mut asked = Asked::default();
    for (at_ms, input) in inputs {
        if let Input::Answered { call, answer } = input
            && let Some(spec) = asked.agents.get(call)
        {
            script.record(spec, Some(answer.clone()));
        }
        asked.take(run.apply(*at_ms, input.clone()));
    }
    Ok((script, run))
}

/// The run that `script` and `inputs` give, and where they do not fit it.
fn follow(
    spec: &RunSpec,
    inputs: &[(u64, Input)],
    script: &ScriptedEngine,
) -> Result<(Run, Option<String>), SpecError> {
    let mut run = Run::new(spec.clone())?;
    let mut asked = Asked::default();
    for (number, (at_ms, input)) in inputs.iter().enumerate() {
        let input = match input {
            Input::Answered { call, .. } => asked.agents.get(call).and_then(|spec| {
                let answer = script.answer_to(spec).ok().flatten()?;
                Some(Input::Answered { call: *call, answer })
            }),
            input => asked.has_asked_for(input).then(|| input.clone()),
        };
        let Some(input) = input else {
            // The first entry opens the run.
            let entry = number + 2;
            let difference = format!(
                "this version of the program does not ask for what entry {entry} of the journal answers"
            );
            return Ok((run, Some(difference)));
        };
        asked.take(run.apply(*at_ms, input));
    }
    Ok((run, None))
}

/// All that a run has asked for so far. Answers may come late, when they count for the accounts
/// alone.
#[derive(Debug, Default)]
struct Asked {
    agents: BTreeMap<CallId, Box<CallSpec>>,
    tools: BTreeSet<CallId>,
    approvals: BTreeSet<ApprovalId>,
    timers: BTreeSet<TimerId>,
}

impl Asked {
    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Call { spec } => {
                    self.agents.insert(spec.call, spec);
                }
                Action::CallTool { spec } => {
                    self.tools.insert(spec.call);
                }
                Action::Ask { approval } => {
                    self.approvals.insert(approval.id);
                }
                Action::SetTimer { timer, .. } => {
                    self.timers.insert(timer);
                }
                Action::Cancel { .. } | Action::Withdraw { .. } | Action::Publish { .. } => {}
            }
        }
    }

    fn has_asked_for(&self, input: &Input) -> bool {
        match input {
            Input::PlanText { call, .. }
            | Input::Answered { call, .. }
            | Input::Failed { call, .. } => self.agents.contains_key(call),
            Input::ToolIntended { call }
            | Input::ToolReturned { call, .. }
            | Input::ToolFailed { call, .. } => self.tools.contains(call),
            Input::Decided { approval, .. } => self.approvals.contains(approval),
            Input::TimerFired { timer } => self.timers.contains(timer),
            Input::Started
            | Input::StartedBelow { .. }
            | Input::SpentBelow { .. }
            | Input::EndedBelow { .. }
            | Input::Stopped
            | Input::Resumed
            | Input::Cancelled { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
