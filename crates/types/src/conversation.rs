//! What is said to a model: messages, and the tools that it may call.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    /// The client.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

impl Role {
    /// As chat templates spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// What the assistant thought before it said so; templates that know better leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Tools that the assistant called with this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call whose result this is: for [`Role::Tool`], where the client says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of plain text.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        let content = content.into();
        Self { role, content, reasoning: None, tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// One call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call for the message that brings its result.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON text: an object, unless the model or the client wrote something else.
    pub arguments: String,
}

/// A tool that a model may call. The client runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Unique within the request.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON text: the JSON Schema of its arguments, an object.
    pub parameters: String,
}

/// Whether an answer calls tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// It does not, whatever tools there are.
    None,
    /// It does, whichever.
    Required,
    /// It calls this one.
    Named(String),
}

/// What a model is to continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A conversation, before templates: the agent's system prompt is not in it (the engine puts
    /// that first).
    Chat {
        /// Oldest first.
        messages: Vec<Message>,
        /// What the model may call.
        tools: Vec<Tool>,
    },
    /// Text that is continued as it stands: no template, no system prompt.
    Text(String),
}

impl Prompt {
    /// A conversation without tools.
    pub fn chat(messages: Vec<Message>) -> Self {
        Self::Chat { messages, tools: Vec::new() }
    }

    /// The conversation; none in a text.
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Chat { messages, .. } => messages,
            Self::Text(_) => &[],
        }
    }

    /// What the model may call; nothing in a text.
    pub fn tools(&self) -> &[Tool] {
        match self {
            Self::Chat { tools, .. } => tools,
            Self::Text(_) => &[],
        }
    }
}
