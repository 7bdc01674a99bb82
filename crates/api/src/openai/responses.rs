//! OpenAI's newer dialect: responses made of items.
//!
//! Owns: the wire types of `/v1/responses`, the conversion between a body and a
//! [`harmonic_types::Request`], and the encoding of [`harmonic_types::Event`]s as the dialect's
//! sequence of events or as one response.
//!
//! Field names and meanings: <https://platform.openai.com/docs/api-reference/responses>.
//!
//! Does not do: conversations on the server. `store` is ignored without `background`, because SDKs
//! send it by default; references to stored responses are refused.

mod answer;
mod decode;
mod encode;
mod item;
mod of_run;
mod parse;
mod request;
mod response;

pub use answer::ResponsesEncoder;
pub use decode::decode;
pub use encode::encode;
pub use item::{Item, ItemPart, Status};
pub use of_run::{response_id, run_of};
pub use parse::parse;
pub use request::{
    ChoiceBody, FormatBody, ItemBody, ReasoningBody, ResponsesBody, TextConfig, ToolBody,
};
pub use response::{
    Incomplete, InputDetails, OutputDetails, Response, ResponseError, ResponseUsage,
};
