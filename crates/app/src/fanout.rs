//! Fan-out of one question each to several agents at the same time.
//!
//! Owns: the requests over HTTP, as of any client, the timing of each answer, and forwarding every
//! chunk of text to an [`AnswerSink`] on arrival.

mod questions;

pub use questions::of as questions;

use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client, ClientError};
use harmonic_types::{AgentName, Event};

use crate::error::{AppError, Result};

/// Limit of an answer, in tokens: enough for a few sentences, short enough for seven answers.
pub const MAX_TOKENS: u32 = 60;

/// Fixed, for the same answers each time, as far as batches of different shapes allow.
const SEED: i64 = 7;

/// Receiver of answers as they arrive.
pub trait AnswerSink {
    /// Called before the questions are sent.
    ///
    /// # Errors
    /// When the output fails.
    fn begin(&mut self, questions: &[(AgentName, String)]) -> std::io::Result<()>;

    /// Called for each chunk of text, of the agent at `index` of the questions.
    ///
    /// # Errors
    /// When the output fails.
    fn text(&mut self, index: usize, chunk: &str) -> std::io::Result<()>;

    /// Called when all answers have ended.
    ///
    /// # Errors
    /// When the output fails.
    fn end(&mut self, answers: &[AgentAnswer]) -> std::io::Result<()>;
}

/// One agent's answer.
#[derive(Clone, Debug)]
pub struct AgentAnswer {
    /// The agent.
    pub agent: AgentName,
    /// The question.
    pub question: String,
    /// Text of the answer, reasoning included.
    pub text: String,
    /// Whether the model ended it, not the limit [`MAX_TOKENS`].
    pub complete: bool,
    /// Completion tokens, as counted by the server.
    pub tokens: u32,
    /// Time from the request to the first text; `None` before it.
    pub first: Option<Duration>,
    /// Time from the request to the last event.
    pub took: Duration,
}

impl AgentAnswer {
    /// Output rate over the whole request, in tokens per second; `None` without tokens.
    pub fn tok_s(&self) -> Option<f64> {
        let seconds = self.took.as_secs_f64();
        (seconds > 0.0 && self.tokens > 0).then(|| f64::from(self.tokens) / seconds)
    }
}

/// Sends all questions at once and returns when all are answered, in the order of `questions`.
///
/// # Errors
/// When one of them does not answer.
pub async fn ask_all(
    client: &Client,
    questions: &[(AgentName, String)],
    sink: &mut dyn AnswerSink,
) -> Result<Vec<AgentAnswer>> {
    sink.begin(questions)?;
    let began = Instant::now();
    let mut answers: Vec<AgentAnswer> = questions
        .iter()
        .map(|(agent, question)| AgentAnswer {
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
        let event = event.map_err(AppError::context(format!("{} did not answer", answer.agent)))?;
        answer.took = began.elapsed();
        match event {
            ChatEvent::Delta(Event::Text { text, .. } | Event::Reasoning { text }) => {
                answer.first.get_or_insert(answer.took);
                answer.text.push_str(&text);
                sink.text(index, &text)?;
            }
            // The request has no tools.
            ChatEvent::Delta(_) => {}
            ChatEvent::Finish { reason } => answer.complete = reason == "stop",
            ChatEvent::Usage(usage) => answer.tokens = usage.completion_tokens,
        }
    }
    sink.end(&answers)?;
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
