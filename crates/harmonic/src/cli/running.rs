//! Arguments of the commands for running teams.

use clap::Args;
use harmonic_types::AgentName;

/// Arguments of `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// Print JSON; with --watch, a document a line for each event
    #[arg(long)]
    pub json: bool,
    /// Watch one team until Ctrl-C: a live table on a terminal, else a line for each event
    #[arg(long, short)]
    pub watch: bool,
    /// Watch the team at this address, instead of the one that runs here
    #[arg(long, value_name = "URL", requires = "watch")]
    pub url: Option<String>,
}

/// Arguments of `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Stop the team on this port; required if several are running
    #[arg(long)]
    pub port: Option<u16>,
    /// Stop all teams
    #[arg(long, conflicts_with = "port")]
    pub all: bool,
    /// Seconds for running answers to finish [default: the value of `up --grace`]
    #[arg(long, value_name = "SECONDS")]
    pub grace: Option<u64>,
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
    /// Use the server at this URL instead of the running team
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
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
    /// Thinking mode; `None` is the agent's default.
    pub fn thinking(&self) -> Option<bool> {
        match (self.think, self.no_think) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        }
    }
}
