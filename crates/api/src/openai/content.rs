//! What a message says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;
use crate::said::Said;

/// What a message says: of parts, only text is supported.
pub type Content = Said<Part>;

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiPart")]
pub struct Part {
    /// `text`, `image_url` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What stands for an image in the result of a tool that the model has answered already: it could
/// not see it then, and the conversation goes on.
pub(crate) const IMAGE: &str = "[image]";
/// Kinds of parts and blocks that are images, in the dialects.
pub(crate) const IMAGES: [&str; 3] = ["image_url", "input_image", "image"];

/// The same of a tool's result; an old one may hold images.
pub(crate) fn result(
    path: &str,
    mut content: Content,
    kinds: &[&str],
    is_old: bool,
) -> Result<String, Invalid> {
    if let (Said::Parts(parts), true) = (&mut content, is_old) {
        for part in parts.iter_mut().filter(|part| IMAGES.contains(&part.kind.as_str())) {
            *part = Part { kind: kinds[0].to_owned(), text: Some(IMAGE.to_owned()) };
        }
    }
    text(path, content, kinds)
}

/// The text of `content`, which is at `path`; parts are of one of `kinds`. Parts are paragraphs of
/// one message: models see one text.
pub(crate) fn text(path: &str, content: Content, kinds: &[&str]) -> Result<String, Invalid> {
    let parts = match content {
        Said::Text(text) => return Ok(text),
        Said::Parts(parts) => parts,
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let path = format!("{path}[{number}]");
        if !kinds.contains(&part.kind.as_str()) {
            let detail = format!(": its type is `{}`, and only `{}` is", part.kind, kinds[0]);
            return Err(Invalid::unsupported(path, detail));
        }
        let missing = || Invalid::value(format!("{path}.text"), "is missing");
        texts.push(part.text.ok_or_else(missing)?);
    }
    Ok(texts.join("\n"))
}
