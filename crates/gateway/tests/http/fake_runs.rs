//! Runs in memory, whose state the tests set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::{self, BoxFuture, FutureExt};
use futures::stream::{self, StreamExt};
use harmonic_api::runs::{
    CreateRun, RunApproach, RunChange, RunReplay, RunRequest, RunSnapshot, RunSummary, RunTool,
    RunToolList, RunUpdate, ToolCallEvent, ToolCallOrder, ToolCallOutcome, ToolOfferer,
};
use harmonic_engine::{Admitted, Cancel, Generation};
use harmonic_gateway::{RunDelivery, RunEvents, RunOwner, Runs, RunsError, ToolCalls};
use harmonic_orchestrator::{Approval, ApprovalId, ApprovalSubject, CallId, Decision, TaskId};
use harmonic_types::{
    Event, FinishReason, Prompt, Request, RunBudget, RunId, RunRecord, RunSpent, RunState,
    RunToken, ToolEffects, Usage,
};
use tokio::sync::mpsc;

/// Runs by owner and id.
#[derive(Default)]
pub struct FakeRuns {
    runs: Mutex<HashMap<(RunOwner, RunId), Kept>>,
    /// Requests of clients, as they arrived.
    pub asked: Mutex<Vec<RunRequest>>,
    /// Tokens that tools know, as their clients said them.
    pub offered: Mutex<Vec<Option<RunToken>>>,
    /// What follows runs that do not end by themselves.
    pub generations: Mutex<Vec<mpsc::UnboundedSender<Event>>>,
}

struct Kept {
    record: RunRecord,
    approvals: Vec<Approval>,
    outcomes: Vec<ToolCallOutcome>,
}

/// Id of the `n`-th run.
pub fn id(n: usize) -> RunId {
    RunId(format!("run_01JABCDEFGHJKMNPQRSTVWXY{n:02}"))
}

fn tool(number: u64, tool: &str, effects: ToolEffects) -> Approval {
    Approval {
        id: ApprovalId(number),
        subject: ApprovalSubject::Tool {
            task: TaskId(1),
            call: CallId(number),
            tool: tool.to_owned(),
            arguments: "{}".to_owned(),
            effects,
        },
        deadline_ms: 600_000,
    }
}

impl FakeRuns {
    fn kept(&self) -> MutexGuard<'_, HashMap<(RunOwner, RunId), Kept>> {
        self.runs.lock().expect("no panic")
    }

    fn with<T>(
        &self,
        owner: RunOwner,
        id: &RunId,
        then: impl FnOnce(&mut Kept) -> Result<T, RunsError>,
    ) -> Result<T, RunsError> {
        match self.kept().get_mut(&(owner, id.clone())) {
            Some(kept) => then(kept),
            None => Err(RunsError::unknown_run(id.0.clone())),
        }
    }

    /// The state of a run.
    pub fn state(&self, owner: RunOwner, n: usize) -> RunState {
        self.with(owner, &id(n), |kept| Ok(kept.record.state.clone())).expect("a run")
    }
}

fn ready<T: Send + 'static>(
    result: Result<T, RunsError>,
) -> BoxFuture<'static, Result<T, RunsError>> {
    future::ready(result).boxed()
}

fn summary(kept: &Kept) -> RunSummary {
    RunSummary::of(&kept.record, kept.approvals.len())
}

/// Update of the call 1 with the id `id`.
pub fn text(id: u64, text: &str) -> RunUpdate {
    let (task, call, tokens) = (TaskId(1), CallId(1), 1);
    let change = RunChange::Text { task, call, text: text.to_owned(), tokens, answer: true };
    RunUpdate { id, at_ms: id * 10, change }
}

impl Runs for FakeRuns {
    fn create(
        &self,
        owner: RunOwner,
        request: RunRequest,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        let errors = [
            (
                "full",
                RunsError::Full {
                    message: "8 runs go on".to_owned(),
                    retry_after: Duration::from_secs(7),
                },
            ),
            ("unwilling", RunsError::NotAllowed { message: "not for this key".to_owned() }),
            (
                "invalid",
                RunsError::Invalid { field: "recipe".to_owned(), reason: "is unknown".to_owned() },
            ),
            (
                "stopping",
                RunsError::Unavailable {
                    message: "the server stops".to_owned(),
                    retry_after: Duration::ZERO,
                },
            ),
            ("broken", RunsError::Failed { message: "the disk is full".to_owned() }),
        ];
        if let Some((_, error)) = errors.into_iter().find(|(goal, _)| *goal == request.goal) {
            return ready(Err(error));
        }
        let mut kept = self.kept();
        let id = id(kept.len());
        let record = RunRecord {
            schema: RunRecord::SCHEMA.to_owned(),
            id: id.clone(),
            goal: request.goal.clone(),
            origin: "solo".to_owned(),
            started_ms: 1_790_000_000_000,
            state: RunState::WaitingForApproval,
            graph: None,
            tasks: Vec::new(),
            answer: None,
            budget: RunBudget::default(),
            spent: RunSpent::default(),
            parent: None,
            children: Vec::new(),
        };
        let approvals = vec![
            tool(1, "workspace.write", ToolEffects::Writing),
            tool(2, "run", ToolEffects::Running),
        ];
        let entry = Kept { record, approvals, outcomes: Vec::new() };
        let created = summary(&entry);
        kept.insert((owner, id), entry);
        self.asked.lock().expect("no panic").push(request);
        ready(Ok(created))
    }

    /// Ends with an answer at once, where the conversation says `done`, or never.
    fn answer(
        &self,
        owner: RunOwner,
        approach: RunApproach,
        request: Request,
    ) -> BoxFuture<'static, Result<(RunId, Generation), RunsError>> {
        let Prompt::Chat { messages, .. } = &request.prompt else { panic!("a conversation") };
        let goal = messages.last().expect("a message").text().into_owned();
        let is_done = goal == "done";
        let body = CreateRun { goal, ..CreateRun::default() };
        let wanted = RunRequest { approach, ..body.checked().expect("valid") };
        let created = self.create(owner.clone(), wanted);
        let created = created.now_or_never().expect("at once");
        let id = match created {
            Ok(created) => created.id,
            Err(error) => return ready(Err(error)),
        };
        let (sender, events) = mpsc::unbounded_channel();
        let event = |event| sender.send(event).expect("the receiver is here");
        event(Event::Reasoning { text: "Draft begins\n".to_owned() });
        event(Event::Text { text: "the ".to_owned(), logprobs: Vec::new() });
        if is_done {
            event(Event::Text { text: "answer".to_owned(), logprobs: Vec::new() });
            let usage = Usage { prompt_tokens: 5, completion_tokens: 3, cached_tokens: 2 };
            event(Event::Finished { reason: FinishReason::Stop, usage });
            let finished = self.with(owner, &id, |kept| {
                (kept.record.state, kept.record.answer) =
                    (RunState::Done, Some("the answer".to_owned()));
                Ok(())
            });
            finished.expect("a run");
        } else {
            self.generations.lock().expect("no panic").push(sender);
        }
        let admitted =
            Admitted { request: request.id, slot: 0, queued: Duration::ZERO, prompt_tokens: 0 };
        ready(Ok((id, Generation::new(admitted, events, Cancel::new(|| {})))))
    }

    fn list(
        &self,
        owner: RunOwner,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<RunSummary>, RunsError>> {
        let kept = self.kept();
        let own = kept.iter().filter(|((holder, _), _)| *holder == owner);
        let mut listed: Vec<RunSummary> = own.map(|(_, kept)| summary(kept)).collect();
        listed.sort_by(|one, other| other.id.cmp(&one.id));
        listed.truncate(limit);
        ready(Ok(listed))
    }

    fn show(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Arc<RunRecord>, RunsError>> {
        ready(self.with(owner, &id, |kept| Ok(Arc::new(kept.record.clone()))))
    }

    fn events(
        &self,
        owner: RunOwner,
        id: RunId,
        after: Option<u64>,
    ) -> BoxFuture<'static, Result<RunEvents, RunsError>> {
        let events = self.with(owner, &id, |kept| {
            let snapshot = RunSnapshot {
                id: 1,
                record: kept.record.clone(),
                approvals: kept.approvals.clone(),
                open: Vec::new(),
            };
            let snapshot = RunDelivery::Snapshot(Arc::new(snapshot));
            let update = |id| RunDelivery::Update(Arc::new(text(id, "hé\nllo")));
            let deliveries = match (kept.record.goal.as_str(), after) {
                ("slow", _) => vec![snapshot.clone(), RunDelivery::Lost(9), snapshot, update(11)],
                (_, None) => vec![snapshot, update(2), update(3)],
                (_, Some(last)) => (last + 1..=3).map(update).collect(),
            };
            let events = stream::iter(deliveries);
            Ok(if kept.record.goal == "endless" {
                events.chain(stream::pending()).boxed()
            } else {
                events.boxed()
            })
        });
        ready(events)
    }

    fn approvals(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Vec<Approval>, RunsError>> {
        ready(self.with(owner, &id, |kept| Ok(kept.approvals.clone())))
    }

    fn decide(
        &self,
        owner: RunOwner,
        id: RunId,
        approval: ApprovalId,
        decision: Decision,
        may_approve_commands: bool,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        ready(self.with(owner, &id, |kept| {
            let runs_a_command = approval == ApprovalId(2) && decision == Decision::Approved;
            if runs_a_command && !may_approve_commands {
                return Err(RunsError::NotAllowed { message: "not granted".to_owned() });
            }
            let before = kept.approvals.len();
            kept.approvals.retain(|open| open.id != approval);
            if kept.approvals.len() < before {
                Ok(())
            } else {
                Err(RunsError::unknown_approval(approval))
            }
        }))
    }

    fn stop(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        ready(self.with(owner, &id, |kept| {
            if kept.record.state == RunState::Stopped {
                return Err(RunsError::Conflict { message: "the run was stopped".to_owned() });
            }
            kept.record.state = RunState::Stopped;
            Ok(summary(kept))
        }))
    }

    fn resume(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        ready(self.with(owner, &id, |kept| {
            kept.record.state = RunState::Running;
            Ok(summary(kept))
        }))
    }

    fn replay(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunReplay, RunsError>> {
        ready(self.with(owner, &id, |kept| {
            let (schema, record) = (RunReplay::SCHEMA.to_owned(), kept.record.clone());
            Ok(RunReplay {
                schema,
                same: true,
                difference: None,
                recorded: record.clone(),
                replayed: record,
            })
        }))
    }

    fn remove(&self, owner: RunOwner, id: RunId) -> BoxFuture<'static, Result<(), RunsError>> {
        let gone = self.kept().remove(&(owner, id.clone()));
        ready(gone.map(drop).ok_or_else(|| RunsError::unknown_run(id.0)))
    }

    fn artifact(
        &self,
        owner: RunOwner,
        id: RunId,
        task: u32,
    ) -> BoxFuture<'static, Result<String, RunsError>> {
        ready(self.with(owner, &id, |_| match task {
            0 => Ok("<script>é</script>".to_owned()),
            other => Err(RunsError::unknown_artifact(other)),
        }))
    }

    fn tools(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunToolList, RunsError>> {
        ready(self.with(owner, &id, |_| {
            let tool = RunTool {
                name: "fs.read".to_owned(),
                description: "Reads.".to_owned(),
                effects: ToolEffects::ReadOnly,
                offered_by: ToolOfferer::Client,
            };
            Ok(RunToolList::new(vec![tool], Some(false)))
        }))
    }

    fn tool_calls(
        &self,
        owner: RunOwner,
        id: RunId,
        _: Option<String>,
        token: Option<RunToken>,
    ) -> BoxFuture<'static, Result<ToolCalls, RunsError>> {
        self.offered.lock().expect("no panic").push(token);
        ready(self.with(owner, &id, |_| {
            let call = ToolCallOrder {
                call: "c1".to_owned(),
                tool: "fs.read".to_owned(),
                arguments: "{}".to_owned(),
                time_ms: 60_000,
                max_bytes: 65_536,
            };
            let events = [
                ToolCallEvent::Tools { names: vec!["fs.read".to_owned()] },
                ToolCallEvent::Call(call),
                ToolCallEvent::Cancelled { call: "c1".to_owned() },
            ];
            Ok(stream::iter(events).boxed())
        }))
    }

    fn answer_tool_call(
        &self,
        owner: RunOwner,
        id: RunId,
        call: String,
        outcome: ToolCallOutcome,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        ready(self.with(owner, &id, |kept| {
            if call != "c1" {
                return Err(RunsError::unknown_tool_call(call));
            }
            if !kept.outcomes.is_empty() {
                let message = "call c1 has its answer".to_owned();
                return Err(RunsError::Conflict { message });
            }
            kept.outcomes.push(outcome);
            Ok(())
        }))
    }
}
