//! Arguments of the commands for running teams.
#![expect(clippy::doc_markdown, reason = "`--help` prints these comments")]

use clap::Args;
use harmonic_app::ServerChoice;
use harmonic_app::conversation::AnswerOptions;
use harmonic_types::AgentName;

use super::values;

/// Lowest and highest temperature of sampling, as the server accepts it.
const TEMPERATURES: std::ops::RangeInclusive<f32> = 0.0..=2.0;

/// Server that a command talks to.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// Use the team on this port of this machine [default: $HARMONIC_PORT or 4276 if a team runs
    /// there, else the only team]
    #[arg(long, value_name = "PORT", value_parser = values::port,
        conflicts_with = "url", global = true)]
    pub port: Option<u16>,
    /// Use the server at this address instead: a URL, or HOST:PORT
    #[arg(long, value_name = "URL", global = true)]
    pub url: Option<String>,
}

impl ServerArgs {
    /// Corresponding choice of `app`.
    pub fn choice(&self) -> ServerChoice {
        ServerChoice::new(self.port, self.url.as_deref())
    }
}

/// Arguments of `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// Print JSON; with --watch, a document a line for each event
    #[arg(long)]
    pub json: bool,
    /// Watch one team until Ctrl-C: a live table on a terminal, else a line for each event
    #[arg(long, short)]
    pub watch: bool,
    /// List, or watch, only the team on this port
    #[arg(long, value_name = "PORT", value_parser = values::port,
        conflicts_with = "url")]
    pub port: Option<u16>,
    /// Watch the team at this address, a URL or HOST:PORT, instead of one that runs here
    #[arg(long, value_name = "URL", requires = "watch")]
    pub url: Option<String>,
}

/// Arguments of `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Stop the team on this port; required if several are running
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    pub port: Option<u16>,
    /// Stop all teams
    #[arg(long, conflicts_with = "port")]
    pub all: bool,
    /// Seconds for running answers to finish [default: the value of `up --grace`]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub grace: Option<u64>,
}

/// Arguments of `mcp`.
#[derive(Debug, Args)]
pub struct Mcp {
    /// Server of the team
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Show the log of the team on this port [default: $HARMONIC_PORT or 4276 if a team runs there,
    /// else the only team, else the one that ended last]
    #[arg(long, value_name = "PORT", value_parser = values::port)]
    pub port: Option<u16>,
    /// Show new lines as they are written, until the team ends or Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Number of lines to show from the end of the log
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100,
        value_parser = values::whole::<u32>("number", "lines", 0..=u32::MAX.into()))]
    pub lines: u32,
}

/// Arguments of `chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Agent to chat with
    #[arg(value_name = "AGENT")]
    pub agent: AgentName,
    /// Question to answer before exiting. If absent and stdin is not a terminal, the question is
    /// read from stdin
    #[arg(value_name = "QUESTION")]
    pub question: Option<String>,
    /// Server of the agent
    #[command(flatten)]
    pub server: ServerArgs,
    /// Limit each answer to this number of tokens [default: what the agent's context holds]
    #[arg(long, value_name = "N",
        value_parser = values::tokens::<u32>("limit", 1..=u32::MAX.into()))]
    pub max_tokens: Option<u32>,
    /// Sample with this temperature, from 0 to 2 [default: the agent's]
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f32>,
    /// Print tokens per second and the wait for the first token to stderr, also without a terminal
    #[arg(long)]
    pub stats: bool,
    /// Additional system prompt, after the agent's own
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Enable thinking
    #[arg(long, overrides_with = "no_think")]
    pub think: bool,
    /// Disable thinking
    #[arg(long, overrides_with = "think")]
    pub no_think: bool,
}

impl Chat {
    /// Options of each answer.
    pub fn options(&self) -> AnswerOptions {
        let thinking = match (self.think, self.no_think) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        };
        AnswerOptions { thinking, max_tokens: self.max_tokens, temperature: self.temperature }
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| TEMPERATURES.contains(value));
    value.ok_or_else(|| format!("invalid temperature `{text}`: expected a number from 0 to 2"))
}
