//! Calls of the tools that this process offers to a run.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use harmonic_types::{RunId, RunToken};
use reqwest::Url;
use reqwest::header::HeaderName;

use super::{Client, ClientError, client_events, secret};
use crate::runs::{AnswerToolCall, ToolCallEvent};

/// Header with the token that the tools of this process know.
const OFFERED: HeaderName = HeaderName::from_static(RunToken::OFFERED_HEADER);

/// The calls of a run for this process. It ends with the run, or after one error.
pub type ToolCallStream = BoxStream<'static, Result<ToolCallEvent, ClientError>>;

impl Client {
    /// The calls of the tools that this process offers to a run. An older connection for them gets
    /// no more; where it was of another `process`, what it was given is lost. What they start with
    /// `token` is part of the run from then on.
    ///
    /// # Errors
    /// As [`Client::create_run`].
    pub async fn tool_calls(
        &self,
        id: &RunId,
        process: &str,
        token: Option<&RunToken>,
    ) -> Result<ToolCallStream, ClientError> {
        let mut url = self.url(&format!("runs/{id}/tool-calls"));
        url.query_pairs_mut().append_pair("process", process);
        let offered = token.map(secret);
        let request = |client: &reqwest::Client| {
            let request = client.get(url.clone());
            offered.iter().fold(request, |request, value| request.header(OFFERED, value.clone()))
        };
        let response = self.send(&url, request).await?;
        let events = client_events(&url, response);
        Ok(stream::unfold(Some((url, events)), |state| async move {
            let (url, mut events) = state?;
            let item = read(&url, events.next().await).transpose()?;
            let is_last = matches!(item, Err(_) | Ok(ToolCallEvent::Replaced));
            Some((item, (!is_last).then_some((url, events))))
        })
        .boxed())
    }

    /// Says what has come of a call.
    ///
    /// # Errors
    /// As [`Client::create_run`]; status 409 for a call that has its answer, or whose time is over.
    pub async fn answer_tool_call(
        &self,
        id: &RunId,
        call: &str,
        answer: &AnswerToolCall,
    ) -> Result<(), ClientError> {
        let path = format!("runs/{id}/tool-calls/{call}");
        self.post_once(&path, Some(answer)).await.map(drop)
    }
}

/// What an item of the stream says; `None` at its end.
fn read(
    url: &Url,
    item: Option<Result<eventsource_stream::Event, ClientError>>,
) -> Result<Option<ToolCallEvent>, ClientError> {
    let url = url.to_string();
    match item {
        Some(Ok(event)) if event.event == "end" => Ok(None),
        Some(Ok(event)) => serde_json::from_str(&event.data).map(Some).map_err(|error| {
            let reason = format!("not a call of a tool (`{}`): {error}", event.event);
            ClientError::Protocol { url, reason }
        }),
        Some(Err(error)) => Err(error),
        None => {
            let message = "the stream of calls ended before the run".to_owned();
            Err(ClientError::BrokenOff { message })
        }
    }
}
