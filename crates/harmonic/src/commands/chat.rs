//! `harmonic chat`.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use harmonic_api::{Client, ClientError};
use harmonic_app::Settings;
use harmonic_app::conversation::Conversation;
use harmonic_render::{Printer, Progress};
use harmonic_repl::command::{Command, HELP};
use harmonic_repl::lines::{Line, Lines};
use harmonic_repl::stream_printer::{AnswerError, StreamPrinter};
use harmonic_signals::{Signal, Signals, Stop};
use harmonic_types::{AgentName, did_you_mean};

use crate::cli::Chat;
use crate::error::{self, CliError};
use crate::exit::Exit;

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
        return Repl { client, agents, conversation, stats, printer, signals }.run().await;
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

fn question_on_stdin() -> anyhow::Result<String> {
    let mut question = String::new();
    io::stdin()
        .read_to_string(&mut question)
        .context("cannot read the question from stdin: expected UTF-8")?;
    Ok(question.trim().to_owned())
}

fn check(agent: &AgentName, agents: &[String]) -> Result<(), CliError> {
    if agents.contains(&agent.0) {
        return Ok(());
    }
    let meant = did_you_mean(&agent.0, agents.iter().map(String::as_str));
    let hint = format!("use one of {}", agents.join(", "));
    Err(CliError::new(format!("unknown agent `{agent}`{meant}"), hint))
}

/// Read-eval-print loop over one conversation.
struct Repl<'a> {
    client: Client,
    agents: Vec<String>,
    conversation: Conversation,
    stats: bool,
    printer: &'a Printer,
    signals: Signals,
}

impl Repl<'_> {
    async fn run(mut self) -> anyhow::Result<Exit> {
        self.printer.message("/help lists the commands; Ctrl-C stops an answer, Ctrl-D exits");
        let mut lines = Lines::start()?;
        loop {
            lines.prompt(&format!("{} ▸ ", self.conversation.agent));
            let line = loop {
                tokio::select! {
                    line = lines.next() => break line,
                    signal = self.signals.next() => {
                        if signal == Signal::Terminate {
                            return Ok(Exit::Ok);
                        }
                    }
                }
            };
            match line {
                Line::Text(line) => {
                    if !self.execute(Command::of(&line)).await? {
                        return Ok(Exit::Ok);
                    }
                }
                Line::Discarded => {}
                Line::End => return Ok(Exit::Ok),
                Line::Failed(error) => return Err(error).context("cannot read the terminal"),
            }
        }
    }

    /// Executes a line. Returns whether to continue.
    async fn execute(&mut self, command: Command) -> anyhow::Result<bool> {
        match command {
            Command::Empty => {}
            Command::Ask(question) => return self.ask(&question).await,
            Command::Agents => self.printer.message(&self.agents.join("\n")),
            Command::Agent(name) => {
                let agent = AgentName(name);
                match check(&agent, &self.agents) {
                    Ok(()) => self.conversation.agent = agent,
                    Err(error) => self.report(&error.into()),
                }
            }
            Command::System(text) => self.conversation.system = text,
            Command::Clear => self.conversation.clear(),
            Command::Help => self.printer.message(HELP),
            Command::Invalid(message) => self.printer.message(&message),
        }
        Ok(true)
    }

    fn report(&self, error: &anyhow::Error) {
        self.printer.error(error.as_ref(), error::hint(error).as_deref());
    }

    /// Returns whether to continue. A failed request does not end the loop.
    async fn ask(&mut self, question: &str) -> anyhow::Result<bool> {
        let mut answer = StreamPrinter::on(self.printer, self.stats);
        let request = self.conversation.request(question);
        let signal = tokio::select! {
            answered = answer.answer(&self.client, &request) => {
                if let Err(error) = answered {
                    answer.end()?;
                    self.report(&failed(error));
                }
                None
            }
            signal = self.signals.next() => Some(signal),
        };
        answer.end()?;
        self.conversation.record(question, answer.text());
        if signal == Some(Signal::Interrupt) {
            self.printer.message("(stopped)");
        }
        Ok(signal != Some(Signal::Terminate))
    }
}
