//! One call of an agent, from its offer to its answer.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunChange;
use harmonic_engine::Generation;
use harmonic_orchestrator::{CallAnswer, CallFailure, CallPurpose, CallSpec, Input, RunClass};
use harmonic_types::{
    ClientName, Event, FinishReason, Format, Prompt, Rejection, Request, RequestClass, Tokens,
    ToolCall, Usage,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::call_times::CallTimes;
use crate::runs::clock::RunClock;
use crate::runs::energy::{EnergyShare, RunEnergy};
use crate::runs::request_ids;
use crate::runs::slot_watch::{SlotChange, WatchedSlot};
use crate::runs::team::{RunTeam, TeamMember, request};
use crate::runs::updates::Updates;

/// Time until a retry where an engine does not say one.
const RETRY: Duration = Duration::from_secs(1);

/// A call of an agent.
pub(super) struct AgentCall {
    pub(super) spec: CallSpec,
    pub(super) member: TeamMember,
    pub(super) team: Arc<RunTeam>,
    pub(super) client: ClientName,
    /// Whether its text is the answer of the run.
    pub(super) is_answer: bool,
    /// Whether the run's tokens are bounded, so that the call must stay within what it reserved.
    pub(super) is_bounded: bool,
    pub(super) clock: RunClock,
    pub(super) updates: Arc<Updates>,
    pub(super) energy: Option<Arc<RunEnergy>>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) cancel: CancellationToken,
}

/// What has come of an answer.
#[derive(Debug)]
struct Progress {
    text: String,
    tool_calls: Vec<ToolCall>,
    /// Events with text, each of one token at least.
    tokens: u32,
    prompt_tokens: u32,
    /// Text of a plan that was not reported yet.
    unreported: String,
    times: CallTimes,
    /// Account of its energy, while it has a slot.
    share: Option<EnergyShare>,
}

/// How an answer ended.
enum End {
    Finished(FinishReason, Usage),
    Failed(CallFailure),
}

/// What a call hears of its engine.
enum Heard {
    Event(Event),
    Slot(SlotChange),
    /// No event came in time.
    Nothing,
}

impl AgentCall {
    /// Makes the call, and reports what came of it.
    pub(super) async fn run(self) {
        let mut progress = Progress {
            text: String::new(),
            tool_calls: Vec::new(),
            tokens: 0,
            prompt_tokens: 0,
            unreported: String::new(),
            times: CallTimes::offered(self.clock.now_ms()),
            share: None,
        };
        let end = self.answer(&mut progress).await;
        let ended_ms = self.clock.now_ms();
        let millijoules = match progress.share.take() {
            Some(share) => share.end().await,
            None => None,
        };
        let CallSpec { task, call, .. } = self.spec;
        let (error, is_cut) = match &end {
            End::Finished(finish, _) => (None, *finish == FinishReason::Length),
            End::Failed(failure) => (Some(reason(failure)), false),
        };
        self.updates.send(RunChange::CallEnded { task, call, error, is_cut });
        let Progress { text, tool_calls, tokens, prompt_tokens, times, .. } = progress;
        let spans = times.ended(ended_ms);
        let input = match end {
            End::Finished(finish, usage) => {
                let answer = CallAnswer { text, tool_calls, finish, usage, millijoules, spans };
                Input::Answered { call, answer }
            }
            End::Failed(failure) => {
                let usage = Usage { prompt_tokens, completion_tokens: tokens, cached_tokens: 0 };
                let usage = (prompt_tokens > 0).then_some(usage);
                Input::Failed { call, failure, usage, millijoules, spans }
            }
        };
        // The driver has ended.
        let _ = self.inputs.send(input).await;
    }

    async fn answer(&self, progress: &mut Progress) -> End {
        let CallSpec { task, call, turn, .. } = self.spec;
        let agent = self.spec.agent.clone();
        self.updates.send(RunChange::Queued { task, call, agent, turn });
        let mut request = self.request();
        if self.is_bounded {
            let kept = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return End::Failed(CallFailure::Cancelled),
                kept = self.within_reservation(&request) => kept,
            };
            match kept {
                Ok(most) => request.max_tokens = Some(Tokens(most)),
                Err(message) => return End::Failed(CallFailure::Refused { message }),
            }
        }
        let mut slot = self.team.watch(request.id);
        let submitted = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return End::Failed(CallFailure::Cancelled),
            submitted = self.member.engine.submit(request) => submitted,
        };
        let mut generation = match submitted {
            Ok(generation) => generation,
            Err(rejection) => return End::Failed(failure(&rejection)),
        };
        let admitted = generation.admitted();
        progress.prompt_tokens = admitted.prompt_tokens;
        progress.times.granted(admitted.slot, self.clock.now_ms());
        self.updates.send(RunChange::Granted { task, call, slot: admitted.slot });
        if let Some(energy) = &self.energy {
            progress.share = Some(energy.open().await);
        }
        loop {
            let heard = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return End::Failed(CallFailure::Cancelled),
                heard = self.next(&mut generation, slot.as_mut()) => heard,
            };
            match heard {
                Heard::Event(event) => {
                    if let Some(end) = self.take(event, progress).await {
                        return end;
                    }
                }
                Heard::Slot(change) => self.slot_changed(change, progress).await,
                Heard::Nothing if self.is_preempted() => {}
                Heard::Nothing => return End::Failed(CallFailure::Stalled),
            }
        }
    }

    /// Maximum tokens of the answer that keep prompt and answer within what the run has reserved,
    /// which estimates the parts of a prompt that were never counted.
    async fn within_reservation(&self, request: &Request) -> Result<u32, String> {
        let CallSpec { prompt_tokens: estimated, max_tokens, .. } = self.spec;
        // The engine refuses what it cannot count when it is asked.
        let Ok(Tokens(counted)) = self.member.engine.count_tokens(request.clone()).await else {
            return Ok(max_tokens);
        };
        let kept = max_tokens.saturating_sub(counted.saturating_sub(estimated));
        if kept == 0 {
            return Err(format!(
                "the prompt has {counted} tokens, more than the budget bears: {estimated} and an \
                 answer of {max_tokens} were set aside for it"
            ));
        }
        Ok(kept)
    }

    /// What comes next, within the time that a call may be without a token.
    async fn next(&self, generation: &mut Generation, slot: Option<&mut WatchedSlot>) -> Heard {
        let changed = async {
            match slot {
                Some(slot) => slot.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = changed => Heard::Slot(change),
            event = generation.next() => Heard::Event(event.unwrap_or_else(|| Event::Failed {
                message: "the engine stopped in the middle of the answer".to_owned(),
            })),
            () = tokio::time::sleep(Duration::from_millis(self.spec.idle_ms)) => Heard::Nothing,
        }
    }

    /// Whether a request of the agent waits to resume, which may be this one.
    fn is_preempted(&self) -> bool {
        let agents = self.member.engine.status().agents;
        agents.iter().any(|agent| agent.agent == self.spec.agent && agent.preempted > 0)
    }

    async fn slot_changed(&self, change: SlotChange, progress: &mut Progress) {
        let CallSpec { task, call, .. } = self.spec;
        progress.times.changed(change, self.clock.now_ms());
        self.updates.send(match change {
            SlotChange::Preempted => RunChange::Preempted { task, call },
            SlotChange::Resumed(slot) | SlotChange::Moved(slot) => {
                RunChange::Granted { task, call, slot }
            }
        });
        if let Some(share) = &progress.share {
            share.set_in_slot(change != SlotChange::Preempted).await;
        }
    }

    async fn take(&self, event: Event, progress: &mut Progress) -> Option<End> {
        let counts = matches!(
            event,
            Event::Text { .. } | Event::Reasoning { .. } | Event::ToolArguments { .. }
        );
        if counts {
            progress.tokens += 1;
            progress.times.token(self.clock.now_ms());
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
