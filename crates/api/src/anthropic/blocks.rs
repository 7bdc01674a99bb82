//! Blocks: what a message is made of.

use harmonic_types::{ContentPart, Media};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::features::FeatureFields;
use crate::invalid::Invalid;
use crate::openai::{IMAGE, IMAGES};
use crate::said::Said;
use crate::{media, object};

/// A block as it is read: the fields of all kinds.
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
    /// Of `image`: the file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub source: Option<SourceBody>,
    /// Of `tool_result`: whether the call failed, which the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
}

/// A block of text; in a tool's result also of an image.
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

/// A file in a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicSource")]
pub struct SourceBody {
    /// `base64`: nothing is fetched.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The file in base64.
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

/// The kind of a source that brings its file along.
const BASE64: &str = "base64";

/// The image of the block at `path`, noted in `fields`.
pub(super) fn image(
    path: &str,
    source: Option<SourceBody>,
    fields: &mut FeatureFields,
) -> Result<ContentPart, Invalid> {
    fields.note_image(path)?;
    let path = format!("{path}.source");
    let missing = |path: &str| Invalid::value(path, "is missing");
    let SourceBody { kind, media_type, data } = source.ok_or_else(|| missing(&path))?;
    if kind != BASE64 {
        let detail = format!(": its type is `{kind}`, and only `{BASE64}` is: nothing is fetched");
        return Err(Invalid::unsupported(path, detail));
    }
    let path = format!("{path}.data");
    let data = data.ok_or_else(|| missing(&path))?;
    media::of_base64(&path, media_type, data).map(ContentPart::Image)
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

/// What a tool's result says; in an old one, a word stands for each image.
pub(super) fn result(
    path: &str,
    said: Said<TextBody>,
    is_old: bool,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, Invalid> {
    let blocks = match said {
        Said::Text(text) => return Ok(vec![ContentPart::text(text)]),
        Said::Parts(blocks) => blocks,
    };
    let one = |(number, block): (usize, TextBody)| {
        let path = format!("{path}[{number}]");
        match block.kind.as_str() {
            "text" => {
                let missing = || Invalid::value(format!("{path}.text"), "is missing");
                Ok(ContentPart::text(block.text.ok_or_else(missing)?))
            }
            kind if is_old && IMAGES.contains(&kind) => Ok(ContentPart::text(IMAGE)),
            "image" => image(&path, block.source, fields),
            other => Err(not_served(&path, other, "`text` and `image` are")),
        }
    };
    blocks.into_iter().enumerate().map(one).collect()
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
