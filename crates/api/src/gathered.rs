//! An answer that is gathered before it is sent.

use std::time::Instant;

use harmonic_types::{Event, TokenLogprob, ToolCall, Usage};

use crate::answer::Finish;

/// An answer that is gathered before it is sent.
#[derive(Clone, Debug)]
pub struct CollectedAnswer {
    /// What it says.
    pub text: String,
    /// What the model thought before; empty where it did not.
    pub reasoning: String,
    /// Tokens of that.
    pub reasoning_tokens: u32,
    /// One entry per token when asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Tools that it calls. The arguments of the last may be cut off.
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: Finish,
    /// Counts.
    pub usage: Usage,
    /// When its slot was granted.
    pub began: Instant,
    /// When its first event came; `None` where none did.
    pub first: Option<Instant>,
    /// When it ended.
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
    /// Takes more of the answer; events that end it change nothing.
    pub fn push(&mut self, event: Event) {
        self.first.get_or_insert_with(Instant::now);
        match event {
            Event::Text { text, logprobs } => {
                self.text.push_str(&text);
                self.logprobs.extend(logprobs);
            }
            // An engine tells reasoning token by token.
            Event::Reasoning { text } => {
                self.reasoning.push_str(&text);
                self.reasoning_tokens += 1;
            }
            Event::ToolCall { id, name, .. } => {
                self.calls.push(ToolCall { id, name, arguments: String::new() });
            }
            // Calls do not overlap: it is the last one's.
            Event::ToolArguments { text, .. } => {
                if let Some(call) = self.calls.last_mut() {
                    call.arguments.push_str(&text);
                }
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => {}
        }
    }

    /// The answer is complete.
    pub fn end(&mut self, finish: Finish, usage: Usage) {
        self.finish = finish;
        self.usage = usage;
        self.ended = Instant::now();
    }
}
