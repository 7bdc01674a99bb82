//! A running team, watched over its event stream.
//!
//! Invariant: the state is the last snapshot with the events since, folded as the server folds them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use harmonic_api::{Client, TeamEvents};

use harmonic_events::{EventRecord, Snapshot, StepRecord, TeamEvent};
use serde::Serialize;

pub use harmonic_api::TeamUpdate;

use crate::error::Result;

/// Age at which a step record says nothing of now: one comes each second while there is work.
const STALE: Duration = Duration::from_millis(2500);

/// A team and what is known of it by now.
#[derive(Debug)]
pub struct Watch {
    events: TeamEvents,
    state: TeamState,
}

/// What the updates add up to.
#[derive(Debug, Default)]
pub struct TeamState {
    snapshot: Option<Snapshot>,
    /// When the latest step record of each engine came.
    stepped: BTreeMap<String, Instant>,
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
    /// Events that were lost.
    Lost {
        /// `lost`.
        r#type: &'static str,
        /// Their number.
        lost: u64,
    },
    /// An event, which has its type in itself.
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
    /// The team behind `client`, from now on.
    ///
    /// # Errors
    /// When the server does not answer, or is not one of ours.
    pub async fn start(client: &Client) -> Result<Self> {
        let events = client.events(None).await?;
        Ok(Self { events, state: TeamState::default() })
    }

    /// The next update; `None` once the server has ended.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<TeamUpdate>> {
        let Some(update) = self.events.next().await.transpose()? else { return Ok(None) };
        self.state.take(&update, Instant::now());
        Ok(Some(update))
    }

    /// What the updates so far add up to.
    pub fn state(&self) -> &TeamState {
        &self.state
    }
}

impl TeamState {
    /// Takes an update that came at `now`.
    pub fn take(&mut self, update: &TeamUpdate, now: Instant) {
        match update {
            TeamUpdate::Snapshot(snapshot) => self.snapshot = Some((**snapshot).clone()),
            TeamUpdate::Lost(lost) => self.lost += lost,
            TeamUpdate::Event(record) => {
                if let TeamEvent::Step(step) = &record.event {
                    self.stepped.insert(step.engine.clone(), now);
                }
                if let Some(snapshot) = &mut self.snapshot {
                    snapshot.apply(record);
                }
            }
        }
    }

    /// The state; `None` before the first snapshot.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// What `engine` computed in the last second; `None` where it computed nothing, or nothing is
    /// known of it yet.
    pub fn last_second(&self, engine: &str, now: Instant) -> Option<&StepRecord> {
        let at = self.stepped.get(engine)?;
        let fresh = now.saturating_duration_since(*at) < STALE;
        let engines = self.snapshot.as_ref().filter(|_| fresh)?.engines.iter();
        engines.into_iter().find(|known| known.engine == engine)?.step.as_ref()
    }

    /// Events that were lost because this client was too slow.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
