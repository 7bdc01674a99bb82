//! Send times of the requests of a trial.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::load::{Answer, Ask, Flight, wave};
use crate::server::Server;
use crate::words::Words;

/// Requests of a trial, with their send times.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// Batches: all requests of a batch at once, the next batch when all are answered. The paper's
    /// protocol.
    Waves(Vec<Vec<Ask>>),
    /// Constant number in flight: each answer triggers the next request. All slots but one are busy
    /// when a request arrives, as in a working team.
    Flow {
        /// In send order.
        asks: Vec<Ask>,
        in_flight: usize,
    },
}

/// Prompt and answer of a request.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Words of the prompt.
    pub words: usize,
    /// Tokens of the answer.
    pub output: u32,
}

impl Question {
    fn to(self, agent: usize, words: &Words) -> Ask {
        Ask { agent, user: words.fresh(self.words), output: self.output }
    }
}

impl Arrivals {
    /// Batches of `level` requests, with alternating agents.
    pub fn waves(words: &Words, agents: usize, level: u32, waves: u32, question: Question) -> Self {
        let wave = |_| (0..level as usize).map(|n| question.to(n % agents, words)).collect();
        Self::Waves((0..waves).map(wave).collect())
    }

    /// `rounds` times `level` requests with `level` in flight, equally many per agent, in random
    /// order.
    pub fn flow(words: &Words, agents: usize, level: u32, rounds: u32, question: Question) -> Self {
        let mut asked: Vec<usize> = (0..(level * rounds) as usize).map(|n| n % agents).collect();
        words.shuffle(&mut asked);
        let asks = asked.into_iter().map(|agent| question.to(agent, words)).collect();
        Self::Flow { asks, in_flight: level as usize }
    }

    /// Sends the requests. Returns the answers, and the time the server was busy.
    pub async fn send(self, server: &Server) -> anyhow::Result<(Vec<Answer>, Duration)> {
        let mut answers = Vec::new();
        let mut busy = Duration::ZERO;
        match self {
            Self::Waves(waves) => {
                for asks in waves {
                    let began = Instant::now();
                    answers.extend(wave(server, &asks).await?);
                    busy += began.elapsed();
                }
            }
            Self::Flow { asks, in_flight } => {
                let began = Instant::now();
                let mut waiting = VecDeque::from(asks);
                let mut flight = Flight::default();
                for ask in waiting.drain(..in_flight.min(waiting.len())) {
                    flight.launch(server, &ask);
                }
                while let Some(answer) = flight.next().await? {
                    answers.push(answer);
                    if let Some(ask) = waiting.pop_front() {
                        flight.launch(server, &ask);
                    }
                }
                busy = began.elapsed();
            }
        }
        Ok((answers, busy))
    }
}
