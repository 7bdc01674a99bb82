//! The arguments.

use clap::{Parser, ValueEnum};

/// What the gateway costs: beside the engine alone, per request and per event
#[derive(Clone, Debug, Parser)]
#[command(name = "load", max_term_width = 100)]
pub struct Arguments {
    /// What to measure [default: all]
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// Seconds for which the crowd is measured, and the listeners
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Connections of the crowd
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// A model of the catalog: the simulated machine has its pace
    #[arg(long, value_name = "MODEL", default_value = "qwen3:4b")]
    pub model: String,
    /// Be what is measured
    #[arg(long, value_enum, hide = true)]
    pub serve: Option<Role>,
    /// Threads of the server
    #[arg(long, default_value_t = 2, hide = true)]
    pub threads: u32,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// A thousand connections over 32 slots of a simulated machine at real pace
    Crowd,
    /// What the gateway adds to a request that does not queue
    Added,
    /// Events of streams that one thread forwards
    Forwarded,
    /// What listeners of the event stream cost
    Listened,
}

/// What the other process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// A server over the simulated machine.
    Paced,
    /// A server over an engine that answers at once.
    Instant,
    /// A server over an engine whose streams all get an event at each tick.
    Ticking,
    /// No server: the simulated machine, asked through `trait Engine`.
    Alone,
}

impl Arguments {
    /// Whether `scenario` is asked for.
    pub fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }
}
