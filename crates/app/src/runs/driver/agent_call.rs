//! One call of an agent, from its offer to its answer.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunChange;
use harmonic_engine::Generation;
use harmonic_orchestrator::{CallAnswer, CallFailure, CallPurpose, CallSpec, Input, RunClass};
use harmonic_types::{
    ClientName, Event, FinishReason, Format, Prompt, Rejection, Request, RequestClass, SpanKind,
    TaskSpan, Tokens, ToolCall, Usage,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::runs::clock::RunClock;
use crate::runs::energy::{EnergyShare, RunEnergy};
use crate::runs::request_ids;
use crate::runs::team::{TeamMember, request};
use crate::runs::updates::Updates;

/// Time until a retry where an engine does not say one.
const RETRY: Duration = Duration::from_secs(1);

/// A call of an agent.
pub(super) struct AgentCall {
    pub(super) spec: CallSpec,
    pub(super) member: TeamMember,
    pub(super) client: ClientName,
    /// Whether its text is the answer of the run.
    pub(super) is_answer: bool,
    pub(super) clock: RunClock,
    pub(super) updates: Arc<Updates>,
    pub(super) energy: Option<Arc<RunEnergy>>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) cancel: CancellationToken,
}

/// What has come of an answer.
#[derive(Debug, Default)]
struct Progress {
    text: String,
    tool_calls: Vec<ToolCall>,
    /// Events with text, each of one token at least.
    tokens: u32,
    prompt_tokens: u32,
    /// Text of a plan that was not reported yet.
    unreported: String,
    slot: u32,
    queued: (u64, u64),
    first_ms: Option<u64>,
}

/// How an answer ended.
enum End {
    Finished(FinishReason, Usage),
    Failed(CallFailure),
}

impl AgentCall {
    /// Makes the call, and reports what came of it.
    pub(super) async fn run(self) {
        let mut progress = Progress::default();
        let share = match &self.energy {
            Some(energy) => Some(energy.open().await),
            None => None,
        };
        let end = self.answer(&mut progress, share.as_ref()).await;
        let millijoules = match share {
            Some(share) => share.end().await,
            None => None,
        };
        let CallSpec { task, call, .. } = self.spec;
        let error = match &end {
            End::Finished(..) => None,
            End::Failed(failure) => Some(reason(failure)),
        };
        self.updates.send(RunChange::CallEnded { task, call, error });
        let input = match end {
            End::Finished(finish, usage) => {
                let spans = self.spans(&progress);
                let Progress { text, tool_calls, .. } = progress;
                let answer = CallAnswer { text, tool_calls, finish, usage, millijoules, spans };
                Input::Answered { call, answer }
            }
            End::Failed(failure) => {
                let usage = (progress.prompt_tokens > 0).then_some(Usage {
                    prompt_tokens: progress.prompt_tokens,
                    completion_tokens: progress.tokens,
                    cached_tokens: 0,
                });
                Input::Failed { call, failure, usage }
            }
        };
        // The driver has ended.
        let _ = self.inputs.send(input).await;
    }

    async fn answer(&self, progress: &mut Progress, share: Option<&EnergyShare>) -> End {
        let CallSpec { task, call, turn, .. } = self.spec;
        let agent = self.spec.agent.clone();
        self.updates.send(RunChange::Queued { task, call, agent, turn });
        let offered_ms = self.clock.now_ms();
        let submitted = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return End::Failed(CallFailure::Cancelled),
            submitted = self.member.engine.submit(self.request()) => submitted,
        };
        let mut generation = match submitted {
            Ok(generation) => generation,
            Err(rejection) => return End::Failed(failure(&rejection)),
        };
        let admitted = generation.admitted();
        progress.slot = admitted.slot;
        progress.prompt_tokens = admitted.prompt_tokens;
        progress.queued = (offered_ms, self.clock.now_ms());
        self.updates.send(RunChange::Granted { task, call, slot: admitted.slot });
        loop {
            let event = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return End::Failed(CallFailure::Cancelled),
                event = self.next(&mut generation) => event,
            };
            let Some(event) = event else { return End::Failed(CallFailure::Stalled) };
            if let Some(end) = self.take(event, progress, share).await {
                return end;
            }
        }
    }

    /// The next event; `None` where none came in time and the request is not waiting to resume.
    async fn next(&self, generation: &mut Generation) -> Option<Event> {
        let idle = Duration::from_millis(self.spec.idle_ms);
        loop {
            match tokio::time::timeout(idle, generation.next()).await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {
                    let message = "the engine stopped in the middle of the answer".to_owned();
                    return Some(Event::Failed { message });
                }
                Err(_) => {
                    let status = self.member.engine.status();
                    let is_preempted = |agent: &harmonic_engine::AgentUse| {
                        agent.agent == self.spec.agent && agent.preempted > 0
                    };
                    if !status.agents.iter().any(is_preempted) {
                        return None;
                    }
                }
            }
        }
    }

    async fn take(
        &self,
        event: Event,
        progress: &mut Progress,
        share: Option<&EnergyShare>,
    ) -> Option<End> {
        let counts = matches!(
            event,
            Event::Text { .. } | Event::Reasoning { .. } | Event::ToolArguments { .. }
        );
        if counts {
            progress.tokens += 1;
            progress.first_ms.get_or_insert_with(|| self.clock.now_ms());
            if let Some(share) = share {
                share.token();
            }
        }
        match event {
            Event::Text { text, .. } => {
                if !text.is_empty() {
                    progress.text.push_str(&text);
                    self.report_plan(&text, progress).await;
                    self.updates.send(RunChange::Text {
                        task: self.spec.task,
                        call: self.spec.call,
                        text,
                        tokens: progress.tokens,
                        answer: self.is_answer,
                    });
                }
                None
            }
            Event::Reasoning { .. } => None,
            Event::ToolCall { id, name, .. } => {
                progress.tool_calls.push(ToolCall { id, name, arguments: String::new() });
                None
            }
            Event::ToolArguments { text, .. } => {
                if let Some(last) = progress.tool_calls.last_mut() {
                    last.arguments.push_str(&text);
                }
                None
            }
            // The engine is being drained: it may come back.
            Event::Finished { reason: FinishReason::Cancelled, .. } => {
                Some(End::Failed(restarting(RETRY)))
            }
            Event::Finished { reason, usage } => Some(End::Finished(reason, usage)),
            Event::FormBroken { message } => Some(End::Failed(CallFailure::Form { message })),
            Event::Failed { .. } => Some(End::Failed(restarting(RETRY))),
        }
    }

    /// Reports the text of a plan, whenever an object in it may have closed.
    async fn report_plan(&self, text: &str, progress: &mut Progress) {
        if self.spec.purpose != CallPurpose::Plan {
            return;
        }
        progress.unreported.push_str(text);
        if text.contains('}') {
            let text = std::mem::take(&mut progress.unreported);
            let _ = self.inputs.send(Input::PlanText { call: self.spec.call, text }).await;
        }
    }

    fn request(&self) -> Request {
        let class = match self.spec.class {
            RunClass::Interactive => RequestClass::Interactive,
            RunClass::Background => RequestClass::Background,
        };
        let messages = self.spec.messages.clone();
        let request = request(&self.member, request_ids::next(), messages.clone(), class);
        Request {
            client: self.client.clone(),
            prompt: Prompt::Chat { messages, tools: self.spec.tools.clone() },
            seed: Some(self.spec.seed),
            max_tokens: Some(Tokens(self.spec.max_tokens)),
            ignore_eos: self.spec.ignore_eos,
            format: self.spec.json_schema.clone().map(Format::JsonSchema),
            ..request
        }
    }

    /// Its times, as far as it came.
    fn spans(&self, progress: &Progress) -> Vec<TaskSpan> {
        let (offered, admitted) = progress.queued;
        let end = self.clock.now_ms();
        let first = progress.first_ms.unwrap_or(end);
        let slot = Some(progress.slot);
        let spans = [
            TaskSpan { kind: SpanKind::Queued, from_ms: offered, to_ms: admitted, slot: None },
            TaskSpan { kind: SpanKind::Prefill, from_ms: admitted, to_ms: first, slot },
            TaskSpan { kind: SpanKind::Decode, from_ms: first, to_ms: end, slot },
        ];
        spans.into_iter().filter(|span| span.ms() > 0 || span.kind == SpanKind::Decode).collect()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn restarting(after: Duration) -> CallFailure {
    CallFailure::Restarting { retry_after_ms: milliseconds(after) }
}

/// What a failure is, for those who watch.
fn reason(failure: &CallFailure) -> String {
    match failure {
        CallFailure::Restarting { .. } => "the engine is restarting".to_owned(),
        CallFailure::Busy { .. } => "the queue of the agent is full".to_owned(),
        CallFailure::Stalled => "no token came in time".to_owned(),
        CallFailure::Cancelled => "it was cancelled".to_owned(),
        CallFailure::Form { message } | CallFailure::Refused { message } => message.clone(),
    }
}

/// What a rejection means for a run.
fn failure(rejection: &Rejection) -> CallFailure {
    match rejection {
        Rejection::QueueFull { retry_after, .. }
        | Rejection::FormsFull { retry_after, .. }
        | Rejection::FormsFailed { retry_after, .. } => {
            CallFailure::Busy { retry_after_ms: milliseconds(*retry_after) }
        }
        Rejection::Restarting { retry_after, .. } => restarting(*retry_after),
        Rejection::Draining => restarting(RETRY),
        Rejection::UnknownAgent { .. }
        | Rejection::PromptTooLong { .. }
        | Rejection::PromptBeyond { .. }
        | Rejection::InputTooLong { .. }
        | Rejection::Invalid { .. }
        | Rejection::EngineDied { .. } => CallFailure::Refused { message: rejection.to_string() },
    }
}
