//! Messages and their parts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Id, by its author.
    pub message_id: String,
    /// Context that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// Task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Author.
    pub role: Role,
    /// Parts, at least one.
    pub parts: Vec<Part>,
    /// Further data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Message {
    /// Message of the agent about the task `task`.
    pub(super) fn of_agent(id: String, task: &str, text: impl Into<String>) -> Self {
        Self::about(id, task, Role::Agent, text)
    }

    /// Message of the client that the task `task` began with.
    pub(super) fn of_user(id: String, task: &str, text: impl Into<String>) -> Self {
        Self::about(id, task, Role::User, text)
    }

    fn about(message_id: String, task: &str, role: Role, text: impl Into<String>) -> Self {
        Self {
            message_id,
            context_id: Some(task.to_owned()),
            task_id: Some(task.to_owned()),
            role,
            parts: vec![Part::text(text)],
            metadata: None,
        }
    }
}

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The client.
    #[serde(rename = "ROLE_USER")]
    User,
    /// The agent.
    #[serde(rename = "ROLE_AGENT")]
    Agent,
}

/// Part of a message or an artifact. Exactly one of text, bytes, address and data is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes, as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Address of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl Part {
    /// Part of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }
}
