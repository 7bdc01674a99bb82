//! Command-line arguments.

use clap::{Parser, ValueEnum};

/// Measure the cost of the gateway: against the engine alone, per request and per event
#[derive(Clone, Debug, Parser)]
#[command(name = "load", max_term_width = 100)]
pub struct Arguments {
    /// Scenarios to measure [default: all]
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// Duration of the saturation and listener scenarios, in seconds
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Connections of the saturation scenario
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Catalog model whose pace the simulated machine has
    #[arg(long, value_name = "MODEL", default_value = "qwen3:4b")]
    pub model: String,
    /// Run as the process under measurement
    #[arg(long, value_enum, hide = true)]
    pub serve: Option<Role>,
    /// HTTP threads of the server
    #[arg(long, default_value_t = 2, hide = true)]
    pub threads: u32,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Scenario of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// A thousand connections over 32 slots of a simulated machine at real pace
    Saturation,
    /// Latency added to a request that does not queue
    Added,
    /// Stream events forwarded by one thread
    Forwarded,
    /// What listeners of the event stream cost
    Listeners,
}

/// Role of the child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// A server over the simulated machine.
    Paced,
    /// A server over an engine that answers at once.
    Instant,
    /// A server over an engine whose streams all get an event at each tick.
    Ticking,
    /// No server: the simulated machine, called through `trait Engine`.
    Baseline,
}

impl Arguments {
    /// Whether `scenario` is selected.
    pub fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }
}
