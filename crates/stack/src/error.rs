//! What can be wrong with a stack file. Each message names the place, the offending input and the
//! remedy.

use std::io;
use std::path::PathBuf;

use crate::place::Place;

/// A stack that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Neither a built-in stack nor a file.
    #[error(
        "there is no stack `{asked}`: built in are {builtins}; a stack of your own is named by \
         the path of its file, for instance ./team.toml"
    )]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The built-in names, comma-separated.
        builtins: String,
    },
    /// The file cannot be read.
    #[error("cannot read the stack file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{at}: {reason}, at `{line}`")]
    Toml {
        /// Where.
        at: Place,
        /// The line as it stands in the file.
        line: String,
        /// What the TOML parser says.
        reason: String,
    },
    /// A stack without a name.
    #[error("{origin}: the stack has no name: add `name = \"my_team\"` as the first line")]
    Unnamed {
        /// The file.
        origin: String,
    },
    /// A stack without agents.
    #[error(
        "{origin}: the stack has no agents: add at least one, for instance\n[[agents]]\nlike = \
         \"coder\""
    )]
    Empty {
        /// The file.
        origin: String,
    },
    /// A value outside its limits.
    #[error("{at}: `{key} = {value}` is not possible: {remedy}")]
    Value {
        /// Where.
        at: Place,
        /// The key, with its table where it is not the agent's (`sampling.top_p`).
        key: &'static str,
        /// The value as written.
        value: String,
        /// What is possible.
        remedy: String,
    },
    /// An agent without a field that it needs.
    #[error(
        "{at}: this agent has no `{key}`: add {example}, or take it from a built-in agent with \
         `like = \"coder\"`"
    )]
    Missing {
        /// Where its table begins.
        at: Place,
        /// The key.
        key: &'static str,
        /// A line that would do.
        example: &'static str,
    },
    /// Two agents of one name.
    #[error(
        "{at}: there is an agent `{name}` already, on line {first}: give one of them another `name`"
    )]
    Duplicate {
        /// Where the second begins.
        at: Place,
        /// The name.
        name: String,
        /// The line where the first begins.
        first: usize,
    },
    /// Both `system` and `system_file`.
    #[error("{at}: `system` and `system_file` both give the system prompt: remove one of them")]
    TwoPrompts {
        /// Where the second of the two is named.
        at: Place,
    },
    /// A `system_file` that cannot be read.
    #[error("{at}: cannot read `system_file = \"{file}\"` (relative to the stack file): {source}")]
    SystemFile {
        /// Where it is named.
        at: Place,
        /// As written.
        file: String,
        /// Why.
        source: io::Error,
    },
}
