//! Failures of tools, in words for a person or a model.

use std::time::Duration;

/// Failure of a tool, or of what provides it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// No tool has this name.
    #[error("unknown tool `{name}`{suggestion}: call one of the tools that are listed")]
    UnknownTool {
        /// The name.
        name: String,
        /// ` (did you mean …)`, or nothing.
        suggestion: String,
    },
    /// More tools were chosen for one agent than a model can choose from.
    #[error("{count} tools are too many for one agent: choose {} at most", crate::MAX_SHOWN)]
    TooManyTools {
        /// Tools chosen.
        count: usize,
    },
    /// The arguments are not what the tool takes.
    #[error("invalid arguments for `{tool}`: {problems}; correct them and call it again")]
    InvalidArguments {
        /// Name of the tool.
        tool: String,
        /// What is wrong, and where.
        problems: String,
    },
    /// A server could not be started.
    #[error("cannot start the MCP server `{server}`: {reason}")]
    NotStarted {
        /// Name of the server.
        server: String,
        /// Cause and remedy.
        reason: String,
    },
    /// The connection to a server ended, or it did not keep to the protocol.
    #[error("lost the MCP server `{server}`: {reason}")]
    Lost {
        /// Name of the server.
        server: String,
        /// Cause and remedy.
        reason: String,
    },
    /// A server refused a request.
    #[error("the MCP server `{server}` refused the call: {reason}")]
    Refused {
        /// Name of the server.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// A call took longer than allowed.
    #[error(
        "`{tool}` did not answer within {} s: raise its time limit or ask it for less",
        .limit.as_secs_f64()
    )]
    TimedOut {
        /// Name of the tool.
        tool: String,
        /// The limit.
        limit: Duration,
    },
    /// The call was cancelled.
    #[error("the call of `{tool}` was cancelled")]
    Cancelled {
        /// Name of the tool.
        tool: String,
    },
    /// The workspace cannot be opened.
    #[error("cannot open the workspace `{path}`: {reason}")]
    Workspace {
        /// Its path.
        path: String,
        /// Cause and remedy.
        reason: String,
    },
    /// Commands cannot be confined on this system.
    #[error("cannot run commands: {0}")]
    Unconfined(#[from] crate::Lacking),
    /// The machinery of a built-in tool failed.
    #[error("`{tool}` failed: {reason}")]
    Failed {
        /// Name of the tool.
        tool: String,
        /// Cause.
        reason: String,
    },
}

impl ToolError {
    /// Whether the call may have had its effect although its result is unknown.
    pub fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. }
                | Self::TimedOut { .. }
                | Self::Cancelled { .. }
                | Self::Failed { .. }
        )
    }

    /// Whether a model can mend it by another call.
    pub fn is_for_the_model(&self) -> bool {
        matches!(
            self,
            Self::UnknownTool { .. } | Self::InvalidArguments { .. } | Self::Refused { .. }
        )
    }
}
