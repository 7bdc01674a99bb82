//! Limits of calls and of what tools may send.

use std::time::Duration;

/// Maximum number of tools that one agent is shown; more make small models choose badly.
pub const MAX_SHOWN: usize = 16;

/// Limits of one call of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Time until the call is given up.
    pub time: Duration,
    /// Maximum size of the result's text, in bytes.
    pub bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { time: Duration::from_mins(1), bytes: 64 << 10 }
    }
}

/// Maximum size of the arguments of a call, in bytes of text and numbers.
pub(crate) const ARGUMENT_BYTES: usize = 1 << 20;

/// Maximum number of values in the arguments of a call.
pub(crate) const ARGUMENT_VALUES: usize = 10_000;

/// Maximum nesting of the arguments of a call.
pub(crate) const ARGUMENT_DEPTH: usize = 32;

/// Maximum size of a tool's schema, in bytes of JSON.
pub(crate) const SCHEMA_BYTES: usize = 64 << 10;

/// Maximum number of comparisons of a schema's part with a part of the arguments.
pub(crate) const VALIDATION_STEPS: u64 = 2_000_000;

/// Maximum nesting of a schema, references followed.
pub(crate) const SCHEMA_DEPTH: usize = 200;

/// Maximum size of one text in a server's message; what is longer is cut while it is read.
pub(crate) const TEXT_BYTES: usize = 1 << 20;

/// Maximum size of a server's message after its texts were cut.
pub(crate) const MESSAGE_BYTES: usize = 8 << 20;

/// Maximum size of a tool's description.
pub(crate) const DESCRIPTION_BYTES: usize = 4 << 10;

/// Maximum number of pages of a server's list of tools.
pub(crate) const LIST_PAGES: usize = 32;

/// Maximum number of tools of a server.
pub(crate) const SERVER_TOOLS: usize = 512;

/// Maximum number of servers in a configuration.
pub(crate) const SERVERS: usize = 32;

/// Maximum length of a tool's name, as the OpenAI API has it.
pub(crate) const NAME_BYTES: usize = 64;
