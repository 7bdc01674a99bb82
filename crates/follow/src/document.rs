//! What a run's stream yields as JSON, a document a line.

use harmonic_api::RunNews;
use harmonic_api::runs::{RunSnapshot, RunUpdate};
use serde::Serialize;

/// A document; `event` names its kind.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum NewsDocument<'a> {
    /// The state.
    Snapshot {
        /// `snapshot`.
        event: &'static str,
        /// The state.
        #[serde(flatten)]
        snapshot: &'a RunSnapshot,
    },
    /// Lost updates.
    Lost {
        /// `lost`.
        event: &'static str,
        /// Their number.
        lost: u64,
    },
    /// An update, with its own `event`.
    Update(&'a RunUpdate),
}

impl<'a> From<&'a RunNews> for NewsDocument<'a> {
    fn from(news: &'a RunNews) -> Self {
        match news {
            RunNews::Snapshot(snapshot) => Self::Snapshot { event: "snapshot", snapshot },
            RunNews::Lost(lost) => Self::Lost { event: "lost", lost: *lost },
            RunNews::Update(update) => Self::Update(update),
        }
    }
}
