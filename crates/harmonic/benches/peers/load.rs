//! Load generator, the same client for both servers.
//!
//! Owns: requests in flight, and the arrival times of the pieces of their answers.
//!
//! Invariants: token counts are the server's own; an answer of another length than requested is an
//! error, because its rate would be meaningless.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use harmonic_api::openai::{ChatChunk, Usage};
use tokio::task::{AbortHandle, JoinSet};

use crate::http::Exchange;
use crate::server::Server;

/// Timeout of an answer, after which the run fails.
const PATIENCE: Duration = Duration::from_mins(10);

/// Request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Index of the agent in the team.
    pub agent: usize,
    /// User message.
    pub user: String,
    /// Exact number of tokens to generate.
    pub output: u32,
}

/// Answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub sent: Instant,
    /// Arrival times of text pieces; a piece is one token, or several for a multi-token character.
    pub arrivals: Vec<Instant>,
    pub ended: Instant,
    pub usage: Usage,
}

impl Answer {
    /// Time to first token.
    pub fn ttft(&self) -> Duration {
        self.arrivals.first().map_or(self.ended, |first| *first) - self.sent
    }

    /// Cached prompt tokens.
    pub fn cached(&self) -> u32 {
        self.usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0)
    }
}

/// Requests in flight, numbered in launch order.
#[derive(Default)]
pub struct Flight {
    tasks: JoinSet<(usize, anyhow::Result<Answer>)>,
    running: Vec<(AbortHandle, Arc<AtomicU32>)>,
}

impl Flight {
    /// Sends a request.
    pub fn launch(&mut self, server: &Server, ask: &Ask) {
        let (address, body, output) = (server.address(), server.body(ask), ask.output);
        let seen = Arc::new(AtomicU32::new(0));
        let number = self.running.len();
        let task = {
            let seen = Arc::clone(&seen);
            async move { (number, answer(address, &body, output, &seen).await) }
        };
        self.running.push((self.tasks.spawn(task), seen));
    }

    /// Number of text pieces received by request `number`.
    pub fn seen(&self, number: usize) -> u32 {
        self.running.get(number).map_or(0, |(_, seen)| seen.load(Ordering::Relaxed))
    }

    /// Closes the connection of request `number`.
    pub fn cancel(&self, number: usize) {
        if let Some((task, _)) = self.running.get(number) {
            task.abort();
        }
    }

    /// Waits until every request has received `pieces`.
    pub async fn until_each_has(&self, pieces: u32) -> anyhow::Result<()> {
        let began = Instant::now();
        while (0..self.running.len()).any(|number| self.seen(number) < pieces) {
            if began.elapsed() > PATIENCE {
                bail!("an answer has no {pieces} pieces after {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Next complete answer; `None` if nothing is in flight.
    pub async fn next(&mut self) -> anyhow::Result<Option<Answer>> {
        let next = tokio::time::timeout(PATIENCE, self.tasks.join_next()).await;
        match next.context("an answer takes too long")? {
            None => Ok(None),
            Some(landed) => landed?.1.map(Some),
        }
    }

    /// Waits for all requests. Answers in launch order; `None` for cancelled ones.
    pub async fn land(mut self) -> anyhow::Result<Vec<Option<Answer>>> {
        let mut answers = vec![None; self.running.len()];
        loop {
            let next = tokio::time::timeout(PATIENCE, self.tasks.join_next()).await;
            match next.context("an answer takes too long")? {
                None => return Ok(answers),
                Some(Ok((number, answer))) => answers[number] = Some(answer?),
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }
}

/// Sends all requests at once and waits for all.
pub async fn wave(server: &Server, asks: &[Ask]) -> anyhow::Result<Vec<Answer>> {
    let mut flight = Flight::default();
    for ask in asks {
        flight.launch(server, ask);
    }
    let answers = flight.land().await.with_context(|| format!("asking {}", server.name()))?;
    Ok(answers.into_iter().flatten().collect())
}

async fn answer(
    server: SocketAddr,
    body: &str,
    output: u32,
    seen: &AtomicU32,
) -> anyhow::Result<Answer> {
    let sent = Instant::now();
    let mut exchange = Exchange::post(server, "/v1/chat/completions", body).await?;
    let mut arrivals = Vec::with_capacity(output as usize);
    let mut usage = None;
    while let Some(data) = exchange.event().await? {
        if has_text(data) {
            arrivals.push(Instant::now());
            seen.fetch_add(1, Ordering::Relaxed);
        } else if data != b"[DONE]" {
            // Only chunks without text are parsed.
            let chunk: ChatChunk<'_> = serde_json::from_slice(data)
                .with_context(|| String::from_utf8_lossy(data).into_owned())?;
            usage = chunk.usage.or(usage);
        }
    }
    let ended = Instant::now();
    let usage = usage.context("the answer ended without its usage")?;
    if usage.completion_tokens != output {
        bail!("{} tokens came where {output} were asked for", usage.completion_tokens);
    }
    Ok(Answer { sent, arrivals, ended, usage })
}

/// Whether a chunk has text: a `content` that is neither null nor empty.
fn has_text(chunk: &[u8]) -> bool {
    const KEY: &[u8] = br#""content":""#;
    let at = chunk.windows(KEY.len()).position(|window| window == KEY);
    at.is_some_and(|at| chunk.get(at + KEY.len()) != Some(&b'"'))
}
