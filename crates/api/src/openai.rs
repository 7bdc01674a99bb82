//! Subset of OpenAI's dialect, in both directions: chats here, plain texts in [`completions`],
//! responses in [`responses`].
//!
//! Owns: the wire types, the conversion between a body and a [`harmonic_types::Request`], and the
//! encoding of [`harmonic_types::Event`]s as chunks or as one response.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/chat>. `top_k`,
//! `min_p`, `repeat_penalty`, `ignore_eos`, `chat_template_kwargs` and `reasoning_content` are
//! extensions with the names used by llama-server and vLLM.

mod answer;
mod chunk;
pub mod completions;
mod content;
mod decode;
mod encode;
mod error;
mod format;
mod format_aliases;
mod generation;
mod models;
mod parse;
mod request;
mod response;
pub mod responses;
mod tools;

pub use answer::ChatEncoder;
pub use chunk::{CallDelta, CalledDelta, ChatChunk, ChunkChoice, Delta};
pub use content::{AudioBody, MessageContent, Part, UrlBody};
pub(crate) use content::{
    IMAGE, IMAGES, Kinds, encode as encode_content, parts as content_parts,
    result as content_result, text as content_text,
};
pub use decode::decode;
pub(crate) use decode::logit_bias as decode_logit_bias;
pub use encode::encode;
pub(crate) use encode::service_tier;
pub use error::{Envelope, ErrorBody};
pub use format::{NamedSchema, ResponseFormat, StructuredOutputs};
pub(crate) use format::{decode as decode_format, encode as encode_format};
pub(crate) use format_aliases::FormatAliases;
pub use models::{ModelCard, ModelList};
pub use parse::parse;
pub use request::{ChatMessage, ChatRequest, StreamOptions, TemplateArguments};
pub(crate) use response::finite;
pub use response::{
    ChatResponse, Choice, Logprobs, PromptTokensDetails, ResponseMessage, TokenEntry, TopToken,
    Usage,
};
pub use tools::{CallBody, CalledBody, ChoiceBody, FunctionBody, NameBody, ToolBody};
pub(crate) use tools::{
    FUNCTION, decode as decode_tools, encode as encode_tools, require_function,
    strict as strict_tools, word as choice_of_keyword,
};
