//! OpenAI's older dialect: continuation of plain text.
//!
//! Owns: the wire types of `/v1/completions`, the conversion between a body and a
//! [`harmonic_types::Request`], and the encoding of [`harmonic_types::Event`]s as chunks or as one
//! document.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/completions>; the
//! extensions are those of the chat.

mod answer;
mod decode;
mod logprobs;
mod request;

pub use answer::{Completion, CompletionChoice, CompletionEncoder, parse};
pub use decode::{decode, encode};
pub use logprobs::TextLogprobs;
pub use request::CompletionBody;
