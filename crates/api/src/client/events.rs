//! The event stream of our own server.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use harmonic_events::{EventRecord, SCHEMA, Snapshot};
use reqwest::Url;
use serde::Deserialize;

use super::{Client, ClientError, client_events};

/// What the stream of a team yields. The first item is a snapshot, unless the stream goes on after
/// an event that is still known.
#[derive(Clone, Debug, PartialEq)]
pub enum TeamUpdate {
    /// The state now; later events add to it.
    Snapshot(Box<Snapshot>),
    /// Number of events that this client was too slow for; a snapshot follows.
    Lost(u64),
    /// One event.
    Event(Box<EventRecord>),
}

/// The event stream of a team. Ends when the server does, or after one error.
pub struct TeamEvents {
    url: Url,
    events: BoxStream<'static, Result<eventsource_stream::Event, ClientError>>,
    ended: bool,
}

#[derive(Deserialize)]
struct Lost {
    lost: u64,
}

impl Client {
    /// What happens in the team behind the server from now on, or after the event `after`.
    ///
    /// # Errors
    /// As [`Client::chat`].
    pub async fn events(&self, after: Option<u64>) -> Result<TeamEvents, ClientError> {
        let url = self.url("events");
        let response = self
            .send(&url, |client| {
                let request = client.get(url.clone());
                match after {
                    Some(after) => request.header("last-event-id", after.to_string()),
                    None => request,
                }
            })
            .await?;
        let events = client_events(&url, response);
        Ok(TeamEvents { url, events, ended: false })
    }
}

impl TeamEvents {
    fn update(&self, event: &eventsource_stream::Event) -> Result<TeamUpdate, ClientError> {
        let wrong = |reason: String| ClientError::Protocol { url: self.url.to_string(), reason };
        let data = event.data.as_str();
        let update = match event.event.as_str() {
            "snapshot" => serde_json::from_str::<Snapshot>(data)
                .map(|snapshot| TeamUpdate::Snapshot(Box::new(snapshot))),
            "lost" => serde_json::from_str::<Lost>(data).map(|lost| TeamUpdate::Lost(lost.lost)),
            _ => serde_json::from_str::<EventRecord>(data)
                .map(|record| TeamUpdate::Event(Box::new(record))),
        };
        let update = update.map_err(|error| {
            wrong(format!("not an event of a harmonic server (`{}`): {error}", event.event))
        })?;
        match &update {
            TeamUpdate::Snapshot(snapshot) if snapshot.schema != SCHEMA => {
                let found = &snapshot.schema;
                Err(wrong(format!("its events have the schema `{found}`: expected `{SCHEMA}`")))
            }
            _ => Ok(update),
        }
    }
}

impl Stream for TeamEvents {
    type Item = Result<TeamUpdate, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let update = match ready!(self.events.poll_next_unpin(cx)) {
            Some(Ok(event)) => Some(self.update(&event)),
            Some(Err(error)) => Some(Err(error)),
            None => None,
        };
        self.ended = !matches!(update, Some(Ok(_)));
        Poll::Ready(update)
    }
}

impl fmt::Debug for TeamEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeamEvents").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
