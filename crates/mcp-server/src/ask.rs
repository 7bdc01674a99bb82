//! `ask_agent` and `list_agents`.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::openai::ModelCard;
use harmonic_api::{ChatEvent, Client};
use harmonic_app::conversation::{AnswerOptions, Conversation};
use harmonic_types::{AgentName, Event, counted};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};
use tokio::time::{Instant, interval_at};

use crate::arguments::{AskAgent, TEXT, check_name, check_text};
use crate::failure::Failure;
use crate::reporter::Reporter;

/// Bytes of an answer, at most: more than any context holds.
const ANSWER: usize = 16 << 20;

/// Between two reports of progress.
const REPORTS: Duration = Duration::from_secs(2);

/// Base model of what is no agent but the team.
const TEAM: &str = "team";

/// The agents.
pub(crate) async fn list_agents(client: &Client) -> Result<CallToolResult, Failure> {
    let cards = client.model_cards().await?;
    let agents: Vec<&ModelCard> =
        cards.iter().filter(|card| card.model.as_deref() != Some(TEAM)).collect();
    let lines = agents.iter().map(|card| {
        let role = card.role.as_deref().unwrap_or("no description");
        let model = card.model.as_deref().unwrap_or("unknown model");
        let context = match card.context {
            Some(tokens) => format!("{tokens} tokens"),
            None => "unknown context".to_owned(),
        };
        format!("{}: {role} ({model}, {context})", card.id)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    let agents: Vec<_> = agents
        .iter()
        .map(|card| {
            json!({
                "name": card.id, "role": card.role, "model": card.model, "context": card.context
            })
        })
        .collect();
    result.structured_content = Some(json!({ "agents": agents }));
    Ok(result)
}

/// The answer of an agent. Dropping the future cancels it.
pub(crate) async fn ask_agent(
    client: &Client,
    arguments: &AskAgent,
    reporter: &mut Reporter,
) -> Result<CallToolResult, Failure> {
    check(arguments)?;
    let AskAgent { agent, prompt, max_tokens } = arguments;
    let options = AnswerOptions { max_tokens: *max_tokens, ..AnswerOptions::default() };
    let request = Conversation::new(AgentName(agent.clone()), None, options).request(prompt);
    let mut ticks = interval_at(Instant::now() + REPORTS, REPORTS);
    let mut opening = Box::pin(client.chat(&request));
    let mut stream = loop {
        tokio::select! {
            opened = &mut opening => break opened?,
            _ = ticks.tick() => reporter.report(0, None, format!("{agent} waits for a slot")).await,
        }
    };
    let (mut answer, mut finish, mut usage) = (String::new(), None, None);
    let mut parts = 0;
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            _ = ticks.tick() => {
                reporter.report(0, None, format!("{agent} has written {}", counted(parts, "part"))).await;
                continue;
            }
        };
        match event.transpose()? {
            Some(ChatEvent::Delta(event)) => {
                parts += 1;
                if let Event::Text { text, .. } = event {
                    answer.push_str(&text);
                }
                if answer.len() > ANSWER {
                    return Err(Failure::new(format!(
                        "the answer of {agent} has more than {ANSWER} bytes: set `max_tokens`"
                    )));
                }
            }
            Some(ChatEvent::Finish { reason }) => finish = Some(reason),
            Some(ChatEvent::Usage(counts)) => usage = Some(counts),
            None => break,
        }
    }
    let is_cut = finish.as_deref() == Some("length");
    let note = "the answer was cut off: it reached max_tokens or the end of the context";
    let about = json!({ "agent": agent, "finish_reason": finish, "usage": usage });
    Ok(answered(answer, is_cut.then_some(note), about))
}

/// Checks what an agent is asked.
pub(crate) fn check(arguments: &AskAgent) -> Result<(), Failure> {
    check_name("agent", &arguments.agent)?;
    check_text("prompt", &arguments.prompt, TEXT)?;
    if arguments.max_tokens == Some(0) {
        return Err(Failure::new(
            "invalid `max_tokens` 0: expected 1 or more, or none for no limit",
        ));
    }
    Ok(())
}

/// The result of an answer, with what is to be said of it.
pub(crate) fn answered(answer: String, note: Option<&str>, about: Value) -> CallToolResult {
    let note = note.map(|note| ContentBlock::text(format!("[{}.]", capitalised(note))));
    let content = [ContentBlock::text(answer)].into_iter().chain(note);
    let mut result = CallToolResult::success(content.collect());
    result.structured_content = Some(about);
    result
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}
