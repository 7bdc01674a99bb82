//! Trades of a plan: what was given up to fit the memory budget, with the figures of what would
//! bring it back. [`Display`](fmt::Display) is the one wording, without the subject.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::stack::AgentName;
use crate::tuned::{Divergence, QuantisedKv};
use crate::units::{Bytes, Tokens};

/// Something given up. `more_bytes` is what the memory budget lacks for it, with everything that
/// comes before it in the planner's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Trade {
    /// Slots of an agent.
    Slots {
        /// The agent.
        agent: AgentName,
        /// Slots that it has.
        planned: u32,
        /// Slots of its target.
        wanted: u32,
        /// Missing memory.
        more_bytes: Bytes,
    },
    /// The precision of an engine's KV cache: `q8_0` instead of `f16`, and with it plain attention.
    KvType {
        /// The engine.
        engine: String,
        /// Memory saved.
        saved_bytes: Bytes,
        /// Its cost in quality and speed, as measured here.
        measured: QuantisedKv,
        /// Missing memory.
        more_bytes: Bytes,
    },
    /// A KV cache in `q8_0`, which was not taken although it would save memory.
    KvTypeNotTaken {
        /// The engine.
        engine: String,
        /// Memory that it would save.
        saved_bytes: Bytes,
        /// Measured distance from `f16`, not below [`Divergence::BOUND`]; `None` if not measured.
        divergence: Option<Divergence>,
    },
    /// A part of an agent's context.
    Context {
        /// The agent.
        agent: AgentName,
        /// Context that it has.
        planned: Tokens,
        /// Context of the stack.
        wanted: Tokens,
        /// Missing memory.
        more_bytes: Bytes,
    },
    /// An agent, left out.
    Agent {
        /// The agent.
        agent: AgentName,
        /// Slots with which it would join.
        slots: u32,
        /// Its smallest context.
        context: Tokens,
        /// Missing memory.
        more_bytes: Bytes,
    },
}

impl Trade {
    /// The agent or engine that gives something up.
    pub fn subject(&self) -> &str {
        match self {
            Self::Slots { agent, .. } | Self::Context { agent, .. } | Self::Agent { agent, .. } => {
                &agent.0
            }
            Self::KvType { engine, .. } | Self::KvTypeNotTaken { engine, .. } => engine,
        }
    }

    /// The agent that gives something up; `None` if it is an engine.
    pub fn agent(&self) -> Option<&AgentName> {
        match self {
            Self::Slots { agent, .. } | Self::Context { agent, .. } | Self::Agent { agent, .. } => {
                Some(agent)
            }
            Self::KvType { .. } | Self::KvTypeNotTaken { .. } => None,
        }
    }
}

impl fmt::Display for Trade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slots { planned, wanted, more_bytes, .. } => {
                let lost = wanted.saturating_sub(*planned);
                write!(
                    f,
                    "{lost} of {} given up: {wanted} would need {more_bytes} more",
                    counted(*wanted, "slot")
                )
            }
            Self::KvType { saved_bytes, measured, more_bytes, .. } => {
                let QuantisedKv { divergence, speed, parallel } = measured;
                write!(
                    f,
                    "KV cache in q8_0 instead of f16 saves {saved_bytes} (KL divergence \
                     {:.4} nats/token, bound {}; ",
                    divergence.nats_per_token,
                    Divergence::BOUND
                )?;
                match speed {
                    Some(speed) => write!(f, "{speed:.2} times the speed at {parallel}x")?,
                    None => f.write_str("speed not measured")?,
                }
                write!(f, "): f16 would need {more_bytes} more")
            }
            Self::KvTypeNotTaken { saved_bytes, divergence, .. } => match divergence {
                None => write!(
                    f,
                    "KV cache in q8_0 would save {saved_bytes}; its divergence from f16 was not \
                     measured here, `harmonic bench --kv-types` does"
                ),
                Some(divergence) => write!(
                    f,
                    "KV cache in q8_0 would save {saved_bytes}, but its KL divergence here is \
                     {:.4} nats/token, bound {}",
                    divergence.nats_per_token,
                    Divergence::BOUND
                ),
            },
            Self::Context { planned, wanted, more_bytes, .. } => write!(
                f,
                "context {planned} instead of {wanted}: {wanted} would need {more_bytes} more"
            ),
            Self::Agent { slots, context, more_bytes, .. } => {
                let slots = counted(*slots, "slot");
                write!(f, "left out: {slots} of context {context} would need {more_bytes} more")
            }
        }
    }
}
