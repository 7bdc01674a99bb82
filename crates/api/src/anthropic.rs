//! Subset of Anthropic's messages dialect.
//!
//! Owns: the wire types of `/v1/messages`, the conversion between a body and a
//! [`harmonic_types::Request`], and the encoding of [`harmonic_types::Event`]s as the dialect's
//! sequence of events or as one message.
//!
//! Field names and meanings: <https://docs.anthropic.com/en/api/messages>.

mod answer;
mod blocks;
mod count;
mod decode;
mod encode;
mod message;
mod parse;
mod request;

pub use answer::MessageEncoder;
pub use blocks::{Block, BlockBody, SourceBody, TextBody};
pub use count::{CountBody, TokenCount, decode_count};
pub use decode::decode;
pub use encode::encode;
pub use message::{Counts, Message};
pub use parse::parse;
pub use request::{
    ChoiceBody, FormatBody, MessageBody, MessagesBody, OutputConfig, ThinkingBody, ToolBody,
};
