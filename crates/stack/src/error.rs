//! Errors of stack files. Each message names the position, the offending input and the remedy.

use std::io;
use std::path::PathBuf;

use harmonic_types::StackSpec;

use crate::position::Position;

/// Error of a stack name or stack file.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A name that is neither a built-in stack nor a file.
    #[error(
        "unknown stack `{name}`{meant}: expected a built-in stack ({builtins}) or the path of a \
         stack file, for instance ./team.toml"
    )]
    Unknown {
        /// The requested name.
        name: String,
        /// Suggestion, or empty.
        meant: String,
        /// The built-in names, comma-separated.
        builtins: String,
    },
    /// An unreadable file.
    #[error("cannot read the stack file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Invalid TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{at}: {reason}, at `{line}`")]
    Toml {
        /// Position of the error.
        at: Position,
        /// The line of the file.
        line: String,
        /// Message of the TOML parser.
        reason: String,
    },
    /// A stack without a name.
    #[error("{origin}: missing stack name: add `name = \"my_team\"` as the first line")]
    Unnamed {
        /// The file.
        origin: String,
    },
    /// A stack without agents.
    #[error(
        "{origin}: missing agents: add at least one, for instance\n[[agents]]\nlike = \"coder\""
    )]
    Empty {
        /// The file.
        origin: String,
    },
    /// More agents than a stack may have.
    #[error(
        "{at}: {count} agents: expected at most {}, as an engine has at most as many sequences; \
         split the stack, and start each part with its own --port",
        StackSpec::MAX_AGENTS
    )]
    TooManyAgents {
        /// Start of the first table beyond the limit.
        at: Position,
        /// Number of tables.
        count: usize,
    },
    /// A value outside its limits.
    #[error("{at}: invalid {key} `{value}`: expected {expected}")]
    Value {
        /// Position of the value.
        at: Position,
        /// The key, with its table unless that is the agent's (`sampling.top_p`).
        key: &'static str,
        /// The value in TOML.
        value: String,
        /// The valid values.
        expected: String,
    },
    /// A model that is neither on this machine nor known.
    #[error("{at}: invalid `model`: {source}")]
    Model {
        /// Position of the key.
        at: Position,
        /// Cause, with the model and the expected form.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An agent without a required field.
    #[error(
        "{at}: missing `{key}` of an agent: add {example}, or inherit it from a built-in agent \
         with `like = \"coder\"`"
    )]
    Missing {
        /// Start of the agent's table.
        at: Position,
        /// The key.
        key: &'static str,
        /// An example of the line to add.
        example: &'static str,
    },
    /// An engine that cannot be, or that nothing uses. The value is not repeated: an address may
    /// hold a password.
    #[error("{at}: invalid `{key}`: {reason}")]
    Engine {
        /// Position of the value.
        at: Position,
        /// The key, with its table unless that is the agent's.
        key: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// Two agents with the same name.
    #[error(
        "{at}: duplicate agent name `{name}`, first used on line {first}: give one of the agents \
         another `name`"
    )]
    Duplicate {
        /// Start of the second agent's table.
        at: Position,
        /// The name.
        name: String,
        /// First line of the first agent's table.
        first: usize,
    },
    /// Both `system` and `system_file`.
    #[error("{at}: `system` and `system_file` exclude each other: remove one of them")]
    TwoPrompts {
        /// Position of `system_file`.
        at: Position,
    },
    /// An unreadable `system_file`.
    #[error("{at}: cannot read `system_file = \"{file}\"` (relative to the stack file): {source}")]
    SystemFile {
        /// Position of the key.
        at: Position,
        /// The path in the stack file.
        file: String,
        /// Cause.
        source: io::Error,
    },
}
