//! Subset of Ollama's dialect.
//!
//! Owns: the wire types of `/api/chat` and `/api/generate`, the conversion between a body and a
//! [`harmonic_types::Request`], the encoding of [`harmonic_types::Event`]s as lines or as one
//! document; and the types of the paths that list and describe agents as models.
//!
//! Field names and meanings: <https://github.com/ollama/ollama/blob/main/docs/api.md>.
//!
//! Does not do: changes of the server's models other than pulling one; embeddings.

mod answer;
mod decode;
mod encode;
mod generation;
mod models;
mod options;
mod parse;
mod pull;
mod request;

pub use answer::OllamaEncoder;
pub(crate) use decode::keep_alive;
pub use decode::{decode_chat, decode_generate};
pub use encode::{encode_chat, encode_generate};
pub use models::{
    API_VERSION, Details, ListedModel, ModelNames, RunningModel, RunningModels, ShowBody,
    ShownModel, Version, model_or_name, time,
};
pub use options::Options;
pub use parse::{parse_chat, parse_generate};
pub use pull::{Progress, PullBody};
pub use request::{CallBody, CalledBody, ChatBody, GenerateBody, MessageBody};
