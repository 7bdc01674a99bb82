//! The requests of a series, in order, and the reception of their responses.
//!
//! Owns: the rotation of agents, the sequence of prompts, and the limits of a stream: the time
//! without output, and the output.
//!
//! Invariants: no prompt is repeated, unless the protocol requires identical prompts.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use harmonic_types::AgentName;
use tokio::time::{Instant, timeout};

use crate::completed_request::CompletedRequest;
use crate::config::{BenchConfig, Load};
use crate::prompt::Prompts;
use crate::target::{ReportedUsage, RequestSpec, StreamEvent, Target, TargetError};

/// Generator of the requests of a series.
#[derive(Debug)]
pub struct Workload<'a> {
    config: &'a BenchConfig,
    load: &'a Load,
    prompts: Prompts,
    next: AtomicU64,
}

impl<'a> Workload<'a> {
    /// Workload starting at request number `first`, with prompts of `words` words.
    pub fn new(config: &'a BenchConfig, load: &'a Load, words: u32, first: u64) -> Self {
        let prompts = Prompts::new(config.seed, words);
        Self { config, load, prompts, next: AtomicU64::new(first) }
    }

    /// Settings of the run.
    pub const fn config(&self) -> &'a BenchConfig {
        self.config
    }

    /// Number of requests generated so far, including those of earlier series.
    pub fn requests(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Next request; agents rotate.
    pub fn next(&self, output_tokens: u32) -> RequestSpec {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let agents = &self.load.agents;
        let turn = usize::try_from(index % agents.len() as u64).unwrap_or(0);
        let prompt = if self.config.unique_prompts { index } else { 0 };
        RequestSpec {
            agent: agents[turn].clone(),
            prompt: self.prompts.get(prompt),
            output_tokens,
            ignore_eos: self.config.ignore_eos,
            temperature: self.config.temperature,
        }
    }

    /// Request for a single token from `agent`.
    pub fn single_token(&self, agent: &AgentName) -> RequestSpec {
        RequestSpec { agent: agent.clone(), ..self.next(1) }
    }

    /// Unique prompt of `words` words.
    pub fn prompt_of(&self, words: u32) -> String {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Prompts::new(self.config.seed, words).get(index)
    }

    /// Sends the next request, of full length, and timestamps its output relative to `started`.
    pub async fn timed<T: Target>(
        &self,
        target: &T,
        started: Instant,
    ) -> Result<CompletedRequest, TargetError> {
        let sent = started.elapsed();
        let mut outputs = Vec::new();
        let request = self.next(self.config.output_tokens);
        let usage = self.receive(target, request, || outputs.push(started.elapsed())).await?;
        let ended = started.elapsed();
        if outputs.is_empty() {
            // Tokens without text: only the end can be timed.
            outputs.push(ended);
        }
        Ok(CompletedRequest { sent, outputs, ended, usage, shortened: false })
    }

    /// Sends `request` and reads the response to its end; `output` is called for each delta.
    pub async fn receive<T: Target>(
        &self,
        target: &T,
        request: RequestSpec,
        mut output: impl FnMut(),
    ) -> Result<ReportedUsage, TargetError> {
        let limit = self.config.stall_limit;
        let stalled = |_| TargetError::Stalled { target: target.name(), seconds: limit.as_secs() };
        let (most, tokens) = (target.most_outputs(&request), request.output_tokens);
        let mut outputs: u64 = 0;
        let mut answer = timeout(limit, target.send(request)).await.map_err(stalled)??;
        loop {
            match timeout(limit, answer.next()).await.map_err(stalled)? {
                Some(Ok(StreamEvent::Output)) if outputs >= most => {
                    return Err(TargetError::Endless { target: target.name(), outputs, tokens });
                }
                Some(Ok(StreamEvent::Output)) => {
                    outputs += 1;
                    output();
                }
                Some(Ok(StreamEvent::Finished(usage))) => return Ok(usage),
                Some(Err(error)) => return Err(error),
                None => return Err(TargetError::NoUsage { target: target.name() }),
            }
        }
    }
}
