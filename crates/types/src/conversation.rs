//! What is said to a model: messages, and the tools that it may call.

use std::borrow::Cow;

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

/// One part of what a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ContentPart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image, for models that see.
    Image(Media),
    /// A recording, for models that hear.
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
    /// Its media type (`image/png`) as the client states it; `None` where the dialect has no field
    /// for it.
    pub media_type: Option<String>,
    /// The file in base64 (RFC 4648, §4), not decoded yet: an engine that reads it bounds what it
    /// decodes.
    pub base64: String,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in this order. Of two parts in a row, one at most is text; no text is empty.
    pub content: Vec<ContentPart>,
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
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self::of_parts(role, [ContentPart::text(text)])
    }

    /// A message of `parts`. Texts in a row become paragraphs of one, as models see one text.
    pub fn of_parts(role: Role, parts: impl IntoIterator<Item = ContentPart>) -> Self {
        let mut content: Vec<ContentPart> = Vec::new();
        for part in parts {
            match (content.last_mut(), part) {
                (Some(ContentPart::Text { text: said }), ContentPart::Text { text }) => {
                    said.push('\n');
                    said.push_str(&text);
                }
                (_, part) => content.push(part),
            }
        }
        content.retain(|part| part.bytes() > 0 || !matches!(part, ContentPart::Text { .. }));
        Self { role, content, reasoning: None, tool_calls: Vec::new(), tool_call_id: None }
    }

    /// What is said in words: the texts, each a paragraph.
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

    /// Appends to what is said in words.
    pub fn push_text(&mut self, more: &str) {
        match self.content.last_mut() {
            Some(ContentPart::Text { text }) => text.push_str(more),
            Some(ContentPart::Image(_) | ContentPart::Audio(_)) | None => {
                self.content.extend((!more.is_empty()).then(|| ContentPart::text(more)));
            }
        }
    }

    /// Length of what is said, in bytes.
    pub fn bytes(&self) -> usize {
        self.content.iter().map(ContentPart::bytes).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ContentPart {
        ContentPart::Image(Media { media_type: None, base64: "AAAA".to_owned() })
    }

    #[test]
    fn texts_in_a_row_are_paragraphs_of_one() {
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
    fn what_is_said_in_words_goes_around_images() {
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
