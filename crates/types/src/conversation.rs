//! The input of a model: messages, and the tools that it may call.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Author of a message.
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
    /// The role's name in chat templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One part of a message's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ContentPart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image, for models with vision.
    Image(Media),
    /// An audio recording, for models with audio input.
    Audio(Media),
}

impl ContentPart {
    /// A part of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Length of the text or the encoded file, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text { text } => text.len(),
            Self::Image(media) | Self::Audio(media) => media.base64.len(),
        }
    }
}

/// A file within a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Media type (`image/png`) as the client states it; `None` if the dialect has no field
    /// for it.
    pub media_type: Option<String>,
    /// The file in base64 (RFC 4648, §4), not decoded: an engine that decodes it bounds what it
    /// decodes.
    pub base64: String,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Author.
    pub role: Role,
    /// Content in order. No two adjacent parts are both text; no text is empty.
    pub content: Vec<ContentPart>,
    /// Reasoning of the assistant before this message; some templates leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Tools that the assistant called with this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that this message answers: for [`Role::Tool`], if the client states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of plain text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self::of_parts(role, [ContentPart::text(text)])
    }

    /// A message of `parts`. Adjacent texts are joined with a line break, as models see one text.
    pub fn of_parts(role: Role, parts: impl IntoIterator<Item = ContentPart>) -> Self {
        let mut content: Vec<ContentPart> = Vec::new();
        for part in parts {
            match (content.last_mut(), part) {
                (Some(ContentPart::Text { text: joined }), ContentPart::Text { text }) => {
                    joined.push('\n');
                    joined.push_str(&text);
                }
                (_, part) => content.push(part),
            }
        }
        content.retain(|part| part.bytes() > 0 || !matches!(part, ContentPart::Text { .. }));
        Self { role, content, reasoning: None, tool_calls: Vec::new(), tool_call_id: None }
    }

    /// The text parts, joined with line breaks.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.content.iter().filter_map(|part| match part {
            ContentPart::Text { text } => Some(text.as_str()),
            ContentPart::Image(_) | ContentPart::Audio(_) => None,
        });
        let first = texts.next().unwrap_or_default();
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => {
                let all: Vec<&str> = [first, second].into_iter().chain(texts).collect();
                Cow::Owned(all.join("\n"))
            }
        }
    }

    /// Appends text to the content.
    pub fn push_text(&mut self, more: &str) {
        match self.content.last_mut() {
            Some(ContentPart::Text { text }) => text.push_str(more),
            Some(ContentPart::Image(_) | ContentPart::Audio(_)) | None => {
                self.content.extend((!more.is_empty()).then(|| ContentPart::text(more)));
            }
        }
    }

    /// Length of the content, in bytes.
    pub fn bytes(&self) -> usize {
        self.content.iter().map(ContentPart::bytes).sum()
    }
}

/// One call of a tool by the assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Identifier that the message with the result refers to.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Arguments as JSON text: an object, unless the model or the client wrote something else.
    pub arguments: String,
}

/// A tool that a model may call. The client runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Unique within the request.
    pub name: String,
    /// Description for the model.
    pub description: Option<String>,
    /// JSON Schema of the arguments, as JSON text: an object.
    pub parameters: String,
}

/// Whether the answer calls tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No tool is called.
    None,
    /// At least one tool is called.
    Required,
    /// This tool is called.
    Named(String),
}

/// The prompt of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A conversation, before templates: without the agent's system prompt (the engine puts
    /// that first, unless the request says [`crate::SystemTurn::Request`]).
    Chat {
        /// Oldest first.
        messages: Vec<Message>,
        /// Tools that the model may call.
        tools: Vec<Tool>,
    },
    /// Raw text to continue: no template, no system prompt.
    Text(String),
}

impl Prompt {
    /// A conversation without tools.
    pub fn chat(messages: Vec<Message>) -> Self {
        Self::Chat { messages, tools: Vec::new() }
    }

    /// The messages; empty for raw text.
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Chat { messages, .. } => messages,
            Self::Text(_) => &[],
        }
    }

    /// Tools that the model may call; empty for raw text.
    pub fn tools(&self) -> &[Tool] {
        match self {
            Self::Chat { tools, .. } => tools,
            Self::Text(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ContentPart {
        ContentPart::Image(Media { media_type: None, base64: "AAAA".to_owned() })
    }

    #[test]
    fn adjacent_texts_are_joined_with_line_breaks() {
        let said = |texts: &[&str]| {
            Message::of_parts(Role::User, texts.iter().copied().map(ContentPart::text))
        };
        assert_eq!(said(&["a", "b"]), Message::new(Role::User, "a\nb"));
        assert_eq!(said(&["", "b", ""]), Message::new(Role::User, "\nb\n"));
        assert_eq!(said(&["", ""]).text(), "\n");
        for empty in [said(&[]), said(&[""]), Message::new(Role::User, "")] {
            assert_eq!((empty.content.len(), empty.text().as_ref()), (0, ""));
        }
    }

    #[test]
    fn text_skips_images_and_is_appended_after_them() {
        let parts = [ContentPart::text("a"), image(), ContentPart::text("b")];
        let mut message = Message::of_parts(Role::User, parts);
        assert_eq!((message.content.len(), message.text().as_ref()), (3, "a\nb"));
        assert_eq!(message.bytes(), 6);
        message.push_text("c");
        assert_eq!((message.content.len(), message.text().as_ref()), (3, "a\nbc"));
        let mut shown = Message::of_parts(Role::User, [image()]);
        shown.push_text("");
        assert_eq!((shown.content.len(), shown.text().as_ref()), (1, ""));
        shown.push_text("c");
        assert_eq!(shown.content, [image(), ContentPart::text("c")]);
    }
}
