//! `harmonic chat`.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use harmonic_api::{Client, ClientError};
use harmonic_app::{Settings, instances};
use harmonic_render::{Printer, Progress};
use harmonic_types::AgentName;

use crate::cli::Chat;
use crate::error::{self, CliError};
use crate::exit::Exit;
use crate::repl::command::{Command, HELP};
use crate::repl::conversation::Conversation;
use crate::repl::lines::{Line, Lines};
use crate::repl::stream_printer::StreamPrinter;
use crate::stop::{Signal, Signals, Stop};

pub async fn run(
    args: &Chat,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let client = server(args, settings, printer)?;
    let agents = stop.or(client.models()).await?.map_err(|error| unreachable(error, &client))?;
    check(&args.agent, &agents)?;
    let talk = Conversation::new(args.agent.clone(), args.system.clone(), args.thinking());
    if let Some(question) = &args.question {
        return once(&client, &talk, question, printer, stop).await;
    }
    if io::stdin().is_terminal() && printer.data_is_live() {
        return Dialogue { client, agents, talk, printer, signals: stop.hand_over()? }.run().await;
    }
    let mut question = String::new();
    io::stdin().read_to_string(&mut question).context("the question on stdin is no text")?;
    once(&client, &talk, question.trim(), printer, stop).await
}

/// The server that is named, else the team that runs here.
fn server(args: &Chat, settings: &Settings, printer: &Printer) -> anyhow::Result<Client> {
    Ok(match &args.url {
        Some(url) => settings.client(url)?,
        None => instances::client(settings, &Progress::on(printer))?,
    })
}

fn unreachable(error: ClientError, client: &Client) -> anyhow::Error {
    let url = client.base_url().to_owned();
    anyhow::Error::from(error).context(format!("cannot ask the server at {url} for its agents"))
}

fn check(agent: &AgentName, agents: &[String]) -> Result<(), CliError> {
    if agents.contains(&agent.0) {
        return Ok(());
    }
    let hint = format!("use one of {}", agents.join(", "));
    Err(CliError::new(format!("there is no agent `{agent}`"), hint))
}

/// One question, one answer.
async fn once(
    client: &Client,
    talk: &Conversation,
    question: &str,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if question.is_empty() {
        let hint = format!("give it as an argument: harmonic chat {} \"…\"", talk.agent);
        return Err(CliError::new("there is no question on stdin", hint).into());
    }
    let mut answer = StreamPrinter::on(printer);
    let request = talk.request(question);
    let answered = stop.or(answer.answer(client, &request)).await;
    answer.end()?;
    answered??;
    Ok(Exit::Ok)
}

/// Questions and answers until the user leaves.
struct Dialogue<'a> {
    client: Client,
    agents: Vec<String>,
    talk: Conversation,
    printer: &'a Printer,
    signals: Signals,
}

impl Dialogue<'_> {
    async fn run(mut self) -> anyhow::Result<Exit> {
        self.printer.say("/help lists the commands; Ctrl-C stops an answer, Ctrl-D leaves");
        let mut lines = Lines::start()?;
        loop {
            lines.prompt(&format!("{} ▸ ", self.talk.agent));
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
                    if !self.follow(Command::of(&line)).await? {
                        return Ok(Exit::Ok);
                    }
                }
                Line::Discarded => {}
                Line::End => return Ok(Exit::Ok),
                Line::Failed(error) => return Err(error).context("cannot read the terminal"),
            }
        }
    }

    /// Whether to go on.
    async fn follow(&mut self, command: Command) -> anyhow::Result<bool> {
        match command {
            Command::Nothing => {}
            Command::Ask(question) => return self.ask(&question).await,
            Command::Agents => self.printer.say(&self.agents.join("\n")),
            Command::Agent(name) => {
                let agent = AgentName(name);
                match check(&agent, &self.agents) {
                    Ok(()) => self.talk.agent = agent,
                    Err(error) => self.report(&error.into()),
                }
            }
            Command::System(text) => self.talk.system = text,
            Command::Clear => self.talk.clear(),
            Command::Help => self.printer.say(HELP),
            Command::Wrong(message) => self.printer.say(&message),
        }
        Ok(true)
    }

    fn report(&self, error: &anyhow::Error) {
        self.printer.error(error.as_ref(), error::hint(error).as_deref());
    }

    /// Whether to go on. A question that is not answered is no reason to leave.
    async fn ask(&mut self, question: &str) -> anyhow::Result<bool> {
        let mut answer = StreamPrinter::on(self.printer);
        let request = self.talk.request(question);
        let signal = tokio::select! {
            answered = answer.answer(&self.client, &request) => {
                if let Err(error) = answered {
                    answer.end()?;
                    self.report(&error);
                }
                None
            }
            signal = self.signals.next() => Some(signal),
        };
        answer.end()?;
        self.talk.said(question, answer.said());
        if signal == Some(Signal::Interrupt) {
            self.printer.say("(stopped)");
        }
        Ok(signal != Some(Signal::Terminate))
    }
}
