//! One request and its response.
//!
//! Invariant: dropping the future closes the connection, which cancels the request on the server.

use futures::StreamExt;
use harmonic_api::{Client, ClientError};
use harmonic_types::{Event, RequestId};
use tokio::sync::mpsc::UnboundedSender;

use crate::answer::{Answer, End};
use crate::body::Body;

/// What happens in an exchange before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The server answers.
    Accepted(RequestId),
    /// A part of the answer was passed on.
    Part(RequestId),
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: RequestId,
    pub(crate) body: Body,
    /// Whether the answer may have more than one tool call.
    pub(crate) parallel_calls: bool,
    /// Where the parts of the answer go.
    pub(crate) events: UnboundedSender<Event>,
    pub(crate) progress: UnboundedSender<Progress>,
}

impl Exchange {
    /// Sends the request and passes the answer on, but for its final event.
    pub(crate) async fn run(self, client: Client) -> End {
        let Self { id, body, parallel_calls, events, progress } = self;
        let mut stream = match client.stream(body.request, &body.json).await {
            Ok(stream) => stream,
            Err(error) => return refused(error),
        };
        drop(body);
        // Failed sends are ignored here: the engine has ended, or the client is gone and cancels.
        let _ended = progress.send(Progress::Accepted(id));
        let mut answer = Answer::new(parallel_calls);
        while let Some(next) = stream.next().await {
            let mut emit = |event| {
                let _gone = events.send(event);
                let _ended = progress.send(Progress::Part(id));
            };
            let taken = next.map_err(|error| error.to_string());
            if let Err(message) = taken.and_then(|event| answer.take(event, &mut emit)) {
                return End::Failed(message);
            }
        }
        answer.end()
    }
}

/// End of an exchange whose request got no answer. The statuses are those of a request that is at
/// fault itself; any other is the server's or its configuration's.
fn refused(error: ClientError) -> End {
    match error {
        ClientError::Status { status: 400 | 413 | 422, message, .. } => {
            End::Refused(format!("the server of this agent refused the request: {message}"))
        }
        other => End::Failed(other.to_string()),
    }
}
