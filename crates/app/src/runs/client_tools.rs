//! Tools that a client's own process offers to one run: their calls go to the client, and their
//! results come back from it.
//!
//! Invariants: a call is given to one listener, once; it has one outcome; one that was given and not
//! answered in time is unknown, one that was not given was not made; what waits is bounded by the
//! calls of the run.
//!
//! Does not do: check what the client says of its tools. They run with the client, who offers them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use harmonic_api::runs::{ToolCallEvent, ToolCallOrder, ToolCallOutcome};
use harmonic_gateway::{RunsError, ToolCalls};
use harmonic_orchestrator::ToolFailure;
use harmonic_tools::ArgumentSchema;
use harmonic_types::{ToolOutput, ToolSpec};
use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::tools::{RunTools, ToolRequest};

/// Time in which a client that is gone may come back, as after a broken connection, before its calls
/// fail. Our own choice.
pub(crate) const ABSENCE: Duration = Duration::from_secs(10);

/// Calls that have ended and are remembered, so that a second answer is told from one to a call that
/// never was.
const REMEMBERED: usize = 1024;

/// Tools of one client.
pub(crate) struct ClientTools {
    tools: BTreeMap<String, (ToolSpec, ArgumentSchema)>,
    state: Mutex<State>,
    /// Changes whenever a listener has something to read.
    changes: watch::Sender<()>,
    /// Since when nobody listens; `None` while somebody does.
    absent_since: watch::Sender<Option<Instant>>,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<String, OpenCall>,
    /// Calls that no listener was given, oldest first.
    waiting: VecDeque<String>,
    /// Calls that were given up, and their listener was not told.
    cancelled: VecDeque<String>,
    ended: VecDeque<String>,
    /// Number of the listener that gets the calls.
    listener: u64,
    /// The process that it is of, where it said so.
    process: Option<String>,
    next_call: u64,
}

struct OpenCall {
    order: ToolCallOrder,
    was_given: bool,
    outcome: oneshot::Sender<ToolCallOutcome>,
}

impl ClientTools {
    /// The tools that `specs` describe.
    ///
    /// # Errors
    /// Position and fault of a schema that arguments cannot be checked against.
    pub(crate) fn new(specs: &[ToolSpec]) -> Result<Arc<Self>, (usize, String)> {
        let compiled = specs.iter().enumerate().map(|(index, spec)| {
            let schema = ArgumentSchema::compile(&spec.input_schema);
            let schema = schema.map_err(|reason| (index, reason))?;
            Ok((spec.name.clone(), (spec.clone(), schema)))
        });
        Ok(Arc::new(Self {
            tools: compiled.collect::<Result<_, (usize, String)>>()?,
            state: Mutex::default(),
            changes: watch::Sender::new(()),
            absent_since: watch::Sender::new(Some(Instant::now())),
        }))
    }

    /// Whether the client offers the tool `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tools.contains_key(name)
    }

    /// Names of the tools.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tools.keys().cloned().collect()
    }

    /// Whether a client listens.
    pub(crate) fn is_connected(&self) -> bool {
        self.absent_since.borrow().is_none()
    }

    /// Resolves once no client has listened for [`ABSENCE`].
    pub(crate) async fn absence(&self) {
        let mut seen = self.absent_since.subscribe();
        loop {
            let since = *seen.borrow_and_update();
            let passed = async {
                match since {
                    Some(since) => sleep_until(since + ABSENCE).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                // Its sender lives as long as this does.
                _ = seen.changed() => {}
            }
        }
    }

    /// Resolves once a client listens.
    pub(crate) async fn presence(&self) {
        let mut seen = self.absent_since.subscribe();
        // Its sender lives as long as this does.
        let _ = seen.wait_for(Option::is_none).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls from the first reading on, to this listener alone. What the last one was given and
    /// has not answered is lost, unless both are of the same `process`.
    pub(crate) fn listen(self: &Arc<Self>, process: Option<String>) -> ToolCalls {
        let tools = Arc::clone(self);
        let first = ToolCallEvent::Tools { names: self.names() };
        // Not before it is read: a `HEAD` listens to nothing.
        let begun = stream::once(async move {
            let listener = Listener::new(tools, process);
            stream::iter([first]).chain(stream::unfold(Some(listener), Listener::next))
        });
        begun.flatten().boxed()
    }

    /// Takes what has come of a call.
    ///
    /// # Errors
    /// The call is unknown or has ended, or the result is too long; then the call stays open.
    pub(crate) fn answer(&self, call: &str, outcome: ToolCallOutcome) -> Result<(), RunsError> {
        let mut state = self.state();
        let Some(open) = state.calls.get(call).filter(|open| open.was_given) else {
            return Err(if state.ended.iter().any(|ended| ended == call) {
                let message = format!("call `{call}` has its answer, or its time is over");
                RunsError::Conflict { message }
            } else {
                RunsError::unknown_tool_call(call)
            });
        };
        if let ToolCallOutcome::Returned(output) = &outcome
            && output.text.len() as u64 > open.order.max_bytes
        {
            return Err(RunsError::Invalid {
                field: "text".to_owned(),
                reason: format!(
                    "has {} bytes, but may have at most {}: cut it, and say how much in `bytes_cut`",
                    output.text.len(),
                    open.order.max_bytes
                ),
            });
        }
        if let Some(open) = state.end(call) {
            // Who waited has given the call up.
            let _ = open.outcome.send(outcome);
        }
        Ok(())
    }

    /// Asks the client to make a call, and waits for what comes of it.
    async fn ask(&self, request: ToolRequest) -> Result<ToolOutput, ToolFailure> {
        let ToolRequest { tool, arguments, time, bytes, cancel } = request;
        let refused = |message: String| Err(ToolFailure::Refused { message });
        let Some((_, schema)) = self.tools.get(&tool) else {
            return refused(format!("unknown tool `{tool}`"));
        };
        let checked = serde_json::from_str::<Map<String, Value>>(&arguments)
            .map_err(|error| format!("not a JSON object: {error}"))
            .and_then(|arguments| schema.check(&arguments));
        if let Err(problem) = checked {
            return refused(format!("invalid arguments for `{tool}`: {problem}"));
        }
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (call, outcome) = self.open(tool.clone(), arguments, time_ms, bytes);
        // Whatever ends the wait ends the call.
        let open = GivenUp { tools: self, call };
        let why = tokio::select! {
            outcome = outcome => {
                return match outcome {
                    Ok(ToolCallOutcome::Returned(output)) => Ok(output),
                    Ok(ToolCallOutcome::Refused(message)) => refused(message),
                    Ok(ToolCallOutcome::Unknown(message)) => Err(ToolFailure::Unknown { message }),
                    Err(_) => Err(ToolFailure::Cancelled),
                };
            }
            () = cancel.cancelled() => None,
            () = sleep(time) => Some(format!(
                "`{tool}`, which a process of the client offers, did not answer within {} s",
                time.as_secs_f64()
            )),
            () = self.absence() => Some(format!(
                "`{tool}` is offered by a process of the client that is gone: `harmonic runs resume \
                 ID` with --tools or --workspace offers it again"
            )),
        };
        let was_given = open.end();
        Err(match why {
            None if was_given => {
                ToolFailure::Unknown { message: "it was cancelled while it ran".to_owned() }
            }
            None => ToolFailure::Cancelled,
            Some(message) if was_given => ToolFailure::Unknown { message },
            Some(message) => ToolFailure::Refused { message },
        })
    }

    /// Adds a call, and wakes the listener.
    fn open(
        &self,
        tool: String,
        arguments: String,
        time_ms: u64,
        max_bytes: u64,
    ) -> (String, oneshot::Receiver<ToolCallOutcome>) {
        let (outcome, received) = oneshot::channel();
        let mut state = self.state();
        state.next_call += 1;
        let call = call_id(state.next_call);
        let order = ToolCallOrder { call: call.clone(), tool, arguments, time_ms, max_bytes };
        state.waiting.push_back(call.clone());
        state.calls.insert(call.clone(), OpenCall { order, was_given: false, outcome });
        drop(state);
        self.changes.send_replace(());
        (call, received)
    }
}

impl State {
    /// Ends the calls that a process was given that offers its tools no more.
    fn lose_given(&mut self) {
        let given = self.calls.iter().filter(|(_, open)| open.was_given);
        for call in given.map(|(call, _)| call.clone()).collect::<Vec<_>>() {
            let Some(open) = self.end(&call) else { continue };
            let message = format!(
                "the process that made the call of `{}` is gone, and another one offers it",
                open.order.tool
            );
            // Who waited has given the call up.
            let _ = open.outcome.send(ToolCallOutcome::Unknown(message));
        }
        self.cancelled.clear();
    }

    /// Removes a call that has ended.
    fn end(&mut self, call: &str) -> Option<OpenCall> {
        let open = self.calls.remove(call)?;
        self.waiting.retain(|waiting| waiting != call);
        self.ended.push_back(call.to_owned());
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
        Some(open)
    }
}

/// Id of the call `number`. Its random part keeps it apart from those of an earlier process, which
/// a client may still answer.
fn call_id(number: u64) -> String {
    let mut random = [0; 8];
    match getrandom::fill(&mut random) {
        Ok(()) => format!("call_{number}_{}", hex::encode(random)),
        Err(_) => format!("call_{number}_{}", super::clock::unix_ms()),
    }
}

/// A call that is waited for; dropping it ends the call, and tells the client.
struct GivenUp<'a> {
    tools: &'a ClientTools,
    call: String,
}

impl GivenUp<'_> {
    /// Ends the call, and returns whether the client was given it.
    fn end(&self) -> bool {
        let mut state = self.tools.state();
        let Some(open) = state.end(&self.call) else { return false };
        if open.was_given {
            state.cancelled.push_back(self.call.clone());
            drop(state);
            self.tools.changes.send_replace(());
        }
        open.was_given
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A client that listens. Dropping it means that it is gone.
struct Listener {
    tools: Arc<ClientTools>,
    number: u64,
    changes: watch::Receiver<()>,
}

impl Listener {
    fn new(tools: Arc<ClientTools>, process: Option<String>) -> Self {
        let changes = tools.changes.subscribe();
        let mut state = tools.state();
        state.listener += 1;
        if process.is_none() || process != state.process {
            state.lose_given();
        }
        state.process = process;
        let number = state.listener;
        tools.absent_since.send_replace(None);
        drop(state);
        tools.changes.send_replace(());
        Self { tools, number, changes }
    }

    async fn next(this: Option<Self>) -> Option<(ToolCallEvent, Option<Self>)> {
        let mut this = this?;
        loop {
            // Before reading, so that what comes meanwhile wakes it.
            this.changes.mark_unchanged();
            match this.take() {
                Some(ToolCallEvent::Replaced) => return Some((ToolCallEvent::Replaced, None)),
                Some(event) => return Some((event, Some(this))),
                None => this.changes.changed().await.ok()?,
            }
        }
    }

    /// What it reads next.
    fn take(&self) -> Option<ToolCallEvent> {
        let mut state = self.tools.state();
        if state.listener != self.number {
            return Some(ToolCallEvent::Replaced);
        }
        if let Some(call) = state.cancelled.pop_front() {
            return Some(ToolCallEvent::Cancelled { call });
        }
        let call = state.waiting.pop_front()?;
        let open = state.calls.get_mut(&call)?;
        open.was_given = true;
        Some(ToolCallEvent::Call(open.order.clone()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let state = self.tools.state();
        if state.listener == self.number {
            self.tools.absent_since.send_replace(Some(Instant::now()));
        }
    }
}

impl RunTools for ClientTools {
    fn list(&self) -> Vec<ToolSpec> {
        self.tools.values().map(|(spec, _)| spec.clone()).collect()
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        self.ask(request).boxed()
    }

    fn is_of_owner(&self, name: &str) -> bool {
        self.has(name)
    }
}

#[cfg(test)]
mod tests;
