//! An engine that answers from what a run has recorded, without a model.
//!
//! Invariants: a request gets the answer that the same request got; one that was made several times
//! gets the answers in their order, and the last one from then on. A request that was never answered
//! waits until it is dropped; one that was never made is refused.
//!
//! Does not do: times. It answers at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_engine::{
    Admitted, AgentSlots, Allocation, Cancel, Capabilities, Drained, Engine, EngineError,
    EngineStatus, Forms, Generation, Health, Identity, ReslotError,
};
use harmonic_journal::ArtifactId;
use harmonic_orchestrator::{CallAnswer, CallSpec};
use harmonic_types::{AgentName, Event, Format, Prompt, Rejection, Request, Tokens};
use tokio::sync::mpsc;

/// Engine of recorded answers.
#[derive(Clone, Debug, Default)]
pub struct ScriptedEngine {
    answers: Arc<Mutex<BTreeMap<ArtifactId, VecDeque<CallAnswer>>>>,
}

impl ScriptedEngine {
    /// Records that `call` was made, and `answer`, where it has one.
    pub fn record(&self, call: &CallSpec, answer: Option<CallAnswer>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(key_of(call)).or_default().extend(answer);
    }

    /// The answer to `call`: `None` where it was made and not answered.
    ///
    /// # Errors
    /// It was never made.
    pub(crate) fn answer_to(&self, call: &CallSpec) -> Result<Option<CallAnswer>, Rejection> {
        self.next(&key_of(call), &call.agent)
    }

    fn answer(&self, request: &Request) -> Result<Option<CallAnswer>, Rejection> {
        let most = request.max_tokens.map_or(0, |tokens| tokens.0);
        let format = request.format.as_ref();
        let key = key(&request.agent.0, &request.prompt, format, request.seed, most);
        self.next(&key, &request.agent)
    }

    fn next(&self, key: &ArtifactId, agent: &AgentName) -> Result<Option<CallAnswer>, Rejection> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = answers.get_mut(key).ok_or_else(|| Rejection::Invalid {
            message: format!(
                "the recorded run did not ask {agent} this: the version of the program that \
                 recorded it makes other requests"
            ),
        })?;
        let answer =
            if recorded.len() > 1 { recorded.pop_front() } else { recorded.front().cloned() };
        Ok(answer)
    }
}

/// Key of a call, which is that of its request.
fn key_of(call: &CallSpec) -> ArtifactId {
    let format = call.json_schema.clone().map(Format::JsonSchema);
    let prompt = Prompt::Chat { messages: call.messages.clone(), tools: call.tools.clone() };
    key(&call.agent.0, &prompt, format.as_ref(), Some(call.seed), call.max_tokens)
}

/// What makes two requests the same.
fn key(
    agent: &str,
    prompt: &Prompt,
    format: Option<&Format>,
    seed: Option<u64>,
    max_tokens: u32,
) -> ArtifactId {
    let prompt = serde_json::to_string(prompt).unwrap_or_default();
    let format = format!("{format:?}");
    let parts = [agent, &prompt, &format, &format!("{seed:?} {max_tokens}")];
    // Lengths keep the parts apart.
    let text = parts.map(|part| format!("{}:{part}", part.len())).concat();
    ArtifactId::of(text.as_bytes())
}

/// The events of `answer`.
fn events(answer: CallAnswer) -> Vec<Event> {
    let mut events = Vec::new();
    if !answer.text.is_empty() {
        events.push(Event::Text { text: answer.text, logprobs: Vec::new() });
    }
    for (index, call) in (0_u32..).zip(answer.tool_calls) {
        events.push(Event::ToolCall { index, id: call.id, name: call.name });
        events.push(Event::ToolArguments { index, text: call.arguments });
    }
    events.push(Event::Finished { reason: answer.finish, usage: answer.usage });
    events
}

impl Engine for ScriptedEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let answer = self.answer(&request);
        async move {
            let Some(answer) = answer? else { return std::future::pending().await };
            let prompt_tokens = answer.usage.prompt_tokens;
            let (sender, received) = mpsc::unbounded_channel();
            for event in events(answer) {
                // The receiver is below.
                let _ = sender.send(event);
            }
            let queued = Duration::ZERO;
            let admitted = Admitted { request: request.id, slot: 0, queued, prompt_tokens };
            Ok(Generation::new(admitted, received, Cancel::new(|| {})))
        }
        .boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { forms: Forms::ALL, tools: true, own_system_turn: true, ..Capabilities::TEXT }
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        // Counts are in the specification of what is replayed.
        let message = format!("{} has no tokenizer: its answers are recorded", request.agent);
        futures::future::ready(Err(Rejection::Invalid { message }.into())).boxed()
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            id: "recorded".to_owned(),
            model: "recorded".to_owned(),
            kind: "recorded".to_owned(),
            identity: Identity::default(),
            capabilities: self.capabilities(),
            health: Health::Ready,
            allocation: Allocation::default(),
            sequences: 0,
            preparing: 0,
            agents: Vec::new(),
        }
    }

    fn reslot(&self, _slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn drain(&self, _grace: Duration) -> BoxFuture<'_, Drained> {
        futures::future::ready(Drained::default()).boxed()
    }
}
