//! Order in which the agents of a stack are placed, and in reverse left out.
//!
//! By tier, and within a tier in the order of the stack. But an agent that needs a large model would
//! block all after it until there is memory for that model, so one that costs far less goes first:
//! at most half as much within a tier, a quarter one tier below, and so on. An agent costs its KV
//! cache and system prompt, and if none of its engine was placed before, the engine as well.
//!
//! Invariant: the order does not depend on the budget. With more memory, the agents that fit are
//! therefore a longer beginning of the same order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::allocation::EngineOptions;
use crate::cost_model::SlotsByContext;
use crate::demand::Demand;

/// Indices of `demands`, which are given by tier, in the order of placing.
pub(crate) fn join_order(engines: &[EngineOptions<'_>], demands: &[Demand]) -> Vec<usize> {
    let mut of_engine = vec![Vec::new(); engines.len()];
    for (agent, demand) in demands.iter().enumerate() {
        of_engine[demand.engine].push(agent);
    }
    let mut weights: Vec<u128> =
        demands.iter().map(|demand| weight(demand, opening(engines, demand))).collect();
    // Entries of a weight that has changed since are skipped.
    let mut lightest: BinaryHeap<Reverse<(u128, usize)>> =
        weights.iter().enumerate().map(|(agent, weight)| Reverse((*weight, agent))).collect();
    let mut is_placed = vec![false; demands.len()];
    let mut is_open = vec![false; engines.len()];
    let mut order = Vec::with_capacity(demands.len());
    let mut first = 0;
    while order.len() < demands.len() {
        while is_placed[first] {
            first += 1;
        }
        while lightest
            .peek()
            .is_some_and(|Reverse((weight, agent))| is_placed[*agent] || *weight != weights[*agent])
        {
            lightest.pop();
        }
        let next = match lightest.peek() {
            Some(Reverse((weight, agent))) if weight.saturating_mul(2) <= weights[first] => *agent,
            _ => first,
        };
        is_placed[next] = true;
        order.push(next);
        let engine = demands[next].engine;
        if !std::mem::replace(&mut is_open[engine], true) {
            for &agent in of_engine[engine].iter().filter(|agent| !is_placed[**agent]) {
                weights[agent] = weight(&demands[agent], joining(engines, &demands[agent]));
                lightest.push(Reverse((weights[agent], agent)));
            }
        }
    }
    order
}

/// Bytes, doubled for each tier below the first.
fn weight(demand: &Demand, bytes: u64) -> u128 {
    u128::from(bytes) << (demand.tier.number() - 1)
}

/// Bytes of an engine with one slot of this agent.
fn opening(engines: &[EngineOptions<'_>], demand: &Demand) -> u64 {
    let slots = SlotsByContext::from([(demand.min_context, 1)]);
    let engine = engines[demand.engine].cost.engine(&slots).total();
    engine.0.saturating_add(engines[demand.engine].cost.snapshot(demand.prefix).0)
}

/// Bytes of one slot of this agent on an engine that others use.
fn joining(engines: &[EngineOptions<'_>], demand: &Demand) -> u64 {
    let cost = &engines[demand.engine].cost;
    cost.slots_kv(1, demand.min_context).0.saturating_add(cost.snapshot(demand.prefix).0)
}
