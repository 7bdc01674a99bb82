//! A request to an agent and the events of its answer. Text lives here; tokens do not (only
//! `engine::chat` knows both).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conversation::{Message, Prompt, ToolChoice};
use crate::format::Format;
use crate::sampling::SamplingOverrides;
use crate::stack::AgentName;
use crate::thinking::Effort;
use crate::units::Tokens;

/// Unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who asks, by whom what is scarce is shared: the name of an API key, or an address. Empty where
/// nobody in particular does.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(Arc<str>);

impl From<&str> for ClientName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// A request to an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Unique within the process.
    pub id: RequestId,
    /// Who asks.
    pub client: ClientName,
    /// Who is asked.
    pub agent: AgentName,
    /// What is asked.
    pub prompt: Prompt,
    /// Changes to the agent's sampling.
    pub sampling: SamplingOverrides,
    /// Added to the logits of these tokens, by their id in the vocabulary of the agent's model:
    /// the one place where a client speaks of tokens, because OpenAI's API does.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Seed of the draw; `None` draws one.
    pub seed: Option<u64>,
    /// Context that the client wants instead of the agent's; `None` is the agent's.
    pub context: Option<Tokens>,
    /// Most tokens to generate; `None` is until the context is full.
    pub max_tokens: Option<Tokens>,
    /// The form that the answer must have; `None` is any.
    pub format: Option<Format>,
    /// Whether the answer may, must or must not call the prompt's tools.
    pub tool_choice: ToolChoice,
    /// Whether the answer may call several tools; else it ends with its first call.
    pub parallel_tool_calls: bool,
    /// Tools whose calls follow the schemas of their arguments also where the model calls by itself.
    pub strict_tools: Vec<String>,
    /// Strings that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Go on past the model's end of turn (benchmarks).
    pub ignore_eos: bool,
    /// Log-probabilities wanted per token: of the token itself and this many best; `None` is none.
    pub top_logprobs: Option<u8>,
    /// Whether to think; `None` is the agent's default.
    pub thinking: Option<bool>,
    /// How hard to think, where it does; `None` is as the model does by itself.
    pub effort: Option<Effort>,
}

impl Request {
    /// A request with the agent's defaults throughout.
    pub fn new(id: RequestId, agent: AgentName, messages: Vec<Message>) -> Self {
        Self {
            id,
            client: ClientName::default(),
            agent,
            prompt: Prompt::chat(messages),
            sampling: SamplingOverrides::default(),
            logit_bias: BTreeMap::new(),
            seed: None,
            context: None,
            max_tokens: None,
            format: None,
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            strict_tools: Vec::new(),
            stop: Vec::new(),
            ignore_eos: false,
            top_logprobs: None,
            thinking: None,
            effort: None,
        }
    }
}

/// A token with its log-probability and its rivals.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    /// What it says.
    pub token: TokenBytes,
    /// ln p before penalties and temperature.
    pub logprob: f32,
    /// Best tokens at this position, best first, the chosen one included where it belongs.
    pub top: Vec<(TokenBytes, f32)>,
}

/// What a token says: text, or a part of a character. Control tokens say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenBytes(pub Vec<u8>);

impl TokenBytes {
    /// As text, with U+FFFD for parts of characters.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for TokenBytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Token counts of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the rendered prompt, the agent's system prompt included.
    pub prompt_tokens: u32,
    /// Tokens sampled, the end-of-turn token included.
    pub completion_tokens: u32,
    /// Prompt tokens that were restored instead of computed.
    pub cached_tokens: u32,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// The model ended its turn.
    Stop,
    /// A stop string was met.
    #[serde(rename = "stop_string")]
    StopString {
        /// Its place in [`Request::stop`].
        index: u32,
    },
    /// `max_tokens` or the context is exhausted.
    Length,
    /// The answer ends with tool calls, and waits for their results.
    #[serde(rename = "tool_calls")]
    ToolCalls,
    /// The client went away, or the deployment was drained.
    Cancelled,
}

/// What a generation yields, in order: any number of deltas, then one of `Finished`, `FormBroken` and
/// `Failed`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// More of the answer. Always whole UTF-8 characters.
    Text {
        /// The text; may be empty when only log-probabilities are due.
        text: String,
        /// One entry per token when asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// More of the reasoning, kept apart from the answer.
    Reasoning {
        /// The text.
        text: String,
    },
    /// The answer calls a tool; its arguments follow.
    ToolCall {
        /// Counts the answer's calls from 0. Calls do not overlap.
        index: u32,
        /// Names the call for the message that brings its result; unique within the process.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a call's arguments.
    ToolArguments {
        /// The call.
        index: u32,
        /// A piece of JSON text; the pieces of a call that was not cut off make one object.
        text: String,
    },
    /// The end.
    Finished {
        /// Why.
        reason: FinishReason,
        /// Counts.
        usage: Usage,
    },
    /// The answer cannot go on in the form that the request asked for; nothing follows.
    FormBroken {
        /// Which limit of forms it met, for the client.
        message: String,
    },
    /// The engine failed; nothing follows.
    Failed {
        /// What happened, for the client.
        message: String,
    },
}

/// Why a request was not started. Each maps to one HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such agent here (404).
    #[error("agent `{agent}` is not in this stack; its agents are: {known}")]
    UnknownAgent {
        /// What was asked for.
        agent: AgentName,
        /// What there is, comma-separated.
        known: String,
    },
    /// The prompt leaves no room to answer (400).
    #[error(
        "the prompt has {prompt} tokens and {agent}'s context holds {context}, of which at least \
         one is needed for the answer: shorten the prompt or give the agent a larger context"
    )]
    PromptTooLong {
        /// Its agent.
        agent: AgentName,
        /// Tokens of the rendered prompt.
        prompt: Tokens,
        /// The agent's context.
        context: Tokens,
    },
    /// The prompt certainly leaves no room to answer: told before its tokens were counted (400).
    #[error(
        "the prompt has at least {least} tokens and {agent}'s context holds {context}: shorten the \
         prompt or give the agent a larger context"
    )]
    PromptBeyond {
        /// Its agent.
        agent: AgentName,
        /// Tokens of the rendered prompt, at least.
        least: Tokens,
        /// The agent's context.
        context: Tokens,
    },
    /// The request cannot be served as it stands (400).
    #[error("{message}")]
    Invalid {
        /// What is wrong and what would be right.
        message: String,
    },
    /// The agent's queue is full (429).
    #[error("{agent}'s queue is full ({queued} waiting): retry in {} s", retry_after.as_secs_f64().ceil())]
    QueueFull {
        /// Its agent.
        agent: AgentName,
        /// Requests that wait.
        queued: u32,
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many forms of answers wait to be compiled (429).
    #[error(
        "{waiting} forms of answers {} wait to be compiled, the most that may: retry in {} s",
        if *own { "of this client" } else { "of all clients" },
        retry_after.as_secs_f64().ceil()
    )]
    FormsFull {
        /// Forms that wait.
        waiting: u32,
        /// Whether those of this client are meant, else those of all.
        own: bool,
        /// When to come back.
        retry_after: Duration,
    },
    /// The form of the answer could not be compiled, through no fault of its own (503).
    #[error("the form of the answer could not be compiled: {message}")]
    FormsFailed {
        /// What happened.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The deployment is being stopped (503).
    #[error("the deployment is draining and takes no new requests")]
    Draining,
    /// The engine died and is being started again (503).
    #[error(
        "the engine that serves {agent} is being started again: retry in {} s",
        retry_after.as_secs_f64().ceil().max(1.0)
    )]
    Restarting {
        /// Its agent.
        agent: AgentName,
        /// When to come back.
        retry_after: Duration,
    },
    /// The engine is gone (503).
    #[error("the engine that serves {agent} has died: {message}")]
    EngineDied {
        /// Its agent.
        agent: AgentName,
        /// What is known.
        message: String,
    },
}
