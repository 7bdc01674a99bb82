//! Configuration of an engine behind HTTP, from the plan.

use std::time::Duration;

use harmonic_engine::{Capabilities, Identity};
use harmonic_engine_http::{Endpoint, HttpAgent, HttpEngineConfig};
use harmonic_events::EventStream;
use harmonic_types::{AgentPlan, EnginePlan, Plan};

/// Time to connect: a server of this machine answers at once, one elsewhere is given a slow link.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time without a byte of an answer, after which it has failed. The prompt is computed in it: the
/// longest ones take minutes on a CPU.
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// What the caller knows beyond the plan.
pub(super) struct Behind {
    pub(super) endpoint: Endpoint,
    pub(super) identity: Identity,
    pub(super) capabilities: Capabilities,
    pub(super) max_in_flight: u32,
    pub(super) queue_limit: u32,
    pub(super) events: EventStream,
}

/// Configuration of `engine` of `plan`; `name` is what its server calls the model of an agent.
pub(super) fn of(
    plan: &Plan,
    engine: &EnginePlan,
    behind: Behind,
    name: impl Fn(&AgentPlan) -> String,
) -> HttpEngineConfig {
    let Behind { endpoint, identity, capabilities, max_in_flight, queue_limit, events } = behind;
    HttpEngineConfig {
        id: engine.id.clone(),
        model: engine.model.clone(),
        kind: engine.spec.kind(),
        identity,
        agents: agents(plan, engine)
            .map(|agent| HttpAgent {
                spec: agent.spec.clone(),
                slots: agent.slots,
                context: agent.context,
                model: name(agent),
            })
            .collect(),
        sequences: engine.sequences,
        queue_limit,
        max_in_flight,
        events,
        endpoint,
        capabilities,
        connect_timeout: CONNECT_TIMEOUT,
        idle_timeout: Some(IDLE_TIMEOUT),
    }
}

/// Agents of `engine`, in the order of the stack.
pub(super) fn agents<'p>(
    plan: &'p Plan,
    engine: &'p EnginePlan,
) -> impl Iterator<Item = &'p AgentPlan> {
    plan.agents.iter().filter(|agent| agent.engine.as_ref() == Some(&engine.id))
}
