//! Figures for Prometheus, in the `OpenMetrics` text format.
//!
//! Names are those of OpenTelemetry's conventions for generative AI where it has one, and vLLM's
//! with `harmonic_` before them otherwise.
//!
//! Invariants: no label has a client's words, and each has few values: an agent, an engine, a path
//! of ours, a status, an outcome. So the number of series is known when the server starts. What
//! engines know (who runs, who waits) is asked of them when somebody looks, and never goes stale.
//!
//! Does not do: keep figures over a restart. Counters begin at 0, as Prometheus expects.

use harmonic_engine::EngineStatus;

mod account;
mod answers;
mod engines;
mod responses;

pub(crate) use account::RequestMetrics;
pub(crate) use responses::count;

use answers::Answers;
use engines::Engines;
use responses::Responses;

/// The figures of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: prometheus_client::registry::Registry,
    answers: Answers,
    engines: Engines,
    responses: Responses,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = prometheus_client::registry::Registry::default();
        let answers = Answers::new(&mut registry);
        let engines = Engines::new(&mut registry);
        let responses = Responses::new(&mut registry);
        Self { registry, answers, engines, responses }
    }
    /// All figures as text, with those of the engines as they are in `engines`.
    pub(crate) fn text(&self, engines: impl IntoIterator<Item = EngineStatus>) -> String {
        engines.into_iter().for_each(|status| self.engines.set(&status));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a string takes what is written");
        text
    }
}
