//! Responses that go on without their client (`background` of `/v1/responses`).
//!
//! Owns: those that run or have ended, with the events of their streams; what becomes of them at a
//! cancel and after their time.
//!
//! Invariants: a response belongs to the key that made it, and for any other key it does not exist;
//! what is kept is bounded in number, in memory and in time; one of the team is a run, which is kept
//! by its journal, and read from there once nothing of it is in memory.
//!
//! Does not do: the form of responses and events (`api`), keeping responses of agents across a
//! restart.

mod background;
mod error;
mod follow;
mod run_stream;
mod store;
mod worker;

pub(crate) use background::BackgroundResponse;
pub(crate) use error::ResponsesError;
pub(crate) use follow::streamed;
pub(crate) use run_stream::{document, of_response, streamed as streamed_run};
pub(crate) use store::BackgroundResponses;
pub(crate) use worker::{Question, answer, follow_run};
