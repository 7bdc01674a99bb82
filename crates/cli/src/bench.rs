//! Arguments of `bench` and of the commands that show its records.
#![expect(clippy::doc_markdown, reason = "`--help` prints these comments")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use harmonic_app::measure::{self, BenchRequest};
use harmonic_app::tune::TuneRequest;
use harmonic_app::{Levels, ServerChoice};
use harmonic_types::{AgentName, Slo, TuneAxis};

use super::values;

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Bench {
    /// Team selection and planning options
    #[command(flatten)]
    pub team: super::Team,
    /// Settings to compare, instead of a measurement by level
    #[command(flatten)]
    pub compare: Compare,
    /// Numbers of parallel streams, one level each [default: 1,2,4,8,16,32; with --protocol paper:
    /// 1,2,4,8,12,16,20,24,32]; comparisons of settings use the highest level only [default: the
    /// plan's maximum in flight]
    #[arg(long, value_name = "N,N,…", conflicts_with = "rate")]
    pub levels: Option<Levels>,
    /// Load generation and pacing
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// Measure all levels in under a minute, for a first impression
    #[arg(long, conflicts_with_all = ["protocol", "thorough"])]
    pub quick: bool,
    /// Measure five to twenty windows of 30 s per level, until the interval reaches 2%
    #[arg(long, conflicts_with = "protocol")]
    pub thorough: bool,
    /// Arrival rates in requests per second, one level each; requires --protocol open
    #[arg(long, value_name = "R,R,…", value_delimiter = ',', required_if_eq("protocol", "open"),
        value_parser = values::positive("rate", "requests per second"))]
    pub rate: Vec<f64>,
    /// Windows per level, or rounds per setting; two or more give a confidence interval [default:
    /// 3, and up to 10 until the interval reaches 5%; for settings 3]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>("number", "windows", 1..=100))]
    pub trials: Option<u32>,
    /// Tokens per prompt, without template and system prompt [default: 50; with --quick, 16 words]
    #[arg(long, value_name = "N", value_parser = values::tokens::<u32>("length", 4..=1_000_000))]
    pub prompt_tokens: Option<u32>,
    /// Tokens per answer; with --workload, of each task [default: 128; with --quick 160, and 24 of a
    /// task; with --protocol paper 100]
    #[arg(long, value_name = "N", value_parser = values::tokens::<u32>("length", 2..=1_000_000))]
    pub output_tokens: Option<u32>,
    /// Goodput: longest time to first token, in milliseconds
    #[arg(long, value_name = "MS", value_parser = values::positive("time", "milliseconds"))]
    pub ttft_ms: Option<f64>,
    /// Goodput: longest mean time between tokens, in milliseconds; also limits the sweet spot
    #[arg(long, value_name = "MS", value_parser = values::positive("time", "milliseconds"))]
    pub itl_ms: Option<f64>,
    /// Seed of the prompts, the order of levels and the arrival times
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::seed)]
    pub seed: u64,
    /// Measure the server at this address, a URL or HOST:PORT, instead of a team started here; it
    /// must offer OpenAI's or Ollama's API
    #[arg(long, visible_alias = "url", value_name = "URL",
        conflicts_with_all = ["stack", "context", "slots", "sharing", "budget", "engine"])]
    pub target: Option<String>,
    /// Measure the server on this port of this machine instead
    #[arg(long, value_name = "PORT", value_parser = values::port,
        conflicts_with_all = ["target", "stack", "context", "slots", "sharing", "budget", "engine"])]
    pub port: Option<u16>,
    /// Also measure the server at this URL, in alternation with the first, and report the ratio
    #[arg(long, value_name = "URL", conflicts_with_all = ["rate", "team_load", "save"])]
    pub against: Option<String>,
    /// Load with runs of a recipe instead of requests, as many at a time as the level says, such as
    /// run:split: runs per hour, makespan and joules per run, whether they are real-time
    #[arg(long, value_name = "run:RECIPE", value_parser = recipe, conflicts_with_all = [
        "protocol", "rate", "against", "agent", "team_load", "probe", "save", "prompt_tokens", "itl_ms",
    ])]
    pub workload: Option<String>,
    /// Simulate this machine of the paper, dgx-spark or ryzen-ai-max-395; needs no model
    #[arg(long, value_name = "PROFILE", value_parser = ["dgx-spark", "ryzen-ai-max-395"],
        conflicts_with_all = ["target", "port", "engine", "against", "probe", "save"])]
    pub simulate: Option<String>,
    /// Send requests only to this agent (or model of the target); repeatable
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<AgentName>,
    /// Load the whole team at once, each agent in proportion to its slots, instead of one engine at
    /// a time
    #[arg(long = "team", id = "team_load")]
    pub team_load: bool,
    /// Measure memory bandwidth and prefill rate of this machine, for the roof
    #[arg(long)]
    pub probe: bool,
    /// Directory for run.json, levels.csv, the reports and the plots [default: a new one below
    /// $XDG_DATA_HOME/harmonic/bench]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write no directory
    #[arg(long, conflicts_with = "out")]
    pub no_out: bool,
    /// Save the curve; the next plan uses its sweet spot. Not possible for a server that does not
    /// report its model; refused if the machine was busy, levels are missing or failed, or intervals
    /// are absent or wider than ±20%
    #[arg(long, conflicts_with = "team_load")]
    pub save: bool,
    /// With --save: save the curve also where it would be refused
    #[arg(long, requires = "save")]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Fetch models of more than 1 GB without a question
    #[arg(long, short)]
    pub yes: bool,
}

impl Bench {
    /// Server to measure.
    pub fn server(&self) -> ServerChoice {
        ServerChoice::new(self.port, self.target.as_deref())
    }

    /// Corresponding measurement request to `app`.
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
            recipe: self.workload.clone(),
        }
    }

    /// Corresponding comparison request to `app`.
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

/// The recipe of `run:RECIPE`.
fn recipe(workload: &str) -> Result<String, String> {
    match workload.strip_prefix("run:") {
        Some(recipe) if !recipe.is_empty() => Ok(recipe.to_owned()),
        _ => Err(format!(
            "invalid workload `{workload}`: expected run: and the name of a recipe, such as run:split"
        )),
    }
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Directory written by `bench`, or dgx-spark or ryzen-ai-max-395 for the paper's measurements
    #[arg(value_name = "DIR|PROFILE")]
    pub subject: String,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["markdown", "benchy"])]
    pub json: bool,
    /// Print Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Print rows in the format of llama-benchy
    #[arg(long, conflicts_with = "markdown")]
    pub benchy: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct Compared {
    /// Directories written by `bench`, and profiles: dgx-spark, ryzen-ai-max-395. The first is
    /// divided by each of the others
    #[arg(value_name = "DIR|PROFILE", num_args = 2.., required = true)]
    pub subjects: Vec<String>,
    /// Draw the curves into this .svg or .png file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Values of `--protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Closed loop: a constant number of streams, measured while all of them run
    #[default]
    Steady,
    /// The paper's protocol: three batches of similar requests per level, ramp-up and drain
    /// included
    Paper,
    /// Open loop: requests arrive at a given rate, as a Poisson process
    Open,
}

/// Settings compared by `bench` on the local engine. The fastest of each is saved for the next
/// plan.
#[derive(Debug, Args)]
#[group(multiple = true, conflicts_with_all = [
    "target", "port", "quick", "thorough", "protocol", "rate", "against", "team_load", "out", "save", "probe",
    "workload", "simulate",
])]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Compare {
    /// Compare the weight formats that fit in memory; save the fastest whose output distribution
    /// stays close to the original's
    #[arg(long)]
    pub formats: bool,
    /// Compare the two layouts of the KV cache; save the faster
    #[arg(long)]
    pub layouts: bool,
    /// Compare numbers of threads of the engine and of the HTTP server; save the fastest
    #[arg(long)]
    pub threads: bool,
    /// Compare a KV cache in q8_0 with one in f16, in speed and in output distribution; plans take
    /// q8_0 where memory is short and the distribution stays close
    #[arg(long)]
    pub kv_types: bool,
}

impl Compare {
    /// Axes to compare, in this order: later ones build upon earlier ones.
    pub fn axes(&self) -> Vec<TuneAxis> {
        [
            (self.formats, TuneAxis::Formats),
            (self.layouts, TuneAxis::Layouts),
            (self.threads, TuneAxis::Threads),
            (self.kv_types, TuneAxis::KvTypes),
        ]
        .into_iter()
        .filter_map(|(is_asked, axis)| is_asked.then_some(axis))
        .collect()
    }
}
