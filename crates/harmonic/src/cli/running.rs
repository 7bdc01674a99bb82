//! The arguments of the verbs that deal with a team that runs.

use clap::Args;
use harmonic_types::AgentName;

/// `ps`.
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

/// `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Stop the team on this port; needed where several run
    #[arg(long)]
    pub port: Option<u16>,
    /// Stop all teams
    #[arg(long, conflicts_with = "port")]
    pub all: bool,
    /// Seconds that running answers get before they are cut off [default: what `up --grace` said]
    #[arg(long, value_name = "SECONDS")]
    pub grace: Option<u64>,
}

/// `chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Who is asked
    #[arg(value_name = "AGENT")]
    pub agent: AgentName,
    /// One question: the answer is printed, and that is all. Where stdin is no terminal, the
    /// question is read from it
    #[arg(value_name = "QUESTION")]
    pub question: Option<String>,
    /// Ask the server at this address, instead of the team that runs here
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// What the agent is told besides its own prompt
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Let the agent think before it answers
    #[arg(long, overrides_with = "no_think")]
    pub think: bool,
    /// Let the agent answer at once
    #[arg(long, overrides_with = "think")]
    pub no_think: bool,
}

impl Chat {
    /// Whether to think; `None` leaves it to the agent.
    pub fn thinking(&self) -> Option<bool> {
        match (self.think, self.no_think) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        }
    }
}
