//! A2A 1.0 (`Agent2Agent`) over JSON-RPC: the team as an agent of other agents.
//!
//! Owns: the wire types, the checks of what a client sends, and runs as tasks of the protocol.
//!
//! Invariants: names of fields are those of the protocol's JSON; unknown fields are ignored, as it
//! asks for; a task is a run, and its context is the run alone.
//!
//! Field names and meanings: <https://a2a-protocol.org/v1.0.0/specification>.
//!
//! Does not do: HTTP (`gateway`), push notifications, conversations over several tasks.

mod card;
mod message;
mod params;
mod rpc;
mod task;

pub use card::{
    AgentCapabilities, AgentCard, AgentInterface, AgentSkill, SecurityRequirement, SecurityScheme,
};
pub use message::{Message, Part, Role};
pub use params::{
    ListTasksParams, SKILL, SendMessageParams, SentMessage, TaskParams, TextConfiguration, read,
};
pub use rpc::{RpcError, RpcErrorKind, RpcId, RpcRequest, RpcResponse};
pub use task::{Artifact, StreamResponse, Task, TaskList, TaskState, TaskStatus};

/// Version of the protocol.
pub const VERSION: &str = "1.0";

/// Media type of all that is read and written.
pub const TEXT: &str = "text/plain";
