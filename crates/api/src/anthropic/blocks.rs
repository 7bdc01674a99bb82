//! Content blocks of messages.

use harmonic_types::{ContentPart, Media};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::features::FeatureFields;
use crate::openai::{IMAGE, IMAGES};
use crate::untagged::Content;
use crate::validation_error::ValidationError;
use crate::{media, object};

/// Content block as read: the fields of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicBlock")]
pub struct BlockBody {
    /// `text`, `image`, `thinking`, `tool_use`, `tool_result` …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Of `thinking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Of `thinking`: written because clients require it; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Of `tool_use`: id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of `tool_use`: name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of `tool_use`: arguments. JSON text and null are accepted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub input: Option<Value>,
    /// Of `tool_result`: id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<String>,
    /// Of `tool_result`: the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<TextBody>>,
    /// Of `image`: the file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub source: Option<SourceBody>,
    /// Of `tool_result`: whether the call failed; passed to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
}

/// Text block; in a tool result also an image block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicText")]
pub struct TextBody {
    /// `text` or `image`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Of `image`: the file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub source: Option<SourceBody>,
}

/// Source of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicSource")]
pub struct SourceBody {
    /// `base64`; URLs are not fetched.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// File in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl From<&Media> for SourceBody {
    fn from(media: &Media) -> Self {
        Self {
            kind: BASE64.to_owned(),
            media_type: media.media_type.clone(),
            data: Some(media.base64.clone()),
        }
    }
}

/// Kind of a source that contains its file.
const BASE64: &str = "base64";

/// Image of the block at `path`, recorded in `fields`.
pub(super) fn image(
    path: &str,
    source: Option<SourceBody>,
    fields: &mut FeatureFields,
) -> Result<ContentPart, ValidationError> {
    fields.note_image(path)?;
    let path = format!("{path}.source");
    let missing = |path: &str| ValidationError::value(path, "is missing");
    let SourceBody { kind, media_type, data } = source.ok_or_else(|| missing(&path))?;
    if kind != BASE64 {
        let detail = format!(": its type is `{kind}`, and only `{BASE64}` is: nothing is fetched");
        return Err(ValidationError::unsupported(path, detail));
    }
    let path = format!("{path}.data");
    let data = data.ok_or_else(|| missing(&path))?;
    media::of_base64(&path, media_type, data).map(ContentPart::Image)
}

/// Text of `content` at `path`: blocks are joined as paragraphs.
pub(super) fn text(path: &str, content: Content<TextBody>) -> Result<String, ValidationError> {
    let blocks = match content {
        Content::Text(text) => return Ok(text),
        Content::Parts(blocks) => blocks,
    };
    let one = |(number, block): (usize, TextBody)| {
        let path = format!("{path}[{number}]");
        if block.kind != "text" {
            return Err(not_served(&path, &block.kind, "`text` is"));
        }
        block.text.ok_or_else(|| ValidationError::value(format!("{path}.text"), "is missing"))
    };
    let texts = blocks.into_iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n"))
}

/// Content of a tool result; in an old one, each image is replaced by a placeholder.
pub(super) fn result(
    path: &str,
    content: Content<TextBody>,
    is_old: bool,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, ValidationError> {
    let blocks = match content {
        Content::Text(text) => return Ok(vec![ContentPart::text(text)]),
        Content::Parts(blocks) => blocks,
    };
    let one = |(number, block): (usize, TextBody)| {
        let path = format!("{path}[{number}]");
        match block.kind.as_str() {
            "text" => {
                let missing = || ValidationError::value(format!("{path}.text"), "is missing");
                Ok(ContentPart::text(block.text.ok_or_else(missing)?))
            }
            kind if is_old && IMAGES.contains(&kind) => Ok(ContentPart::text(IMAGE)),
            "image" => image(&path, block.source, fields),
            other => Err(not_served(&path, other, "`text` and `image` are")),
        }
    };
    blocks.into_iter().enumerate().map(one).collect()
}

/// Error for an unsupported kind of block; `served` lists the supported ones.
pub(super) fn not_served(path: &str, kind: &str, served: &str) -> ValidationError {
    ValidationError::unsupported(path, format!(": its type is `{kind}`, and only {served}"))
}

/// Content block as written: in a message, and empty at the start of a streamed block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// Answer text.
    Text {
        /// The text.
        text: String,
    },
    /// Reasoning.
    Thinking {
        /// The text.
        thinking: String,
        /// Empty; clients require the field.
        signature: String,
    },
    /// Tool call.
    ToolUse {
        /// Id of the call.
        id: String,
        /// Name of the tool.
        name: String,
        /// Arguments.
        input: Map<String, Value>,
    },
}
