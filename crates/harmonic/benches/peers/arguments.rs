//! Command-line arguments.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use harmonic_types::KvLayout;

/// Levels of the paper's protocol.
const LEVELS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];

/// Compare harmonic with llama-server: same model file, threads, context and client, alternating
/// trials
#[derive(Clone, Debug, Parser)]
#[command(name = "peers", max_term_width = 100)]
pub struct Arguments {
    /// Scenarios to measure [default: all]
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// Measure few levels with two trials, in three minutes
    #[arg(long)]
    pub quick: bool,
    /// Trials per server; two or more give a confidence interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub trials: Option<u32>,
    /// Parallel streams in `a` and `bare`; in `b` and `c` those of their levels that are included
    #[arg(long, value_name = "N,N,…", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=32))]
    pub levels: Vec<u32>,
    /// GGUF file for all scenarios but `c` [default: smollm2:135m from the store]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// GGUF file for `c` [default: gemma3:270m from the store]
    #[arg(long, value_name = "FILE")]
    pub large_model: Option<PathBuf>,
    /// Compute threads per server
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub threads: u32,
    /// Layout of the peer's KV cache, instead of the faster one
    #[arg(long, value_name = "LAYOUT")]
    pub peer_layout: Option<LayoutArg>,
    /// Also write the tables to docs/performance.md
    #[arg(long)]
    pub write: bool,
    /// Path of llama-server [default: target/peers/llama-server, from scripts/peers.sh]
    #[arg(long, env = "PEER_LLAMA_SERVER", value_name = "FILE")]
    pub llama_server: Option<PathBuf>,
    /// Model store [default: the user's]
    #[arg(long, env = "HARMONIC_MODELS", value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Cargo command that compiles the bare loop
    #[arg(long, env = "CARGO", value_name = "FILE", default_value = "cargo", hide = true)]
    pub cargo: PathBuf,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// The paper's protocol: short prompts, 100 tokens out, up to 32 at once
    A,
    /// Team of seven agents with long system prompts
    B,
    /// The paper's protocol on a model with a large vocabulary
    C,
    /// Long prompt arriving while eight streams run
    D,
    /// Comparison with a bare decode loop
    Bare,
    /// Cancellation of every second of 32 streams
    Cancel,
}

/// [`KvLayout`] as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutArg {
    /// Separate cells per sequence
    Streams,
    /// One shared pool
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
    /// Whether `scenario` is selected.
    pub fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }

    /// Trials per server; `usual` by default, enough for a narrow interval.
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

    /// Levels of `usual` that are selected; in a quick run the last of them.
    pub fn levels_of(&self, usual: &[u32]) -> Vec<u32> {
        match (&*self.levels, self.quick) {
            ([], true) => usual.last().copied().into_iter().collect(),
            ([], false) => usual.to_vec(),
            (asked, _) => usual.iter().copied().filter(|level| asked.contains(level)).collect(),
        }
    }
}
