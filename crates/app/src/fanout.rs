//! Several agents asked at the same time, one question each.
//!
//! Owns: asking them over HTTP as any client would, the clock of each answer, and handing every
//! piece of text to a [`Stage`] the moment it arrives.

mod questions;

pub use questions::of as questions;

use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client, ClientError};
use harmonic_types::{AgentName, Event};

use crate::error::{AppError, Result};

/// Longest answer: enough for a few sentences, short enough for seven of them.
pub const MAX_TOKENS: u32 = 60;

/// The same seed gives the same answers, as far as batches of different shapes allow.
const SEED: i64 = 7;

/// Receiver of text as it arrives.
pub trait Stage {
    /// The agents have been asked.
    ///
    /// # Errors
    /// When it cannot be shown.
    fn begin(&mut self, questions: &[(AgentName, String)]) -> std::io::Result<()>;

    /// More text of the agent at `index`.
    ///
    /// # Errors
    /// When it cannot be shown.
    fn text(&mut self, index: usize, piece: &str) -> std::io::Result<()>;

    /// All have ended.
    ///
    /// # Errors
    /// When it cannot be shown.
    fn end(&mut self, answers: &[Answer]) -> std::io::Result<()>;
}

/// One agent's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who.
    pub agent: AgentName,
    /// What was asked.
    pub question: String,
    /// What was said.
    pub text: String,
    /// Whether it ended by itself, and not at [`MAX_TOKENS`].
    pub complete: bool,
    /// Tokens, as the server counts them.
    pub tokens: u32,
    /// From the request to the first piece of text.
    pub first: Option<Duration>,
    /// From the request to the end.
    pub took: Duration,
}

impl Answer {
    /// Output rate over the whole request; `None` before there is any.
    pub fn tok_s(&self) -> Option<f64> {
        let seconds = self.took.as_secs_f64();
        (seconds > 0.0 && self.tokens > 0).then(|| f64::from(self.tokens) / seconds)
    }
}

/// Asks every agent its question at once and returns when all have answered, in the order of
/// `questions`.
///
/// # Errors
/// When one of them does not answer.
pub async fn ask_all(
    client: &Client,
    questions: &[(AgentName, String)],
    stage: &mut dyn Stage,
) -> Result<Vec<Answer>> {
    stage.begin(questions)?;
    let began = Instant::now();
    let mut answers: Vec<Answer> = questions
        .iter()
        .map(|(agent, question)| Answer {
            agent: agent.clone(),
            question: question.clone(),
            text: String::new(),
            complete: false,
            tokens: 0,
            first: None,
            took: Duration::ZERO,
        })
        .collect();
    let streams = questions.iter().enumerate().map(|(index, (agent, question))| {
        ask(client.clone(), agent, question).map(move |event| (index, event)).boxed()
    });
    let mut events = stream::select_all(streams);
    while let Some((index, event)) = events.next().await {
        let answer = &mut answers[index];
        let event = event.map_err(AppError::doing(format!("{} did not answer", answer.agent)))?;
        answer.took = began.elapsed();
        match event {
            ChatEvent::Delta(Event::Text { text, .. } | Event::Reasoning { text }) => {
                answer.first.get_or_insert(answer.took);
                answer.text.push_str(&text);
                stage.text(index, &text)?;
            }
            // Nobody gave it tools.
            ChatEvent::Delta(_) => {}
            ChatEvent::Finish { reason } => answer.complete = reason == "stop",
            ChatEvent::Usage(usage) => answer.tokens = usage.completion_tokens,
        }
    }
    stage.end(&answers)?;
    Ok(answers)
}

fn ask(
    client: Client,
    agent: &AgentName,
    question: &str,
) -> BoxStream<'static, Result<ChatEvent, ClientError>> {
    let request = ChatRequest {
        model: agent.0.clone(),
        messages: vec![ChatMessage::new("user", question)],
        max_tokens: Some(MAX_TOKENS),
        seed: Some(SEED),
        ..ChatRequest::default()
    };
    stream::once(async move { client.chat(&request).await }).try_flatten().boxed()
}
