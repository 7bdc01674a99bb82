//! Answer of a server as events of a generation.
//!
//! Invariants: tool calls have ids of their own, do not overlap, and have arguments; an answer is
//! bounded in bytes and in events.

use harmonic_api::ChatEvent;
use harmonic_engine::next_call_id;
use harmonic_types::{Event, FinishReason, Usage};

/// Maximum bytes of an answer: many times what the largest contexts hold.
const MAX_BYTES: usize = 16 << 20;
/// Maximum parts of an answer: one per token, and the largest contexts have 2²⁰.
const MAX_PARTS: u32 = 1 << 20;
/// Bytes that a log-probability counts as, beside its token.
const LOGPROB_BYTES: usize = 32;

/// End of an exchange with a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// Regular end, with the server's token counts if it sent any.
    Finished { reason: FinishReason, usage: Option<Usage> },
    /// The server refused the request.
    Refused(String),
    /// The server failed.
    Failed(String),
}

/// A tool call that was begun.
#[derive(Clone, Debug)]
struct Call {
    /// Index and id that the server gave it.
    sent: (u32, String),
    has_arguments: bool,
}

/// Reader of one answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Whether the answer may have more than one tool call.
    parallel: bool,
    calls: Vec<Call>,
    bytes: usize,
    parts: u32,
    reason: Option<String>,
    usage: Option<Usage>,
}

impl Answer {
    pub(crate) fn new(parallel: bool) -> Self {
        let (calls, reason, usage) = (Vec::new(), None, None);
        Self { parallel, calls, bytes: 0, parts: 0, reason, usage }
    }

    /// Takes what the server sent next; the events that it means go to `emit`.
    ///
    /// # Errors
    /// The reason why the answer cannot go on.
    pub(crate) fn take(
        &mut self,
        event: ChatEvent,
        emit: &mut impl FnMut(Event),
    ) -> Result<(), String> {
        match event {
            ChatEvent::Delta(event) => self.delta(event, emit),
            ChatEvent::Finish { reason } => {
                self.close_call(emit);
                self.reason = Some(reason);
                Ok(())
            }
            ChatEvent::Usage(usage) => {
                let cached = usage.prompt_tokens_details.and_then(|details| details.cached_tokens);
                self.usage = Some(Usage {
                    prompt_tokens: usage.prompt_tokens,
                    completion_tokens: usage.completion_tokens,
                    cached_tokens: cached.unwrap_or(0),
                });
                Ok(())
            }
        }
    }

    /// End of the answer, once the server has sent all of it.
    pub(crate) fn end(self) -> End {
        let called = !self.calls.is_empty();
        let reason = match self.reason.as_deref() {
            Some("stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn") if called => {
                FinishReason::ToolCalls
            }
            Some("stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn") => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
            Some(other) => return End::Failed(format!("the server ended its answer: `{other}`")),
            None => {
                let message = "the server ended its answer without its final event";
                return End::Failed(message.to_owned());
            }
        };
        End::Finished { reason, usage: self.usage }
    }

    fn delta(&mut self, event: Event, emit: &mut impl FnMut(Event)) -> Result<(), String> {
        self.parts = self.parts.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size(&event));
        if self.parts > MAX_PARTS || self.bytes > MAX_BYTES {
            return Err(format!(
                "the server's answer exceeds {} MiB or {MAX_PARTS} parts",
                MAX_BYTES >> 20
            ));
        }
        match event {
            Event::ToolCall { index, id, name } => self.begin_call(index, id, name, emit),
            Event::ToolArguments { index, text } => self.arguments(index, text, emit)?,
            other => emit(other),
        }
        Ok(())
    }

    /// Begins a call, unless the server has only repeated its beginning.
    fn begin_call(&mut self, index: u32, id: String, name: String, emit: &mut impl FnMut(Event)) {
        let repeats = |call: &Call| call.sent.0 == index && (id.is_empty() || call.sent.1 == id);
        if self.calls.last().is_some_and(repeats) {
            return;
        }
        self.close_call(emit);
        let shown = if id.is_empty() { next_call_id() } else { id.clone() };
        self.calls.push(Call { sent: (index, id), has_arguments: false });
        if let Some(index) = self.shown() {
            emit(Event::ToolCall { index, id: shown, name });
        }
    }

    fn arguments(
        &mut self,
        index: u32,
        text: String,
        emit: &mut impl FnMut(Event),
    ) -> Result<(), String> {
        let shown = self.shown();
        let Some(call) = self.calls.last_mut().filter(|call| call.sent.0 == index) else {
            return Err("the server sent arguments of a tool call that it had not begun".to_owned());
        };
        call.has_arguments |= !text.is_empty();
        if let Some(index) = shown {
            emit(Event::ToolArguments { index, text });
        }
        Ok(())
    }

    /// Ends the last call, which had no arguments if the server sent none.
    fn close_call(&mut self, emit: &mut impl FnMut(Event)) {
        let shown = self.shown();
        let Some(call) = self.calls.last_mut() else { return };
        if !std::mem::replace(&mut call.has_arguments, true)
            && let Some(index) = shown
        {
            emit(Event::ToolArguments { index, text: "{}".to_owned() });
        }
    }

    /// Index of the last call in the answer; `None` if there is none, or one call was asked for and
    /// this is not the first.
    fn shown(&self) -> Option<u32> {
        let last = self.calls.len().checked_sub(1)?;
        (self.parallel || last == 0).then(|| u32::try_from(last).unwrap_or(u32::MAX))
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Text { text, logprobs } => {
            let logprobs = logprobs.iter().map(|token| {
                let top = token.top.iter().map(|(token, _)| token.0.len() + LOGPROB_BYTES);
                token.token.0.len() + LOGPROB_BYTES + top.sum::<usize>()
            });
            text.len() + logprobs.sum::<usize>()
        }
        Event::Reasoning { text } | Event::ToolArguments { text, .. } => text.len(),
        Event::ToolCall { id, name, .. } => id.len() + name.len(),
        Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => 0,
    }
}

#[cfg(test)]
mod tests;
