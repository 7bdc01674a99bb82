//! Metrics for Prometheus, in the `OpenMetrics` text format.
//!
//! Names are those of OpenTelemetry's conventions for generative AI where they have one, else
//! vLLM's with the prefix `harmonic_`.
//!
//! Invariants: no label has text of a client, and each has few values (an agent, an engine, a
//! route, a status, an outcome), so the number of series is bounded. Gauges of engines are read
//! from their status at each scrape, so they are never stale.
//!
//! Does not do: persistence. Counters begin at 0 after a restart, as Prometheus expects.

use harmonic_engine::EngineStatus;

mod answers;
mod endpoint;
mod engines;
mod request;
mod responses;

pub(crate) use endpoint::scrape;
pub(crate) use request::RequestMetrics;
pub(crate) use responses::count;

use answers::Answers;
use engines::Engines;
use responses::Responses;

/// Metrics of one server.
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

    /// All metrics as text, with the gauges set from `engines`.
    pub(crate) fn text(&self, engines: impl IntoIterator<Item = EngineStatus>) -> String {
        engines.into_iter().for_each(|status| self.engines.set(&status));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a string cannot fail");
        text
    }
}
