//! OpenAI's chat completions dialect, own subset, in both directions.
//!
//! Owns: the wire types, the way from a body to a [`harmonic_types::Request`] and back, and the
//! way from [`harmonic_types::Event`]s to chunks or one response.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/chat>. `top_k`,
//! `min_p`, `repeat_penalty`, `ignore_eos`, `chat_template_kwargs` and `reasoning_content` are the
//! names that llama-server and vLLM gave to what OpenAI does not have.

mod answer;
mod ask;
mod chunk;
mod content;
mod decode;
mod encode;
mod error;
mod format;
mod models;
mod request;
mod response;
mod tools;

pub use answer::ChatAnswer;
pub use ask::ask;
pub use chunk::{CallDelta, CalledDelta, ChatChunk, ChunkChoice, Delta};
pub use content::{Content, Part};
pub use decode::{decode, parse};
pub use encode::encode;
pub use error::{Envelope, ErrorBody};
pub use format::{NamedSchema, ResponseFormat, StructuredOutputs};
pub use models::{ModelCard, ModelList};
pub use request::{ChatMessage, ChatRequest, StreamOptions, TemplateArguments};
pub use response::{
    ChatResponse, Choice, Logprobs, PromptTokensDetails, ResponseMessage, TokenEntry, TopToken,
    Usage,
};
pub use tools::{CallBody, CalledBody, ChoiceBody, FunctionBody, NameBody, ToolBody};
pub(crate) use tools::{decode as decode_tools, encode as encode_tools};
