//! Runs of a harmonic server.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use harmonic_orchestrator::{Approval, ApprovalId};
use harmonic_types::{RunId, RunRecord};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError, client_events, document};
use crate::runs::{
    ApprovalList, CreateRun, DecideApproval, LostUpdates, RunList, RunReplay, RunSnapshot,
    RunSummary, RunToolList, RunUpdate, Verdict,
};

/// What the stream of a run yields. The first item is a snapshot, unless the stream goes on after an
/// event that is still known.
#[derive(Clone, Debug, PartialEq)]
pub enum RunNews {
    /// The state now; later updates add to it.
    Snapshot(Box<RunSnapshot>),
    /// Number of updates that this client was too slow for; a snapshot follows.
    Lost(u64),
    /// One change.
    Update(Box<RunUpdate>),
}

/// The event stream of a run. It ends with the run, or after one error.
pub struct RunNewsStream {
    url: Url,
    events: BoxStream<'static, Result<eventsource_stream::Event, ClientError>>,
    ended: bool,
}

impl Client {
    /// Starts a run.
    ///
    /// # Errors
    /// As [`Client::chat`], and [`ClientError::Protocol`] for a response that is none of runs; so do
    /// all functions for runs.
    pub async fn create_run(&self, run: &CreateRun) -> Result<RunSummary, ClientError> {
        self.posted("runs", Some(run), "a run").await
    }

    /// The runs of this client's key, newest first.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn runs(&self) -> Result<Vec<RunSummary>, ClientError> {
        let list: RunList = self.document("runs", "a list of runs").await?;
        Ok(list.runs)
    }

    /// The record of a run.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn run(&self, id: &RunId) -> Result<RunRecord, ClientError> {
        self.document(&format!("runs/{id}"), "the record of a run").await
    }

    /// What happens in a run from now on, or after the event `after`.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn run_events(
        &self,
        id: &RunId,
        after: Option<u64>,
    ) -> Result<RunNewsStream, ClientError> {
        let url = self.url(&format!("runs/{id}/events"));
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
        Ok(RunNewsStream { url, events, ended: false })
    }

    /// The open questions of a run, oldest first.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn run_approvals(&self, id: &RunId) -> Result<Vec<Approval>, ClientError> {
        let path = format!("runs/{id}/approvals");
        let list: ApprovalList = self.document(&path, "a list of approvals").await?;
        Ok(list.approvals)
    }

    /// Answers a question of a run. Returns those that are left.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn decide_run(
        &self,
        id: &RunId,
        ApprovalId(approval): ApprovalId,
        decision: Verdict,
    ) -> Result<Vec<Approval>, ClientError> {
        let path = format!("runs/{id}/approvals/{approval}");
        let body = DecideApproval { decision };
        let list: ApprovalList = self.posted(&path, Some(&body), "a list of approvals").await?;
        Ok(list.approvals)
    }

    /// Interrupts a run, so that it can be resumed.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn stop_run(&self, id: &RunId) -> Result<RunSummary, ClientError> {
        self.posted(&format!("runs/{id}/stop"), None::<&()>, "a run").await
    }

    /// Lets a stopped run go on.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn resume_run(&self, id: &RunId) -> Result<RunSummary, ClientError> {
        self.posted(&format!("runs/{id}/resume"), None::<&()>, "a run").await
    }

    /// Does a finished run again without a model.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn replay_run(&self, id: &RunId) -> Result<RunReplay, ClientError> {
        self.posted(&format!("runs/{id}/replay"), None::<&()>, "a replay").await
    }

    /// Ends a run and removes it.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn remove_run(&self, id: &RunId) -> Result<(), ClientError> {
        let url = self.url(&format!("runs/{id}"));
        self.send(&url, |client| client.delete(url.clone())).await.map(drop)
    }

    /// The tools of a run, and whether a process offers those of its client.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn run_tools(&self, id: &RunId) -> Result<RunToolList, ClientError> {
        self.document(&format!("runs/{id}/tools"), "the tools of a run").await
    }

    /// Posts `body` to `path`, and reads the document that comes back.
    async fn posted<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&B>,
        expected: &str,
    ) -> Result<T, ClientError> {
        let (url, response) = self.post_once(path, body).await?;
        document(&url, response, expected).await
    }

    /// Posts `body` to `path`, once.
    pub(super) async fn post_once<B: Serialize>(
        &self,
        path: &str,
        body: Option<&B>,
    ) -> Result<(Url, Response), ClientError> {
        let url = self.url(path);
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("the request cannot be written as JSON: {error}"),
        })?;
        let body = bytes::Bytes::from(body.unwrap_or_default());
        let response = self
            .send_once(&url, |client| {
                client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone())
            })
            .await?;
        Ok((url, response))
    }
}

impl RunNewsStream {
    /// The item of `event`; `None` at the end.
    fn news(&self, event: &eventsource_stream::Event) -> Result<Option<RunNews>, ClientError> {
        let data = event.data.as_str();
        let news = match event.event.as_str() {
            "end" => return Ok(None),
            "snapshot" => serde_json::from_str::<RunSnapshot>(data)
                .map(|snapshot| RunNews::Snapshot(Box::new(snapshot))),
            "lost" => {
                serde_json::from_str::<LostUpdates>(data).map(|lost| RunNews::Lost(lost.lost))
            }
            _ => serde_json::from_str::<RunUpdate>(data)
                .map(|update| RunNews::Update(Box::new(update))),
        };
        news.map(Some).map_err(|error| ClientError::Protocol {
            url: self.url.to_string(),
            reason: format!("not an event of a run (`{}`): {error}", event.event),
        })
    }
}

impl Stream for RunNewsStream {
    type Item = Result<RunNews, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let news = match ready!(self.events.poll_next_unpin(cx)) {
            Some(Ok(event)) => self.news(&event).transpose(),
            Some(Err(error)) => Some(Err(error)),
            None => {
                let message = "the event stream ended before the run".to_owned();
                Some(Err(ClientError::BrokenOff { message }))
            }
        };
        self.ended = !matches!(news, Some(Ok(_)));
        Poll::Ready(news)
    }
}

impl fmt::Debug for RunNewsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunNewsStream").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
