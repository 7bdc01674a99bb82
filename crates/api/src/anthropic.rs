//! Anthropic's messages dialect, own subset.
//!
//! Owns: the wire types of `/v1/messages`, the way from a body to a [`harmonic_types::Request`] and
//! back, and the way from [`harmonic_types::Event`]s to the dialect's sequence of events or one
//! message.
//!
//! Field names and meanings: <https://docs.anthropic.com/en/api/messages>.

mod answer;
mod ask;
mod blocks;
mod count;
mod decode;
mod encode;
mod message;
mod request;

pub use answer::MessageAnswer;
pub use ask::ask;
pub use blocks::{Block, BlockBody, SourceBody, TextBody};
pub use count::{CountBody, TokenCount, decode_count};
pub use decode::decode;
pub use encode::encode;
pub use message::{Counts, Message};
pub use request::{
    ChoiceBody, FormatBody, MessageBody, MessagesBody, OutputConfig, ThinkingBody, ToolBody,
};
