//! Why a run did not start.
//!
//! Owns: [`BenchError`]. A run that started always ends with a record; what went wrong in it is a
//! [`crate::Warning`] there.

use harmonic_types::AgentName;

use crate::levels::Levels;
use crate::target::TargetError;

/// Levels that cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelsError {
    /// Nothing was asked for.
    #[error("no level given: use numbers such as 1,8,32")]
    None,
    /// Zero, or too many.
    #[error("parallelism {level} is out of range: use 1 to {}", Levels::MOST)]
    OutOfRange {
        /// What was asked for.
        level: u32,
    },
    /// Not a number.
    #[error("`{0}` is not a level: use numbers such as 1,8,32")]
    NotANumber(String),
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The load has no destination.
    #[error("no agent to ask: name at least one")]
    NoAgents,
    /// A setting that would measure nothing.
    #[error("{setting} is {value} but must be {rule}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The first request to an agent failed, so there is nothing to measure.
    #[error("{agent} does not answer at {target}")]
    Preflight {
        /// Who was asked.
        agent: AgentName,
        /// Where.
        target: String,
        /// Why not.
        #[source]
        source: TargetError,
    },
    /// Stopped before anything was measured.
    #[error("stopped before anything was measured")]
    Stopped,
}

impl BenchError {
    /// What mends it, where the message does not say it already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Preflight { source, .. } => Some(source.hint()),
            Self::NoAgents | Self::Setting { .. } | Self::Stopped => None,
        }
    }
}
