//! Answer collected from events, for responses that are not streamed.

use std::time::Instant;

use harmonic_types::{Event, TokenLogprob, ToolCall, Usage};

use crate::response_encoder::Finish;

/// Answer collected from events, for responses that are not streamed.
#[derive(Clone, Debug)]
pub struct CollectedAnswer {
    /// Text of the answer.
    pub text: String,
    /// Reasoning; empty if there was none.
    pub reasoning: String,
    /// Number of reasoning tokens.
    pub reasoning_tokens: u32,
    /// One entry per token, if requested.
    pub logprobs: Vec<TokenLogprob>,
    /// Tool calls. The arguments of the last one may be truncated.
    pub calls: Vec<ToolCall>,
    /// Finish reason.
    pub finish: Finish,
    /// Token counts.
    pub usage: Usage,
    /// Time of admission.
    pub began: Instant,
    /// Time of the first event; `None` if there was none.
    pub first: Option<Instant>,
    /// Time of the end.
    pub ended: Instant,
}

impl Default for CollectedAnswer {
    fn default() -> Self {
        let began = Instant::now();
        Self {
            text: String::new(),
            reasoning: String::new(),
            reasoning_tokens: 0,
            logprobs: Vec::new(),
            calls: Vec::new(),
            finish: Finish::Stop,
            usage: Usage::default(),
            began,
            first: None,
            ended: began,
        }
    }
}

impl CollectedAnswer {
    /// Adds an event; final events change nothing.
    pub fn push(&mut self, event: Event) {
        self.first.get_or_insert_with(Instant::now);
        match event {
            Event::Text { text, logprobs } => {
                self.text.push_str(&text);
                self.logprobs.extend(logprobs);
            }
            // Engines emit one reasoning event per token.
            Event::Reasoning { text } => {
                self.reasoning.push_str(&text);
                self.reasoning_tokens += 1;
            }
            Event::ToolCall { id, name, .. } => {
                self.calls.push(ToolCall { id, name, arguments: String::new() });
            }
            // Calls do not overlap, so it belongs to the last one.
            Event::ToolArguments { text, .. } => {
                if let Some(call) = self.calls.last_mut() {
                    call.arguments.push_str(&text);
                }
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => {}
        }
    }

    /// Completes the answer.
    pub fn end(&mut self, finish: Finish, usage: Usage) {
        self.finish = finish;
        self.usage = usage;
        self.ended = Instant::now();
    }
}
