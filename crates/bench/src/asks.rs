//! The requests of a series, one after the other, and how each is read.
//!
//! Owns: whose turn it is, which prompt comes next, and the patience with a stream.
//!
//! Invariants: no prompt comes twice, unless the protocol wants like ones.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use harmonic_types::AgentName;
use tokio::time::{Instant, timeout};

use crate::config::{BenchConfig, Load};
use crate::meter::Done;
use crate::prompt::Prompts;
use crate::target::{Arrival, Ask, Counted, Target, TargetError};

/// The requests of a series.
#[derive(Debug)]
pub struct Asks<'a> {
    config: &'a BenchConfig,
    load: &'a Load,
    prompts: Prompts,
    next: AtomicU64,
}

impl<'a> Asks<'a> {
    /// From request `first` on, with prompts of `words` words.
    pub fn new(config: &'a BenchConfig, load: &'a Load, words: u32, first: u64) -> Self {
        let prompts = Prompts::new(config.seed, words);
        Self { config, load, prompts, next: AtomicU64::new(first) }
    }

    /// The settings they follow.
    pub const fn config(&self) -> &'a BenchConfig {
        self.config
    }

    /// Requests so far, those of earlier series included.
    pub fn asked(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The next one: the agents take turns.
    pub fn next(&self, output_tokens: u32) -> Ask {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let agents = &self.load.agents;
        let turn = usize::try_from(index % agents.len() as u64).unwrap_or(0);
        let prompt = if self.config.unique_prompts { index } else { 0 };
        Ask {
            agent: agents[turn].clone(),
            prompt: self.prompts.get(prompt),
            output_tokens,
            ignore_eos: self.config.ignore_eos,
            temperature: self.config.temperature,
        }
    }

    /// One token of `agent`.
    pub fn to(&self, agent: &AgentName) -> Ask {
        Ask { agent: agent.clone(), ..self.next(1) }
    }

    /// A prompt of this many words that comes only here.
    pub fn prompt_of(&self, words: u32) -> String {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Prompts::new(self.config.seed, words).get(index)
    }

    /// Sends the next request, of full length, and stamps what arrives by the time since `began`.
    pub async fn timed<T: Target>(&self, target: &T, began: Instant) -> Result<Done, TargetError> {
        let sent = began.elapsed();
        let mut outputs = Vec::new();
        let ask = self.next(self.config.output_tokens);
        let counted = self.answer(target, ask, || outputs.push(began.elapsed())).await?;
        let ended = began.elapsed();
        if outputs.is_empty() {
            // Tokens without text: all there is to time is the end.
            outputs.push(ended);
        }
        Ok(Done { sent, outputs, ended, counted, opening: false })
    }

    /// Sends `ask` and reads the answer to its end; `output` hears of each arrival.
    pub async fn answer<T: Target>(
        &self,
        target: &T,
        ask: Ask,
        mut output: impl FnMut(),
    ) -> Result<Counted, TargetError> {
        let limit = self.config.stall_limit;
        let stalled = |_| TargetError::Stalled { target: target.name(), seconds: limit.as_secs() };
        let mut answer = timeout(limit, target.ask(ask)).await.map_err(stalled)??;
        loop {
            match timeout(limit, answer.next()).await.map_err(stalled)? {
                Some(Ok(Arrival::Output)) => output(),
                Some(Ok(Arrival::Finished(counted))) => return Ok(counted),
                Some(Err(error)) => return Err(error),
                None => return Err(TargetError::NoUsage { target: target.name() }),
            }
        }
    }
}
