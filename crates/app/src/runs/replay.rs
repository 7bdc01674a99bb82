//! Replay of a recorded run without a model.
//!
//! The state machine is driven anew; agents, tools and people answer as they did. Stops, deaths of
//! the process and failed calls are left out, so the result is that of the undisturbed run.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::{RunChange, RunReplay};
use harmonic_gateway::RunsError;
use harmonic_journal::{Durability, Header, Limits, Store};
use harmonic_orchestrator::{
    Action, ApprovalId, CallId, CallSpec, Decision, Input, Run, ToolCallSpec, ToolFailure,
};
use harmonic_types::{ClientName, RunRecord, ToolOutput, ToolSpec};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::clock::{RunClock, unix_ms};
use super::driver::{Command, Driver, DriverParts, Past};
use super::entry::{Entry, JournalledRun, Opened};
use super::journal_writer::{JournalWriter, write};
use super::new_run::refused;
use super::scripted_engine::ScriptedEngine;
use super::team::{RunTeam, TeamMember};
use super::tools::RunTools;
use super::updates::{Heard, Updates};

/// Whether answer, state, and the state and text of every task are the same.
fn is_same(recorded: &RunRecord, replayed: &RunRecord) -> bool {
    let tasks = |record: &RunRecord| {
        let tasks = record.tasks.iter();
        let shown = tasks.map(|task| (task.title.clone(), task.state, task.text.clone()));
        shown.collect::<Vec<_>>()
    };
    recorded.answer == replayed.answer
        && recorded.state == replayed.state
        && tasks(recorded) == tasks(replayed)
}

/// Replays a run; `folder` takes the journal of the replay.
pub(crate) async fn replay(
    journalled: JournalledRun,
    folder: &Path,
) -> Result<RunReplay, RunsError> {
    let (script, recorded) = Script::of(&journalled)?;
    let Opened { spec, stack, .. } = &journalled.opened;
    let members = spec.agents.iter().map(|agent| TeamMember {
        name: agent.name.clone(),
        tier: agent.tier,
        role: agent.role.clone(),
        prompt: agent.prompt.clone(),
        context: agent.context,
        parameters: agent.parameters,
        engine: Arc::new(script.engine.clone()),
    });
    let team = RunTeam::new(stack.clone(), members.collect(), spec.places);
    let team = Arc::new(team.ok_or_else(|| failed(&"the run has no agents"))?);
    let run = Run::new(spec.clone()).map_err(|error| refused(&error))?;
    let store = Store::open(folder, Limits::default()).map_err(|error| failed(&error))?;
    let header = Header::new(spec.id.clone(), journalled.owner.as_str(), unix_ms());
    let mut journal = store.create::<Entry>(header).map_err(|error| failed(&error))?;
    let opened = Entry::Opened(Box::new(journalled.opened.clone()));
    write(&mut journal, 0, &opened, Durability::Buffered).map_err(|error| failed(&error))?;
    // From zero, as the deadlines of the run are.
    let clock = RunClock::new(u64::MAX, 0);
    let updates = Arc::new(Updates::new(clock, None));
    let (commands, received) = mpsc::channel(1);
    let driver = Driver::new(
        DriverParts {
            run,
            journal: JournalWriter::new(journal),
            clock,
            team,
            tools: Arc::new(script.tools),
            energy: None,
            updates: Arc::clone(&updates),
            commands: received,
            gone: CancellationToken::new(),
            client: ClientName::default(),
            past: Past::default(),
        },
        Input::Started,
    );
    let people = people(Arc::clone(&updates), commands, script.decisions);
    tokio::select! {
        ended = driver.drive() => ended.map_err(|error| failed(&error))?,
        () = people => return Err(failed(&"the replay lost its updates")),
    }
    let id = spec.id.clone();
    let recovered = store.read(&id).map_err(|error| failed(&error))?;
    let again = JournalledRun::of(recovered, |artifact| store.artifact(&id, artifact));
    let again = again.map_err(|error| failed(&error))?;
    let (_, replayed) = Script::of(&again)?;
    let same = is_same(&recorded, &replayed);
    Ok(RunReplay { schema: RunReplay::SCHEMA.to_owned(), same, recorded, replayed })
}

/// Answers questions as people did, the others not at all.
async fn people(
    updates: Arc<Updates>,
    commands: mpsc::Sender<Command>,
    decisions: BTreeMap<ApprovalId, Decision>,
) {
    let mut listener = updates.listen(0);
    while let Some(heard) = listener.next().await {
        let Heard::Updates(updates) = heard else { continue };
        for update in updates {
            let RunChange::Asked { approval } = &update.change else {
                continue;
            };
            let Some(decision) = decisions.get(&approval.id) else { continue };
            let (reply, _taken) = oneshot::channel();
            let command = Command::Decide {
                approval: approval.id,
                decision: *decision,
                may_approve_commands: true,
                reply,
            };
            if commands.send(command).await.is_err() {
                return;
            }
        }
    }
}

fn failed(error: &dyn Display) -> RunsError {
    RunsError::Failed { message: format!("the run cannot be replayed: {error}") }
}

/// What agents, tools and people said in a run.
struct Script {
    engine: ScriptedEngine,
    tools: ScriptedTools,
    decisions: BTreeMap<ApprovalId, Decision>,
}

impl Script {
    /// The script of a run, and its record.
    fn of(journalled: &JournalledRun) -> Result<(Self, RunRecord), RunsError> {
        let spec = journalled.opened.spec.clone();
        let tools = ScriptedTools { specs: spec.tools.clone(), results: Mutex::default() };
        let mut script =
            Self { engine: ScriptedEngine::default(), tools, decisions: BTreeMap::new() };
        let mut run = Run::new(spec).map_err(|error| refused(&error))?;
        let mut calls: BTreeMap<CallId, Box<CallSpec>> = BTreeMap::new();
        let mut tool_calls: BTreeMap<CallId, Box<ToolCallSpec>> = BTreeMap::new();
        for (at_ms, input) in &journalled.inputs {
            match input {
                Input::Answered { call, answer } => {
                    if let Some(spec) = calls.remove(call) {
                        script.engine.record(&spec, Some(answer.clone()));
                    }
                }
                Input::ToolReturned { call, result } => {
                    if let Some(spec) = tool_calls.remove(call) {
                        script.tools.record(&spec, Ok(result.output.clone()));
                    }
                }
                Input::ToolFailed { call, failure } => {
                    if let Some(spec) = tool_calls.remove(call) {
                        script.tools.record(&spec, Err(failure.clone()));
                    }
                }
                Input::Decided { approval, decision } => {
                    script.decisions.insert(*approval, *decision);
                }
                _ => {}
            }
            for action in run.apply(*at_ms, input.clone()) {
                match action {
                    Action::Call { spec } => {
                        calls.insert(spec.call, spec);
                    }
                    Action::CallTool { spec } => {
                        tool_calls.insert(spec.call, spec);
                    }
                    _ => {}
                }
            }
        }
        for spec in calls.values() {
            script.engine.record(spec, None);
        }
        Ok((script, run.record()))
    }
}

type ToolResult = Result<ToolOutput, ToolFailure>;

/// Tools that return what they returned.
#[derive(Debug)]
struct ScriptedTools {
    specs: Vec<ToolSpec>,
    /// By tool and arguments, in their order.
    results: Mutex<BTreeMap<(String, String), VecDeque<ToolResult>>>,
}

impl ScriptedTools {
    fn record(&self, call: &ToolCallSpec, result: Result<ToolOutput, ToolFailure>) {
        let key = (call.tool.clone(), call.arguments.clone());
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.entry(key).or_default().push_back(result);
    }
}

impl RunTools for ScriptedTools {
    fn list(&self) -> Vec<ToolSpec> {
        self.specs.clone()
    }

    fn call(
        &self,
        name: String,
        arguments: String,
        _time: Duration,
        _bytes: u64,
        _cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = results.get_mut(&(name.clone(), arguments));
        let result = recorded.and_then(VecDeque::pop_front).unwrap_or_else(|| {
            let message = format!("the recorded run did not call `{name}` so");
            Err(ToolFailure::Refused { message })
        });
        futures::future::ready(result).boxed()
    }
}
