//! An event with its id and time.

use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::event::TeamEvent;

/// An event in the ring. `id` and `at_us` stand beside the event's own fields in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Increases by one per event.
    pub id: u64,
    /// Microseconds since 1970, of a clock that does not go back while the process lives.
    pub at_us: u64,
    /// Listeners that it is for.
    #[serde(skip)]
    pub audience: Audience,
    /// The event.
    #[serde(flatten)]
    pub event: TeamEvent,
}
