//! `harmonic chat`.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use harmonic_api::ClientError;
use harmonic_app::Settings;
use harmonic_app::conversation::Conversation;
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};
use harmonic_repl::dialogue::{Dialogue, check};
use harmonic_repl::stream_printer::{AnswerError, StreamPrinter};

use crate::error::CliError;
use crate::exit::Exit;
use harmonic_cli::Chat;

pub async fn run(
    args: &Chat,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let server = args.server.choice().client(settings, &Progress::on(printer))?;
    let client = server.client;
    let url = client.base_url();
    let agents = stop.or(client.models()).await?.map_err(|error| unlisted(error, url))?;
    check(&args.agent, &agents)?;
    let conversation = Conversation::new(args.agent.clone(), args.system.clone(), args.options());
    if io::stdin().is_terminal() && printer.data_is_live() && args.question.is_none() {
        let (stats, signals) = (args.stats, stop.hand_over()?);
        let dialogue = Dialogue { client, agents, conversation, stats, printer, signals };
        dialogue.run().await?;
        return Ok(Exit::Ok);
    }
    let question = match &args.question {
        Some(question) => question.clone(),
        None => question_on_stdin()?,
    };
    if question.is_empty() {
        let command = format!("harmonic chat {}{} \"…\"", args.agent, server.option);
        let hint = format!("pass it as an argument: {command}");
        let place = if args.question.is_some() { "" } else { " on stdin" };
        return Err(CliError::new(format!("no question{place}"), hint).into());
    }
    let mut answer = StreamPrinter::on(printer, args.stats);
    let answered = stop.or(answer.answer(&client, &conversation.request(&question))).await;
    answer.end()?;
    answered?.map_err(failed)?;
    Ok(Exit::Ok)
}

/// `error` of the list of agents of the server at `url`.
fn unlisted(error: ClientError, url: &str) -> anyhow::Error {
    if matches!(error, ClientError::Unreachable { .. }) {
        return error.into();
    }
    anyhow::Error::from(error).context(format!("cannot get the agents of the server at {url}"))
}

/// The error itself, whose remedy is found by its type.
fn failed(error: AnswerError) -> anyhow::Error {
    match error {
        AnswerError::Client(error) => error.into(),
        AnswerError::Output(error) => error.into(),
    }
}

/// Longest question on stdin, in bytes: servers read no longer body by default, and stdin may be
/// endless.
const QUESTION_LIMIT: u64 = 16 << 20;

fn question_on_stdin() -> anyhow::Result<String> {
    let mut question = Vec::new();
    io::stdin()
        .take(QUESTION_LIMIT + 1)
        .read_to_end(&mut question)
        .context("cannot read the question from stdin")?;
    if question.len() as u64 > QUESTION_LIMIT {
        let hint = "pass a part of it: servers read at most 16 MiB";
        return Err(CliError::new("the question on stdin has more than 16 MiB", hint).into());
    }
    let question = String::from_utf8(question)
        .context("cannot read the question from stdin: expected UTF-8")?;
    Ok(question.trim().to_owned())
}
