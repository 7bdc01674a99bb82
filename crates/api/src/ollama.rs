//! Ollama's dialect, own subset.
//!
//! Owns: the wire types of `/api/chat` and `/api/generate`, the way from a body to a
//! [`harmonic_types::Request`] and back, the way from [`harmonic_types::Event`]s to lines or one
//! document; and the types of the paths that list and describe agents as models.
//!
//! Field names and meanings: <https://github.com/ollama/ollama/blob/main/docs/api.md>.
//!
//! Does not do: anything that changes models on the server except to pull one; embeddings.

mod answer;
mod ask;
mod decode;
mod encode;
mod generation;
mod models;
mod options;
mod pull;
mod request;

pub use answer::OllamaAnswer;
pub use ask::{ask_chat, ask_generate};
pub use decode::{decode_chat, decode_generate};
pub use encode::{encode_chat, encode_generate};
pub use models::{
    API_VERSION, Details, ListedModel, ModelNames, RunningModel, RunningModels, ShowBody,
    ShownModel, Version, model_or_name, time,
};
pub use options::Options;
pub use pull::{Progress, PullBody};
pub use request::{CallBody, CalledBody, ChatBody, GenerateBody, MessageBody};
