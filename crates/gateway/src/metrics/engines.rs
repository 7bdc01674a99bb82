//! Gauges of engines: slots and their use.

use harmonic_engine::{EngineStatus, Health};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EngineLabels {
    engine: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AgentLabels {
    engine: String,
    agent: String,
}

type PerAgent = Family<AgentLabels, Gauge>;

/// Gauges of engines.
#[derive(Debug)]
pub(super) struct Engines {
    ready: Family<EngineLabels, Gauge>,
    sequences: Family<EngineLabels, Gauge>,
    slots: PerAgent,
    running: PerAgent,
    borrowing: PerAgent,
    preempted: PerAgent,
    waiting: PerAgent,
}

impl Engines {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let mut per_agent = |name: &str, help: &str| {
            let family = PerAgent::default();
            registry.register(name, help, family.clone());
            family
        };
        let slots = per_agent("harmonic_slots", "Slots of the agent in the plan");
        let running = per_agent("harmonic_num_requests_running", "Running requests");
        let borrowing = per_agent(
            "harmonic_num_requests_borrowing",
            "Running requests on borrowed slots of other agents",
        );
        let preempted =
            per_agent("harmonic_num_requests_parked", "Preempted requests that wait to resume");
        let waiting = per_agent("harmonic_num_requests_waiting", "Queued requests");
        let mut per_engine = |name: &str, help: &str| {
            let family = Family::<EngineLabels, Gauge>::default();
            registry.register(name, help, family.clone());
            family
        };
        let ready =
            per_engine("harmonic_engine_ready", "1 while the engine accepts requests, else 0");
        let sequences = per_engine(
            "harmonic_engine_sequences",
            "Sequences that the engine can run in parallel",
        );
        Self { ready, sequences, slots, running, borrowing, preempted, waiting }
    }

    /// Sets the gauges of an engine from its status.
    pub(super) fn set(&self, status: &EngineStatus) {
        let engine = EngineLabels { engine: status.id.clone() };
        let ready = status.health == Health::Ready;
        self.ready.get_or_create(&engine).set(ready.into());
        self.sequences.get_or_create(&engine).set(status.sequences.into());
        for agent in &status.agents {
            let labels = AgentLabels { engine: status.id.clone(), agent: agent.agent.0.clone() };
            for (family, figure) in [
                (&self.slots, agent.slots),
                (&self.running, agent.in_flight),
                (&self.borrowing, agent.borrowed),
                (&self.preempted, agent.preempted),
                (&self.waiting, agent.queued),
            ] {
                family.get_or_create(&labels).set(figure.into());
            }
        }
    }
}
