//! Source of the system turn that a prompt begins with.

use serde::{Deserialize, Serialize};

/// Source of a conversation's system turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemTurn {
    /// The agent's system prompt, followed by the system messages of the request.
    #[default]
    Agent,
    /// The system messages of the request alone. Requests to different agents of one base model
    /// then share everything that they begin with.
    Request,
}
