//! Blocks: what a message is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::invalid::Invalid;
use crate::openai::{IMAGE, IMAGES};
use crate::said::Said;

/// A block as it is read: the fields of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicBlock")]
pub struct BlockBody {
    /// `text`, `thinking`, `tool_use`, `tool_result` …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Of `thinking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Of `thinking`: written because clients demand it, not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Of `tool_use`: names the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of `tool_use`: the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of `tool_use`: its arguments. JSON text or nothing is read as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub input: Option<Value>,
    /// Of `tool_result`: the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<String>,
    /// Of `tool_result`: what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Said<TextBody>>,
    /// Of `tool_result`: whether the call failed, which the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
}

/// A block where only text may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicText")]
pub struct TextBody {
    /// `text`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The text of `said`, which is at `path`: blocks are its paragraphs.
pub(super) fn text(path: &str, said: Said<TextBody>) -> Result<String, Invalid> {
    let blocks = match said {
        Said::Text(text) => return Ok(text),
        Said::Parts(blocks) => blocks,
    };
    let one = |(number, block): (usize, TextBody)| {
        let path = format!("{path}[{number}]");
        if block.kind != "text" {
            return Err(not_served(&path, &block.kind, "`text` is"));
        }
        block.text.ok_or_else(|| Invalid::value(format!("{path}.text"), "is missing"))
    };
    let texts = blocks.into_iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n"))
}

/// The same of a tool's result; an old one may hold images.
pub(super) fn result(
    path: &str,
    mut said: Said<TextBody>,
    is_old: bool,
) -> Result<String, Invalid> {
    if let (Said::Parts(blocks), true) = (&mut said, is_old) {
        for block in blocks.iter_mut().filter(|block| IMAGES.contains(&block.kind.as_str())) {
            *block = TextBody { kind: "text".to_owned(), text: Some(IMAGE.to_owned()) };
        }
    }
    text(path, said)
}

/// That a block is of a kind that only others are served of.
pub(super) fn not_served(path: &str, kind: &str, served: &str) -> Invalid {
    Invalid::unsupported(path, format!(": its type is `{kind}`, and only {served}"))
}

/// A block as it is written: in a message, and, still empty, where a stream begins one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// What is said.
    Text {
        /// The text.
        text: String,
    },
    /// What was thought before.
    Thinking {
        /// The text.
        thinking: String,
        /// Empty: clients demand the field.
        signature: String,
    },
    /// A call of a tool.
    ToolUse {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments.
        input: Map<String, Value>,
    },
}
