//! The arguments.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use harmonic_types::KvLayout;

/// Levels of the paper's protocol.
const LEVELS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];

/// Ours beside llama-server: same model file, threads, context and client, trials in turn
#[derive(Clone, Debug, Parser)]
#[command(name = "peers", max_term_width = 100)]
pub struct Arguments {
    /// What to measure [default: all]
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// A first look in three minutes: few levels, two trials
    #[arg(long)]
    pub quick: bool,
    /// Trials of each server; two or more give an interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub trials: Option<u32>,
    /// Streams at once in `a` and `bare`; in `b` and `c` those of theirs that are among them
    #[arg(long, value_name = "N,N,…", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=32))]
    pub levels: Vec<u32>,
    /// GGUF file for all but `c` [default: what the store holds for smollm2:135m]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// GGUF file for `c` [default: what the store holds for gemma3:270m]
    #[arg(long, value_name = "FILE")]
    pub large_model: Option<PathBuf>,
    /// Compute threads of either server
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub threads: u32,
    /// Layout of the peer's KV cache, instead of the better one
    #[arg(long, value_name = "LAYOUT")]
    pub peer_layout: Option<LayoutArg>,
    /// Write the tables to docs/performance.md too
    #[arg(long)]
    pub write: bool,
    /// The peer [default: target/peers/llama-server, where scripts/peers.sh puts it]
    #[arg(long, env = "PEER_LLAMA_SERVER", value_name = "FILE")]
    pub llama_server: Option<PathBuf>,
    /// The model store [default: the user's]
    #[arg(long, env = "HARMONIC_MODELS", value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// What compiles the bare loop
    #[arg(long, env = "CARGO", value_name = "FILE", default_value = "cargo", hide = true)]
    pub cargo: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// The paper's protocol: short prompts, 100 tokens out, up to 32 at once
    A,
    /// A team of seven with long system prompts
    B,
    /// The paper's protocol on a model with a large vocabulary
    C,
    /// A long prompt arrives while eight streams run
    D,
    /// Ours beside a bare decode loop
    Bare,
    /// Every second of 32 streams is cancelled
    Cancel,
}

/// [`KvLayout`] as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutArg {
    /// Cells of its own for each sequence
    Streams,
    /// One pool
    Unified,
}

impl From<LayoutArg> for KvLayout {
    fn from(arg: LayoutArg) -> Self {
        match arg {
            LayoutArg::Streams => Self::Streams,
            LayoutArg::Unified => Self::Unified,
        }
    }
}

impl Arguments {
    /// Whether `scenario` is asked for.
    pub fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }

    /// Trials of each server, where `usual` are enough for a narrow interval.
    pub fn trials(&self, usual: u32) -> u32 {
        self.trials.unwrap_or(if self.quick { 2 } else { usual })
    }

    /// Levels of the paper's protocol.
    pub fn paper_levels(&self) -> Vec<u32> {
        match (&*self.levels, self.quick) {
            ([], true) => vec![1, 32],
            ([], false) => LEVELS.to_vec(),
            (asked, _) => asked.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }

    /// Those of `usual` that are asked for; in a quick look the last of them.
    pub fn levels_of(&self, usual: &[u32]) -> Vec<u32> {
        match (&*self.levels, self.quick) {
            ([], true) => usual.last().copied().into_iter().collect(),
            ([], false) => usual.to_vec(),
            (asked, _) => usual.iter().copied().filter(|level| asked.contains(level)).collect(),
        }
    }
}
