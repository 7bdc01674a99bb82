//! OpenAI's newer dialect: responses, made of items.
//!
//! Owns: the wire types of `/v1/responses`, the way from a body to a [`harmonic_types::Request`]
//! and back, and from [`harmonic_types::Event`]s to the dialect's sequence of events or one
//! response.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/responses>.
//!
//! Does not do: anything that needs responses to be kept, which this server does not do. `store` is
//! ignored, because SDKs send it unasked; what refers to a stored response is refused.

mod answer;
mod ask;
mod decode;
mod encode;
mod item;
mod request;
mod response;

pub use answer::ResponseAnswer;
pub use ask::ask;
pub use decode::decode;
pub use encode::encode;
pub use item::{Item, ItemPart, Status};
pub use request::{
    ChoiceBody, FormatBody, ItemBody, ReasoningBody, ResponsesBody, TextConfig, ToolBody,
};
pub use response::{
    Incomplete, InputDetails, OutputDetails, Response, ResponseError, ResponseUsage,
};
