//! The event stream of a running team.
//!
//! Owns: the typed events of requests, engines, runs, steps and power ([`TeamEvent`]) and whom they
//! are for ([`Audience`]); the one bounded ring that holds the latest of them ([`EventStream`]); a
//! cursor per listener ([`Listener`]); the state that the events add up to ([`Snapshot`]), folded in
//! the same way by server and client.
//!
//! Invariants: ids increase by one per event, across restarts of the process too as long as the
//! clock does not go back by more than the process lived; publishing never waits for a listener; a
//! listener that falls behind the ring is told how many events it lost and gets a new snapshot; no
//! event holds prompt or answer text.
//!
//! Does not do: HTTP and withholding events from those whom they are not for (`gateway`), measuring power (`app`), deciding when something happens (`engine`
//! and `launcher` publish).
#![forbid(unsafe_code)]

mod audience;
mod event;
mod fold;
mod listener;
mod published;
mod record;
mod requests;
mod run;
mod snapshot;
mod stream;

pub use audience::Audience;
pub use event::{AgentSlots, AgentStep, Outcome, PowerSample, StepRecord, TeamEvent};
pub use listener::{Delivery, Listener};
pub use published::{Published, PublishedRecord, PublishedSnapshot};
pub use record::EventRecord;
pub use requests::OpenRequests;
pub use run::{ApprovalOutcome, OpenRun, OpenTask, RunStatus};
pub use snapshot::{AgentCounts, EngineSnapshot, EngineState, Phase, RequestSnapshot, Snapshot};
pub use stream::{CAPACITY, EventStream, LISTENERS, TooManyListeners};

/// Schema of the documents of the stream: snapshots and events.
pub const SCHEMA: &str = "harmonic.events/1";
