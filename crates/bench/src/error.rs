//! Errors that prevent a run.
//!
//! Owns: [`BenchError`]. A run that has started always yields a record; problems during it are
//! [`crate::Warning`]s in the record.

use harmonic_types::AgentName;

use crate::levels::Levels;
use crate::target::TargetError;

/// Invalid levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelsError {
    /// The list is empty.
    #[error("no levels given: expected numbers such as 1,8,32")]
    None,
    /// A level is 0 or too large.
    #[error("invalid level `{level}`: expected 1 to {}", Levels::MAX)]
    OutOfRange {
        /// The requested level.
        level: u32,
    },
    /// A level is not a number.
    #[error("invalid level `{0}`: expected numbers such as 1,8,32")]
    NotANumber(String),
}

/// Reason why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A load has no agents.
    #[error("a load has no agents: name at least one")]
    NoAgents,
    /// A setting is invalid.
    #[error("invalid {setting} `{value}`: expected {rule}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// Expected values.
        rule: &'static str,
    },
    /// The first request to an agent failed.
    #[error("the agent `{agent}` does not respond at {target}")]
    Preflight {
        /// The agent.
        agent: AgentName,
        /// The target.
        target: String,
        /// Cause of the failure.
        #[source]
        source: TargetError,
    },
    /// The run was stopped before its first measurement.
    #[error("stopped before anything was measured")]
    Stopped,
}

impl BenchError {
    /// Remedy; `None` where the message contains it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Preflight { source, .. } => Some(source.hint()),
            Self::NoAgents | Self::Setting { .. } | Self::Stopped => None,
        }
    }
}
