//! Tools of a run: servers of the Model Context Protocol (MCP), files of a workspace, commands.
//!
//! Owns: the configuration of MCP servers, their processes and connections, the check of arguments
//! against a tool's JSON Schema, the built-in tools of a workspace, and the confinement of commands.
//!
//! Invariants: what a server, a file or a command says is bounded in bytes while it is read, and in
//! time; no path leads out of the workspace; a command runs confined or not at all; a process does
//! not outlive its [`ToolBox`].
//!
//! Does not do: choose which agent sees which tool, ask for approval, keep a journal, read the
//! environment.
#![forbid(unsafe_code)]

mod arguments;
mod command;
mod config;
mod error;
mod helper;
mod limits;
mod mcp;
mod output;
mod run_token;
mod toolbox;
mod workspace;

pub use arguments::ArgumentSchema;
pub use command::{CommandLimits, CommandPolicy, Lacking, confinement};
pub use config::{ConfigError, Endpoint, McpConfig, ServerConfig};
pub use error::ToolError;
pub use helper::{Helper, run_helper};
pub use limits::{CallLimits, MAX_SHOWN};
pub use toolbox::{LeftOut, ToolBox, ToolBoxConfig};
