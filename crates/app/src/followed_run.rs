//! The news of a run that is followed, over connections that break.
//!
//! Invariant: dropping a future loses nothing, neither news nor the pause before the next connection.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::{Client, ClientError, RunNews, RunNewsStream};
use harmonic_types::RunId;
use tokio::time::{Instant, sleep_until};

/// Times that a broken stream is taken up again, without an event in between.
const RECONNECTIONS: u32 = 5;

/// Pause before each of them.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// A run on a server.
pub struct FollowedRun<'a> {
    client: &'a Client,
    id: &'a RunId,
    stream: Option<RunNewsStream>,
    attempts: u32,
    /// When a stream is begun again that was broken off.
    begin_at: Option<Instant>,
}

impl<'a> FollowedRun<'a> {
    /// The run `id` on the server of `client`. Nothing is read yet.
    pub fn new(client: &'a Client, id: &'a RunId) -> Self {
        Self { client, id, stream: None, attempts: 0, begin_at: None }
    }

    /// The next news after the update `last`; `None` when the run has ended or was stopped.
    ///
    /// # Errors
    /// The server does not answer, several times one after the other, or refuses.
    pub async fn next(&mut self, last: Option<u64>) -> Result<Option<RunNews>, ClientError> {
        loop {
            if let Some(moment) = self.begin_at {
                sleep_until(moment).await;
                self.begin_at = None;
            }
            match self.read(last).await {
                Ok(news) => {
                    self.attempts = 0;
                    return Ok(news);
                }
                Err(ClientError::Unreachable { .. } | ClientError::BrokenOff { .. })
                    if self.attempts < RECONNECTIONS =>
                {
                    self.attempts += 1;
                    self.stream = None;
                    self.begin_at = Some(Instant::now() + RECONNECT_AFTER);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads from the stream, which is begun where there is none.
    async fn read(&mut self, last: Option<u64>) -> Result<Option<RunNews>, ClientError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self.stream.insert(self.client.run_events(self.id, last).await?),
        };
        stream.next().await.transpose()
    }
}

impl std::fmt::Debug for FollowedRun<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FollowedRun").field("id", self.id).finish_non_exhaustive()
    }
}
