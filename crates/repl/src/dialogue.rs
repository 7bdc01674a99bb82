//! Dialogue with agents of a team, one conversation, until the user ends it.

use std::io;

use harmonic_api::Client;
use harmonic_app::conversation::Conversation;
use harmonic_app::{AppError, hint};
use harmonic_process::{Signal, Signals};
use harmonic_render::Printer;
use harmonic_types::{AgentName, did_you_mean};

use crate::command::{Command, HELP};
use crate::lines::{Line, Lines};
use crate::stream_printer::{AnswerError, StreamPrinter};

/// Checks that `agent` is one of `agents`.
///
/// # Errors
/// When it is not, with the one that it resembles.
pub fn check(agent: &AgentName, agents: &[String]) -> Result<(), AppError> {
    if agents.contains(&agent.0) {
        return Ok(());
    }
    let meant = did_you_mean(&agent.0, agents.iter().map(String::as_str));
    let hint = format!("use one of {}", agents.join(", "));
    Err(AppError::refused(format!("unknown agent `{agent}`{meant}"), hint))
}

/// Read-eval-print loop over one conversation.
#[derive(Debug)]
pub struct Dialogue<'a> {
    /// The server.
    pub client: Client,
    /// Its agents.
    pub agents: Vec<String>,
    /// The conversation so far.
    pub conversation: Conversation,
    /// Whether the timing of an answer is printed.
    pub stats: bool,
    /// The terminal.
    pub printer: &'a Printer,
    /// Signals of the process.
    pub signals: Signals,
}

impl Dialogue<'_> {
    /// Reads lines and does what they say, until the end of input or a request to terminate.
    ///
    /// # Errors
    /// When the terminal cannot be read or written.
    pub async fn run(mut self) -> io::Result<()> {
        self.printer.message("/help lists the commands; Ctrl-C stops an answer, Ctrl-D exits");
        let mut lines = Lines::start()?;
        loop {
            lines.prompt(&format!("{} ▸ ", self.conversation.agent));
            let line = loop {
                tokio::select! {
                    line = lines.next() => break line,
                    signal = self.signals.next() => {
                        if signal == Signal::Terminate {
                            return Ok(());
                        }
                    }
                }
            };
            match line {
                Line::Text(line) => {
                    if !self.execute(Command::of(&line)).await? {
                        return Ok(());
                    }
                }
                Line::Discarded => {}
                Line::End => return Ok(()),
                Line::Failed(error) => return Err(unreadable(&error)),
            }
        }
    }

    /// Executes a line. Returns whether to continue.
    async fn execute(&mut self, command: Command) -> io::Result<bool> {
        match command {
            Command::Empty => {}
            Command::Ask(question) => return self.ask(&question).await,
            Command::Agents => self.printer.message(&self.agents.join("\n")),
            Command::Agent(name) => {
                let agent = AgentName(name);
                match check(&agent, &self.agents) {
                    Ok(()) => self.conversation.agent = agent,
                    Err(error) => self.printer.error(&error, hint(&error).as_deref()),
                }
            }
            Command::System(text) => self.conversation.system = text,
            Command::Clear => self.conversation.clear(),
            Command::Help => self.printer.message(HELP),
            Command::Invalid(message) => self.printer.message(&message),
        }
        Ok(true)
    }

    fn report(&self, error: &AnswerError) {
        match error {
            AnswerError::Client(error) => self.printer.error(error, hint(error).as_deref()),
            AnswerError::Output(error) => self.printer.error(error, None),
        }
    }

    /// Returns whether to continue. A failed request does not end the loop.
    async fn ask(&mut self, question: &str) -> io::Result<bool> {
        let mut answer = StreamPrinter::on(self.printer, self.stats);
        let request = self.conversation.request(question);
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
        self.conversation.record(question, answer.text());
        if signal == Some(Signal::Interrupt) {
            self.printer.message("(stopped)");
        }
        Ok(signal != Some(Signal::Terminate))
    }
}

fn unreadable(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read the terminal: {error}"))
}
