//! Arguments of `run` and `runs`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use harmonic_api::runs::RunMode;
use harmonic_app::run_budget;
use harmonic_app::run_request::RunOptions;
use harmonic_orchestrator::AskPolicy;
use harmonic_types::RunBudget;

use super::running::ServerArgs;
use super::tools::ToolOfferArgs;
use super::values;

/// Arguments of `run`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("tasks").args(["recipe", "plan", "solo", "team", "auto"]))]
pub struct Run {
    /// What is to be done. If absent and stdin is not a terminal, it is read from stdin
    #[arg(value_name = "TASK")]
    pub task: Option<String>,
    /// Follow this recipe: split, vote, write-check, research, code, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    /// Do the task graph in this JSON file (harmonic.task-graph/1)
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Ask one agent alone
    #[arg(long)]
    pub solo: bool,
    /// Let the team do it
    #[arg(long)]
    pub team: bool,
    /// Let the server decide whether the team is worth it (the default)
    #[arg(long)]
    pub auto: bool,
    /// Give all tasks the text of this file to read
    #[arg(long, value_name = "FILE")]
    pub brief: Option<PathBuf>,
    /// Bound the whole run, such as tokens=20k,time=5m,joules=2kJ; at a bound it answers with what
    /// it has [default: no bound]
    #[arg(long, value_name = "BOUNDS", value_parser = run_budget::parse)]
    pub budget: Option<RunBudget>,
    /// Ask before doing a plan, calling tools that write or run, or raising the budget
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub ask: AskArg,
    /// Tools that this process offers
    #[command(flatten)]
    pub offer: ToolOfferArgs,
    /// Let the run call the tools of this tool set of the server (`harmonic up --tools`); repeatable
    #[arg(long, value_name = "NAME")]
    pub tool_set: Vec<String>,
    /// Let the run read and write this workspace of the server (`harmonic up --workspace`)
    #[arg(long, value_name = "NAME")]
    pub server_workspace: Option<String>,
    /// Sample with this seed [default: at random]
    #[arg(long, value_name = "N", value_parser = values::seed)]
    pub seed: Option<u64>,
    /// Give way to the requests of people
    #[arg(long)]
    pub background: bool,
    /// Print the id of the run and return, while it goes on
    #[arg(long, conflicts_with_all = ["tools", "workspace"])]
    pub detach: bool,
    /// Print the record of the run as JSON, instead of the answer
    #[arg(long)]
    pub json: bool,
    /// Start this stack for the run, unless a team with it runs here, and stop it afterwards
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["port", "url", "detach"])]
    pub stack: Option<String>,
    /// Fetch models of more than 1 GB for --stack without a question
    #[arg(long, short, requires = "stack")]
    pub yes: bool,
    /// Server of the team
    #[command(flatten)]
    pub server: ServerArgs,
}

impl Run {
    /// Corresponding options of `app`.
    pub fn options(&self) -> RunOptions {
        let mode = match (self.solo, self.team, self.auto) {
            (true, ..) => Some(RunMode::Solo),
            (_, true, _) => Some(RunMode::Team),
            (.., true) => Some(RunMode::Auto),
            _ => None,
        };
        RunOptions {
            mode,
            recipe: self.recipe.clone(),
            plan: self.plan.clone(),
            brief: self.brief.clone(),
            budget: self.budget,
            ask: self.ask.into(),
            background: self.background,
            tool_sets: self.tool_set.clone(),
            workspace: self.server_workspace.clone(),
            seed: self.seed,
        }
    }
}

/// Values of `--ask`, see [`AskPolicy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AskArg {
    /// For the plan, and for tools that write or run
    Plan,
    /// For tools that write or run
    #[default]
    Write,
    /// For the plan, and for every tool
    All,
    /// Never: tools that run are denied unless the server allows them
    Never,
}

impl From<AskArg> for AskPolicy {
    fn from(arg: AskArg) -> Self {
        match arg {
            AskArg::Plan => Self::Plan,
            AskArg::Write => Self::Write,
            AskArg::All => Self::All,
            AskArg::Never => Self::Never,
        }
    }
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// What to do
    #[command(subcommand)]
    pub command: RunsCommand,
    /// Server of the runs
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Form of an export; exactly one.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportFormat {
    /// A page with the graph, the timeline, the texts and the costs, in one file
    #[arg(long)]
    pub html: bool,
    /// Markdown
    #[arg(long)]
    pub md: bool,
    /// OpenTelemetry spans, as JSON (OTLP)
    #[arg(long)]
    pub otel: bool,
}

/// Subcommands of `runs`. An ID may be the beginning of one.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the runs, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the tasks, the cost and the answer of a run
    Show {
        /// Id of the run, or its beginning
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Watch a run until its end or Ctrl-C, which leaves it running
    Watch {
        /// Id of the run, or its beginning
        id: String,
        /// Print a JSON document a line for each event
        #[arg(long)]
        json: bool,
    },
    /// Answer an open question of a run with yes
    Approve {
        /// Id of the run, or its beginning
        id: String,
        /// Number of the question [default: the only one]
        #[arg(value_name = "N", value_parser = values::whole::<u64>("number", "", 0..=u64::MAX))]
        number: Option<u64>,
    },
    /// Answer an open question of a run with no
    Deny {
        /// Id of the run, or its beginning
        id: String,
        /// Number of the question [default: the only one]
        #[arg(value_name = "N", value_parser = values::whole::<u64>("number", "", 0..=u64::MAX))]
        number: Option<u64>,
    },
    /// Do a finished run again without a model, from its journal, and compare
    Replay {
        /// Id of the run, or its beginning
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a run as a page, as Markdown, or as OpenTelemetry spans
    Export {
        /// Id of the run, or its beginning
        id: String,
        /// Form of the document
        #[command(flatten)]
        format: ExportFormat,
        /// Write to this file [default: stdout]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Interrupt a run, so that it can be resumed
    Stop {
        /// Id of the run, or its beginning
        id: String,
    },
    /// Let a stopped run go on, and watch it
    Resume {
        /// Id of the run, or its beginning
        id: String,
        /// Tools that this process offers
        #[command(flatten)]
        offer: ToolOfferArgs,
        /// Return at once
        #[arg(long, conflicts_with_all = ["tools", "workspace"])]
        detach: bool,
    },
    /// End runs and remove all that is stored of them
    Rm {
        /// Ids of the runs, or their beginnings
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}
