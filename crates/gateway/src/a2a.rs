//! A2A over runs: the card of the team, and what its methods do.
//!
//! Invariants: a task is a run of the key that asks, with its access rules; a run that an agent
//! asks for asks nobody, as that of the model `team`; a task goes on whether or not its client waits.
//!
//! Does not do: the wire types (`api`); answering a run's questions to a person, which `/runs` does.

mod card;
mod methods;
mod stream;

pub(crate) use card::card;
pub(crate) use methods::{Answer, Team, check_version};

/// Path of JSON-RPC.
pub(crate) const PATH: &str = "/a2a";
