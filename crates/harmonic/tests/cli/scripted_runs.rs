//! A server with scripted runs, behind the real gateway.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::{self, BoxFuture, FutureExt};
use futures::stream::{self, StreamExt};
use harmonic_api::runs::{
    RunApproach, RunChange, RunReplay, RunRequest, RunSnapshot, RunSummary, RunToolList, RunUpdate,
    ToolCallOutcome,
};
use harmonic_engine::Generation;
use harmonic_gateway::{
    Access, Config, ModelRegistry, RunDelivery, RunEvents, RunOwner, Runs, RunsError, ToolCalls,
    bind, serve,
};
use harmonic_orchestrator::{
    Approval, ApprovalId, ApprovalSubject, CallId, Decision, RunEvent, TaskId,
};
use harmonic_types::{
    AgentName, Request, RunBudget, RunId, RunRecord, RunSpent, RunState, RunToken, SpanKind,
    TaskRecord, TaskSpan, TaskState, ToolEffects,
};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

/// Id of the one run.
pub const ID: &str = "run_01JABCDEFGHJKMNPQRSTVWXYZ0";

/// Text of the answer.
pub const ANSWER: &str = "Roses are red,\nand tests are green.\n";

/// Server of one run, which asks for an approval after its first events. Stops when dropped.
pub struct ScriptedServer {
    pub url: String,
    pub runs: Arc<ScriptedRuns>,
    _runtime: Runtime,
    _stop: oneshot::Sender<()>,
}

/// The run, and what was done to it.
pub struct ScriptedRuns {
    record: Mutex<RunRecord>,
    /// Answer of the person.
    decided: watch::Sender<Option<Decision>>,
    requests: Mutex<Vec<RunRequest>>,
    /// Whether it asks.
    asks: bool,
}

impl ScriptedServer {
    /// Server whose run asks a person, if it `asks`.
    pub fn start(asks: bool) -> Self {
        let runtime = Runtime::new().unwrap();
        let runs = Arc::new(ScriptedRuns {
            record: Mutex::new(record(asks)),
            decided: watch::Sender::new(None),
            requests: Mutex::default(),
            asks,
        });
        let models = ModelRegistry::new(Vec::new()).unwrap().with_runs(Arc::clone(&runs) as _);
        let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into())).unwrap();
        let url = format!("http://{}", listener.address());
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, models, Access::default(), Config::default(), stopped).await.unwrap();
        });
        Self { url, runs, _runtime: runtime, _stop: stop }
    }
}

/// Record of the run, which waits only where it asks.
fn record(asks: bool) -> RunRecord {
    let task = |title: &str, agent: &str, kind: &str, from: u64| TaskRecord {
        title: title.to_owned(),
        agent: (!agent.is_empty()).then(|| AgentName::from(agent)),
        kind: kind.to_owned(),
        state: TaskState::Done,
        spans: vec![TaskSpan {
            kind: SpanKind::Decode,
            from_ms: from,
            to_ms: from + 900,
            slot: Some(3),
        }],
        text: Some("text".to_owned()),
        spent: RunSpent {
            prompt_tokens: 90,
            cached_tokens: 60,
            output_tokens: 40,
            time_ms: 900,
            joules: None,
        },
    };
    RunRecord {
        schema: RunRecord::SCHEMA.to_owned(),
        id: RunId(ID.to_owned()),
        goal: "write a poem\nabout tests".to_owned(),
        origin: "recipe:split".to_owned(),
        started_ms: 1_790_000_000_000,
        state: if asks { RunState::Running } else { RunState::Done },
        graph: None,
        tasks: vec![
            task("Find rhymes for red, green and other colours", "analyst", "ask", 0),
            task("Keep the rhymes", "", "tool", 300),
            task("Write the poem", "writer", "ask", 900),
        ],
        answer: Some(ANSWER.trim_end().to_owned()),
        budget: RunBudget { tokens: Some(20_000), time_ms: Some(300_000), joules: None },
        spent: RunSpent {
            prompt_tokens: 270,
            cached_tokens: 180,
            output_tokens: 120,
            time_ms: 1_800,
            joules: None,
        },
        parent: None,
        children: Vec::new(),
    }
}

impl ScriptedRuns {
    fn record(&self) -> MutexGuard<'_, RunRecord> {
        self.record.lock().unwrap()
    }

    /// State of the run.
    pub fn state(&self) -> RunState {
        self.record().state.clone()
    }

    /// What was asked for.
    pub fn requests(&self) -> Vec<RunRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Answer of the person.
    pub fn decision(&self) -> Option<Decision> {
        *self.decided.borrow()
    }

    fn known<T: Send + 'static>(
        &self,
        id: &RunId,
        then: impl FnOnce(&mut RunRecord) -> T,
    ) -> BoxFuture<'static, Result<T, RunsError>> {
        let result = if id.0 == ID {
            Ok(then(&mut self.record()))
        } else {
            Err(RunsError::unknown_run(id.0.clone()))
        };
        future::ready(result).boxed()
    }

    fn open(&self) -> Vec<Approval> {
        if self.asks && self.decision().is_none() { vec![approval()] } else { Vec::new() }
    }
}

fn approval() -> Approval {
    Approval {
        id: ApprovalId(1),
        subject: ApprovalSubject::Tool {
            task: TaskId(2),
            call: CallId(2),
            tool: "workspace.write".to_owned(),
            arguments: "{\"path\": \"rhymes.txt\"}".to_owned(),
            effects: ToolEffects::Writing,
        },
        deadline_ms: 600_000,
    }
}

/// What happens before the question, and after it.
fn changes() -> (Vec<RunChange>, Vec<RunChange>) {
    let task = |id, title: &str, agent: &str, state| {
        let agent = (!agent.is_empty()).then(|| AgentName::from(agent));
        let kind = if agent.is_some() { "ask" } else { "tool" }.to_owned();
        let (task, title, reason) = (TaskId(id), title.to_owned(), None);
        RunChange::Run(RunEvent::Task { task, title, kind, agent, state, reason })
    };
    let queued = |id: u32, agent: &str| RunChange::Queued {
        task: TaskId(id),
        call: CallId(id.into()),
        agent: agent.into(),
        turn: 0,
    };
    let granted =
        |id: u32, slot| RunChange::Granted { task: TaskId(id), call: CallId(id.into()), slot };
    let text = |id: u32, text: &str, tokens, answer| RunChange::Text {
        task: TaskId(id),
        call: CallId(id.into()),
        text: text.to_owned(),
        tokens,
        answer,
    };
    let ended = |id: u32| RunChange::CallEnded {
        task: TaskId(id),
        call: CallId(id.into()),
        error: None,
        is_cut: false,
    };
    let (rhymes, keep, write) =
        ("Find rhymes for red, green and other colours", "Keep the rhymes", "Write the poem");
    let first = vec![
        task(1, rhymes, "analyst", TaskState::Running),
        queued(1, "analyst"),
        granted(1, 3),
        text(1, "red, bed,\n", 4, false),
        text(1, "green, seen", 7, false),
        ended(1),
        task(1, rhymes, "analyst", TaskState::Done),
        task(2, keep, "", TaskState::WaitingForApproval),
    ];
    let tool = RunChange::ToolCalled {
        task: TaskId(2),
        call: CallId(2),
        tool: "workspace.write".to_owned(),
        arguments: "{}".to_owned(),
    };
    let (lines, rest) = ANSWER.split_at(9);
    let second = vec![
        task(2, keep, "", TaskState::Running),
        tool,
        ended(2),
        task(2, keep, "", TaskState::Done),
        task(3, write, "writer", TaskState::Running),
        queued(3, "writer"),
        granted(3, 1),
        text(3, lines, 3, true),
        text(3, rest, 9, true),
        ended(3),
        task(3, write, "writer", TaskState::Done),
        RunChange::Run(RunEvent::Note { text: "an artifact was condensed".to_owned() }),
    ];
    (first, second)
}

impl Runs for ScriptedRuns {
    fn create(
        &self,
        _: RunOwner,
        request: RunRequest,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        self.requests.lock().unwrap().push(request);
        self.known(&RunId(ID.to_owned()), |record| RunSummary::of(record, 0))
    }

    fn answer(
        &self,
        _: RunOwner,
        _: RunApproach,
        _: Request,
    ) -> BoxFuture<'static, Result<(RunId, Generation), RunsError>> {
        let message = "the command line asks for no responses".to_owned();
        future::ready(Err(RunsError::NotAllowed { message })).boxed()
    }

    fn list(
        &self,
        _: RunOwner,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<RunSummary>, RunsError>> {
        let open = self.open().len();
        self.known(&RunId(ID.to_owned()), move |record| vec![RunSummary::of(record, open)])
    }

    fn show(
        &self,
        _: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Arc<RunRecord>, RunsError>> {
        self.known(&id, |record| Arc::new(record.clone()))
    }

    fn events(
        &self,
        _: RunOwner,
        id: RunId,
        _: Option<u64>,
    ) -> BoxFuture<'static, Result<RunEvents, RunsError>> {
        let mut decided = self.decided.subscribe();
        let asks = self.asks;
        self.known(&id, |record| {
            let mut record = record.clone();
            record.answer = None;
            let (mut first, second) = changes();
            let mut last = Vec::new();
            if asks {
                first.push(RunChange::Asked { approval: approval() });
            }
            last.extend(second);
            let snapshot = RunSnapshot { id: 0, record, approvals: Vec::new(), open: Vec::new() };
            let numbered = |from: u64, changes: Vec<RunChange>| {
                let update = move |(at, change)| {
                    let id = from + at as u64;
                    RunDelivery::Update(Arc::new(RunUpdate { id, at_ms: id * 100, change }))
                };
                changes.into_iter().enumerate().map(update).collect::<Vec<_>>()
            };
            let count = first.len() as u64;
            let before = [RunDelivery::Snapshot(Arc::new(snapshot))];
            let before = before.into_iter().chain(numbered(1, first));
            let after = stream::once(async move {
                let decision =
                    if asks { *decided.wait_for(Option::is_some).await.unwrap() } else { None };
                let decision = decision.map(|decision| {
                    let (approval, timed_out) = (ApprovalId(1), false);
                    RunChange::Run(RunEvent::Decided { approval, decision, timed_out })
                });
                let changes = decision.into_iter().chain(last).collect();
                stream::iter(numbered(count + 1, changes))
            });
            stream::iter(before).chain(after.flatten()).boxed()
        })
    }

    fn approvals(
        &self,
        _: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Vec<Approval>, RunsError>> {
        let open = self.open();
        self.known(&id, |_| open)
    }

    fn decide(
        &self,
        _: RunOwner,
        id: RunId,
        _: ApprovalId,
        decision: Decision,
        _: bool,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        let done = self.known(&id, |record| record.state = RunState::Done);
        self.decided.send_replace(Some(decision));
        done
    }

    fn stop(&self, _: RunOwner, id: RunId) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        self.known(&id, |record| {
            record.state = RunState::Stopped;
            RunSummary::of(record, 0)
        })
    }

    fn resume(&self, _: RunOwner, id: RunId) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        self.known(&id, |record| {
            record.state = RunState::Done;
            RunSummary::of(record, 0)
        })
    }

    fn replay(&self, _: RunOwner, id: RunId) -> BoxFuture<'static, Result<RunReplay, RunsError>> {
        self.known(&id, |record| {
            let (schema, recorded) = (RunReplay::SCHEMA.to_owned(), record.clone());
            let difference = Some("the record is another".to_owned());
            RunReplay { schema, same: false, difference, replayed: recorded.clone(), recorded }
        })
    }

    fn remove(&self, _: RunOwner, id: RunId) -> BoxFuture<'static, Result<(), RunsError>> {
        self.known(&id, |_| ())
    }

    fn artifact(
        &self,
        _: RunOwner,
        id: RunId,
        _: u32,
    ) -> BoxFuture<'static, Result<String, RunsError>> {
        self.known(&id, |_| "text".to_owned())
    }

    fn tools(&self, _: RunOwner, id: RunId) -> BoxFuture<'static, Result<RunToolList, RunsError>> {
        self.known(&id, |_| RunToolList::new(Vec::new(), None))
    }

    fn tool_calls(
        &self,
        _: RunOwner,
        id: RunId,
        _: Option<String>,
        _: Option<RunToken>,
    ) -> BoxFuture<'static, Result<ToolCalls, RunsError>> {
        self.known(&id, |_| stream::empty().boxed())
    }

    fn answer_tool_call(
        &self,
        _: RunOwner,
        id: RunId,
        _: String,
        _: ToolCallOutcome,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        self.known(&id, |_| ())
    }
}
