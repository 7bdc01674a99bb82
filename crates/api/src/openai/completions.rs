//! OpenAI's older dialect: text that is continued as it stands.
//!
//! Owns: the wire types of `/v1/completions`, the way from a body to a [`harmonic_types::Request`]
//! and back, and from [`harmonic_types::Event`]s to chunks or one document.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/completions>; the
//! extensions are those of the chat.

mod answer;
mod decode;
mod logprobs;
mod request;

pub use answer::{Completion, CompletionAnswer, CompletionChoice, ask};
pub use decode::{decode, encode};
pub use logprobs::TextLogprobs;
pub use request::CompletionBody;
