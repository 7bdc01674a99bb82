//! When the requests of a trial are sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::load::{Answer, Ask, Flight, wave};
use crate::server::Server;
use crate::words::Words;

/// The requests of a trial, and when each is sent.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// All of a wave at once, the next wave when the last of it has its answer: the paper's protocol.
    Waves(Vec<Vec<Ask>>),
    /// So many in flight at any time: whoever has an answer asks the next question at once. All
    /// slots but one are busy when a request arrives, as in a team at work.
    Flow {
        /// In the order in which they are sent.
        asks: Vec<Ask>,
        in_flight: usize,
    },
}

/// What an agent is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Words of it.
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
    /// Waves of `level` requests, the agents in turn.
    pub fn waves(words: &Words, agents: usize, level: u32, waves: u32, question: Question) -> Self {
        let wave = |_| (0..level as usize).map(|n| question.to(n % agents, words)).collect();
        Self::Waves((0..waves).map(wave).collect())
    }

    /// `rounds` times `level` requests with `level` in flight, to agents drawn at random: as many to
    /// each, in an order that is new each time.
    pub fn flow(words: &Words, agents: usize, level: u32, rounds: u32, question: Question) -> Self {
        let mut asked: Vec<usize> = (0..(level * rounds) as usize).map(|n| n % agents).collect();
        words.shuffle(&mut asked);
        let asks = asked.into_iter().map(|agent| question.to(agent, words)).collect();
        Self::Flow { asks, in_flight: level as usize }
    }

    /// Sends them. The answers, and how long the server was at work.
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
