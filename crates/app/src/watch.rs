//! State of a running team, followed over its event stream.
//!
//! Invariant: the state is the last snapshot with the later events applied, as in the server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use harmonic_api::{Client, TeamEvents};
use harmonic_events::{EventRecord, Snapshot, StepRecord, TeamEvent};
use serde::Serialize;

pub use harmonic_api::TeamUpdate;

use crate::error::Result;

/// Age at which a step record is outdated: there is one per second while the engine computes.
const MAX_STEP_AGE: Duration = Duration::from_millis(2500);

/// Subscription to a team's events, with the current state.
#[derive(Debug)]
pub struct Watch {
    events: TeamEvents,
    state: TeamState,
}

/// State of a team from the updates so far.
#[derive(Debug, Default)]
pub struct TeamState {
    snapshot: Option<Snapshot>,
    /// Arrival of the latest step record of each engine.
    last_step: BTreeMap<String, Instant>,
    lost: u64,
}

/// An update as a document.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum UpdateDocument<'a> {
    /// A snapshot.
    Snapshot {
        /// `snapshot`.
        r#type: &'static str,
        /// The state.
        #[serde(flatten)]
        snapshot: &'a Snapshot,
    },
    /// Lost events.
    Lost {
        /// `lost`.
        r#type: &'static str,
        /// Number of lost events.
        lost: u64,
    },
    /// An event, with its own `type`.
    Event(&'a EventRecord),
}

impl<'a> From<&'a TeamUpdate> for UpdateDocument<'a> {
    fn from(update: &'a TeamUpdate) -> Self {
        match update {
            TeamUpdate::Snapshot(snapshot) => Self::Snapshot { r#type: "snapshot", snapshot },
            TeamUpdate::Lost(lost) => Self::Lost { r#type: "lost", lost: *lost },
            TeamUpdate::Event(record) => Self::Event(record),
        }
    }
}

impl Watch {
    /// Subscribes to the team at `client`.
    ///
    /// # Errors
    /// When the server does not answer, or has no event stream.
    pub async fn start(client: &Client) -> Result<Self> {
        let events = client.events(None).await?;
        Ok(Self { events, state: TeamState::default() })
    }

    /// The next update; `None` at the end of the stream.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn next(&mut self) -> Result<Option<TeamUpdate>> {
        let Some(update) = self.events.next().await.transpose()? else { return Ok(None) };
        self.state.apply(&update, Instant::now());
        Ok(Some(update))
    }

    /// The state after the updates so far.
    pub fn state(&self) -> &TeamState {
        &self.state
    }
}

impl TeamState {
    /// Applies an update that arrived at `now`.
    pub fn apply(&mut self, update: &TeamUpdate, now: Instant) {
        match update {
            TeamUpdate::Snapshot(snapshot) => self.snapshot = Some((**snapshot).clone()),
            TeamUpdate::Lost(lost) => self.lost += lost,
            TeamUpdate::Event(record) => {
                if let TeamEvent::Step(step) = &record.event {
                    self.last_step.insert(step.engine.clone(), now);
                }
                if let Some(snapshot) = &mut self.snapshot {
                    snapshot.apply(record);
                }
            }
        }
    }

    /// The snapshot with the later events applied; `None` before the first one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// Step record of `engine` for the last second; `None` if it computed nothing or has no record
    /// yet.
    pub fn last_second(&self, engine: &str, now: Instant) -> Option<&StepRecord> {
        let at = self.last_step.get(engine)?;
        let fresh = now.saturating_duration_since(*at) < MAX_STEP_AGE;
        let engines = self.snapshot.as_ref().filter(|_| fresh)?.engines.iter();
        engines.into_iter().find(|known| known.engine == engine)?.step.as_ref()
    }

    /// Number of events lost because this client was too slow.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
