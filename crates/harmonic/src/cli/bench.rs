//! The arguments of `bench` and of what shows its records.
#![expect(clippy::doc_markdown, reason = "the comments are what `--help` prints")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use harmonic_app::Levels;
use harmonic_app::measure::{self, BenchRequest};
use harmonic_app::tune::TuneRequest;
use harmonic_types::{AgentName, Slo, TuneAxis};

/// `bench`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Bench {
    /// The team
    #[command(flatten)]
    pub team: super::Team,
    /// Settings to compare, instead of levels
    #[command(flatten)]
    pub compare: Compare,
    /// Parallel streams, level by level [default: 1,2,4,8,16,32; of --protocol paper:
    /// 1,2,4,8,12,16,20,24,32]; of settings, only the highest level is compared [default: what the
    /// plan has in flight]
    #[arg(long, value_name = "N,N,…", conflicts_with = "rate")]
    pub levels: Option<Levels>,
    /// How the load is paced
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// All levels in under a minute, for a first look
    #[arg(long, conflicts_with_all = ["protocol", "thorough"])]
    pub quick: bool,
    /// Five to twenty windows of 30 s a level, until the interval reaches 2%
    #[arg(long, conflicts_with = "protocol")]
    pub thorough: bool,
    /// Requests per second that arrive, rate by rate, with --protocol open
    #[arg(long, value_name = "R,R,…", value_delimiter = ',', required_if_eq("protocol", "open"))]
    pub rate: Vec<f64>,
    /// Windows measured at each level, or rounds of each setting; two or more give an interval
    /// [default: 3, and up to 10 until the interval reaches 5%; of settings 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub trials: Option<u32>,
    /// Tokens of each prompt, less template and system prompt [default: 50; with --quick, 16 words]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    pub prompt_tokens: Option<u32>,
    /// Tokens of each answer [default: 128; with --quick 160, with --protocol paper 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub output_tokens: Option<u32>,
    /// A good answer begins within so many milliseconds (goodput counts those)
    #[arg(long, value_name = "MS")]
    pub ttft_ms: Option<f64>,
    /// A good answer has so many milliseconds between tokens on average; bounds the sweet spot
    #[arg(long, value_name = "MS")]
    pub itl_ms: Option<f64>,
    /// Seed of the prompts, the order of levels and the arrivals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Measure this server instead of one of our own: any that speaks OpenAI's or Ollama's API
    #[arg(long, value_name = "URL", conflicts_with_all = ["stack", "sharing", "budget", "engine"])]
    pub target: Option<String>,
    /// Measure this server in turns with the other, and tell the ratio
    #[arg(long, value_name = "URL", conflicts_with_all = ["rate", "team_load", "save"])]
    pub against: Option<String>,
    /// Ask only this agent (or model of the target); may be given several times
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<AgentName>,
    /// Load the whole team at once, each agent by its slots, instead of one engine after the other
    #[arg(long = "team", id = "team_load")]
    pub team_load: bool,
    /// Measure what this machine's memory and arithmetic can do, for the roof
    #[arg(long)]
    pub probe: bool,
    /// Folder for run.json, levels.csv, the reports and the plots [default: a new one below
    /// $XDG_DATA_HOME/harmonic/bench]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write no folder
    #[arg(long, conflicts_with = "out")]
    pub no_out: bool,
    /// Keep the curve: the next plan takes its sweet spot. Refused of a server that does not say what
    /// it runs
    #[arg(long, conflicts_with = "team_load")]
    pub save: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Fetch large models without asking
    #[arg(long, short)]
    pub yes: bool,
}

impl Bench {
    /// The measurement that is asked for.
    pub fn request(&self) -> BenchRequest {
        BenchRequest {
            agents: self.agent.clone(),
            whole_team: self.team_load,
            protocol: self.preset(),
            levels: self.levels.clone(),
            rates: self.rate.clone(),
            trials: self.trials,
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.output_tokens,
            slo: Slo { ttft_ms: self.ttft_ms, itl_ms: self.itl_ms },
            seed: self.seed,
            probe: self.probe,
        }
    }

    /// The comparison of settings that is asked for.
    pub fn tuning(&self) -> TuneRequest {
        let levels = self.levels.as_ref();
        TuneRequest {
            axes: self.compare.axes(),
            agents: self.agent.clone(),
            parallel: levels.and_then(|levels| levels.ascending().last().copied()),
            rounds: self.trials,
        }
    }

    fn preset(&self) -> measure::Protocol {
        match self.protocol {
            _ if self.quick => measure::Protocol::Quick,
            _ if self.thorough => measure::Protocol::Thorough,
            Protocol::Steady => measure::Protocol::Steady,
            Protocol::Paper => measure::Protocol::Paper,
            Protocol::Open => measure::Protocol::Open,
        }
    }
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// A folder that `bench` wrote, or dgx-spark or ryzen-ai-max-395 for what the paper measured
    #[arg(value_name = "DIR|PROFILE")]
    pub subject: String,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["markdown", "benchy"])]
    pub json: bool,
    /// Print Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Print rows in the form of llama-benchy
    #[arg(long, conflicts_with = "markdown")]
    pub benchy: bool,
}

/// `compare`.
#[derive(Debug, Args)]
pub struct Compared {
    /// Folders that `bench` wrote, and profiles: dgx-spark, ryzen-ai-max-395. The first is divided by
    /// each of the others
    #[arg(value_name = "DIR|PROFILE", num_args = 2.., required = true)]
    pub subjects: Vec<String>,
    /// Write the curves, one over the other, to this .svg or .png file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How a load is paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// A closed loop: so many streams at any time, measured while all run
    #[default]
    Steady,
    /// The paper's: three waves of like requests a level, drain and all
    Paper,
    /// An open loop: requests arrive at a rate, as a Poisson process
    Open,
}

/// Settings that `bench` compares on our own engine. The fastest of each is kept, and the next plan
/// takes it.
#[derive(Debug, Args)]
#[group(multiple = true, conflicts_with_all = [
    "target", "quick", "thorough", "protocol", "rate", "against", "team_load", "out", "save", "probe",
])]
pub struct Compare {
    /// Compare the weight formats that fit in memory, and keep the fastest whose answers stay near
    /// the original's
    #[arg(long)]
    pub formats: bool,
    /// Compare the two layouts of the KV cache, and keep the faster
    #[arg(long)]
    pub layouts: bool,
    /// Compare numbers of threads of the engine and of the HTTP server, and keep the fastest
    #[arg(long)]
    pub threads: bool,
}

impl Compare {
    /// What is to be compared, in this order: the later build upon the earlier.
    pub fn axes(&self) -> Vec<TuneAxis> {
        [
            (self.formats, TuneAxis::Formats),
            (self.layouts, TuneAxis::Layouts),
            (self.threads, TuneAxis::Threads),
        ]
        .into_iter()
        .filter_map(|(is_asked, axis)| is_asked.then_some(axis))
        .collect()
    }
}
