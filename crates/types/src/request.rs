//! A request to an agent and the events of its answer: text, no tokens (only
//! `engine::chat` handles both).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::conversation::{Message, Prompt, ToolChoice};
use crate::format::Format;
use crate::request_class::RequestClass;
use crate::run_token::RunToken;
use crate::sampling::SamplingOverrides;
use crate::stack::AgentName;
use crate::system_turn::SystemTurn;
use crate::thinking::Effort;
use crate::units::Tokens;

/// Identifier of a request, unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of a client, by which scarce resources are shared: the name of an API key, or an
/// address. Empty for anonymous requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(Arc<str>);

impl ClientName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ClientName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// A request to an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Identifier, unique within the process.
    pub id: RequestId,
    /// The client.
    pub client: ClientName,
    /// The agent addressed.
    pub agent: AgentName,
    /// Priority class.
    pub class: RequestClass,
    /// Token of the run from inside of which it comes; `None` from elsewhere.
    pub within: Option<RunToken>,
    /// The prompt.
    pub prompt: Prompt,
    /// Source of the conversation's system turn. [`SystemTurn::Request`] takes a capability of the
    /// engine.
    pub system: SystemTurn,
    /// Overrides of the agent's sampling.
    pub sampling: SamplingOverrides,
    /// Bias added to the logits of tokens, by their id in the vocabulary of the agent's model:
    /// the only token ids in a request, as in OpenAI's API.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Seed of the sampler; `None` chooses one at random.
    pub seed: Option<u64>,
    /// Requested context; `None` is the agent's.
    pub context: Option<Tokens>,
    /// Maximum tokens to generate; `None` is until the context is full.
    pub max_tokens: Option<Tokens>,
    /// Structured output; `None` is unconstrained.
    pub format: Option<Format>,
    /// Whether the answer may, must or must not call tools of the prompt.
    pub tool_choice: ToolChoice,
    /// Whether the answer may call several tools; otherwise it ends with its first call.
    pub parallel_tool_calls: bool,
    /// Tools whose calls follow the argument schemas even with [`ToolChoice::Auto`].
    pub strict_tools: Vec<String>,
    /// Stop strings: they end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Whether to continue past the model's end of turn (benchmarks).
    pub ignore_eos: bool,
    /// Log-probabilities per token: of the token itself and this many best; `None` is none.
    pub top_logprobs: Option<u8>,
    /// Whether the model thinks; `None` is the agent's default.
    pub thinking: Option<bool>,
    /// Effort of thinking; `None` is the model's default.
    pub effort: Option<Effort>,
}

impl Request {
    /// A request with the agent's defaults throughout.
    pub fn new(id: RequestId, agent: AgentName, messages: Vec<Message>) -> Self {
        Self {
            id,
            client: ClientName::default(),
            agent,
            class: RequestClass::default(),
            within: None,
            prompt: Prompt::chat(messages),
            system: SystemTurn::default(),
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

/// A token with its log-probability and its alternatives.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: TokenBytes,
    /// ln p before penalties and temperature.
    pub logprob: f32,
    /// Most likely tokens at this position, best first, the sampled one included in order.
    pub top: Vec<(TokenBytes, f32)>,
}

/// The bytes of a token: text, or part of a character. Empty for control tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenBytes(pub Vec<u8>);

impl TokenBytes {
    /// The bytes as text, with U+FFFD for parts of characters.
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
    /// Tokens of the rendered prompt, its system turn included.
    pub prompt_tokens: u32,
    /// Tokens sampled, the end-of-turn token included.
    pub completion_tokens: u32,
    /// Prompt tokens restored from the cache instead of computed.
    pub cached_tokens: u32,
}

/// Reason for the end of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// The model ended its turn.
    Stop,
    /// A stop string was generated.
    #[serde(rename = "stop_string")]
    StopString {
        /// Its index in [`Request::stop`].
        index: u32,
    },
    /// `max_tokens` or the context was exhausted.
    Length,
    /// The answer ended with tool calls, whose results are due.
    #[serde(rename = "tool_calls")]
    ToolCalls,
    /// The client disconnected, or the deployment was drained.
    Cancelled,
}

/// Event of a generation, in order: any number of deltas, then one of `Finished`, `FormBroken` and
/// `Failed`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Delta of the answer, of whole UTF-8 characters.
    Text {
        /// The text; empty if only log-probabilities are due.
        text: String,
        /// One entry per token, if requested.
        logprobs: Vec<TokenLogprob>,
    },
    /// Delta of the reasoning, which is separate from the answer.
    Reasoning {
        /// The text.
        text: String,
    },
    /// Start of a tool call; its arguments follow.
    ToolCall {
        /// Index of the call within the answer, from 0. Calls do not overlap.
        index: u32,
        /// Identifier that the message with the result refers to; unique within the process.
        id: String,
        /// Name of the tool.
        name: String,
    },
    /// Delta of a call's arguments.
    ToolArguments {
        /// Index of the call.
        index: u32,
        /// Fragment of JSON text; the fragments of a complete call make one object.
        text: String,
    },
    /// Regular end of the generation.
    Finished {
        /// Reason.
        reason: FinishReason,
        /// Token counts.
        usage: Usage,
    },
    /// Failed structured output: the answer cannot continue under its constraint. Nothing follows.
    FormBroken {
        /// The limit that was exceeded, for the client.
        message: String,
    },
    /// Failure of the engine. Nothing follows.
    Failed {
        /// Cause, for the client.
        message: String,
    },
}
