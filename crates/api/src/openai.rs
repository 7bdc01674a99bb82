//! OpenAI's dialect, own subset, in both directions: chats here, plain texts in [`completions`],
//! responses in [`responses`].
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
pub mod completions;
mod content;
mod decode;
mod encode;
mod error;
mod format;
mod generation;
mod models;
mod request;
mod response;
pub mod responses;
mod spellings;
mod tools;

pub use answer::ChatAnswer;
pub use ask::ask;
pub use chunk::{CallDelta, CalledDelta, ChatChunk, ChunkChoice, Delta};
pub use content::{AudioBody, Content, Part, UrlBody};
pub(crate) use content::{
    IMAGE, IMAGES, Kinds, encode as encode_content, parts as content_parts,
    result as content_result, text as content_text,
};
pub(crate) use decode::logit_bias as decode_logit_bias;
pub use decode::{decode, parse};
pub use encode::encode;
pub use error::{Envelope, ErrorBody};
pub use format::{NamedSchema, ResponseFormat, StructuredOutputs};
pub(crate) use format::{decode as decode_format, encode as encode_format};
pub use models::{ModelCard, ModelList};
pub use request::{ChatMessage, ChatRequest, StreamOptions, TemplateArguments};
pub(crate) use response::finite;
pub use response::{
    ChatResponse, Choice, Logprobs, PromptTokensDetails, ResponseMessage, TokenEntry, TopToken,
    Usage,
};
pub(crate) use spellings::Spellings;
pub use tools::{CallBody, CalledBody, ChoiceBody, FunctionBody, NameBody, ToolBody};
pub(crate) use tools::{
    FUNCTION, decode as decode_tools, encode as encode_tools, of_function, strict as strict_tools,
    word as word_of_choice,
};
