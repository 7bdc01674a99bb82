//! Message content.

use harmonic_types::{ContentPart, Media, Message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::FeatureFields;
use crate::untagged::{Content, StringOrObject};
use crate::validation_error::ValidationError;
use crate::{media, object, schema};

/// Message content: a text, or parts.
pub type MessageContent = Content<Part>;

/// Content part: the fields of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiPart")]
pub struct Part {
    /// `text`, `image_url`, `input_audio` …
    #[serde(rename = "type")]
    pub kind: String,
    /// Text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Image of an `image_url` or `input_image` part: a `data:` URL, as a string or in an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::image_url")]
    pub image_url: Option<StringOrObject<UrlBody>>,
    /// Recording of an `input_audio` part.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub input_audio: Option<AudioBody>,
}

/// URL of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlBody {
    /// A `data:` URL; other URLs are not fetched.
    pub url: String,
}

/// Recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiInputAudio")]
pub struct AudioBody {
    /// File in base64.
    pub data: String,
    /// `wav` or `mp3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Part kinds of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds {
    /// Text kinds; the first one is written.
    pub(crate) texts: &'static [&'static str],
    /// Image kind that is written.
    pub(crate) image: &'static str,
}

impl Kinds {
    /// Part kinds of chats.
    pub(super) const CHAT: Self = Self { texts: &["text"], image: "image_url" };
}

/// Placeholder for an image in an old tool result, which the model has already answered without
/// seeing it.
pub(crate) const IMAGE: &str = "[image]";
/// Kinds of image parts and blocks, in all dialects.
pub(crate) const IMAGES: [&str; 3] = ["image_url", "input_image", "image"];
/// Kind of audio parts.
const AUDIO: &str = "input_audio";
/// Prefix of audio media types.
const AUDIO_TYPE: &str = "audio/";

/// Parts of a tool result, as [`parts`]; in an old one, each image is replaced by a placeholder.
pub(crate) fn result(
    path: &str,
    mut content: MessageContent,
    kinds: Kinds,
    is_old: bool,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, ValidationError> {
    if let (Content::Parts(parts), true) = (&mut content, is_old) {
        for part in parts.iter_mut().filter(|part| IMAGES.contains(&part.kind.as_str())) {
            let (kind, text) = (kinds.texts[0].to_owned(), Some(IMAGE.to_owned()));
            *part = Part { kind, text, ..Part::default() };
        }
    }
    parts(path, content, kinds, fields)
}

/// Parts of `content` at `path`. Images and recordings are recorded in `fields`.
pub(crate) fn parts(
    path: &str,
    content: MessageContent,
    kinds: Kinds,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, ValidationError> {
    let parts = match content {
        Content::Text(text) => return Ok(vec![ContentPart::text(text)]),
        Content::Parts(parts) => parts,
    };
    let one = |(number, part): (usize, Part)| {
        let path = format!("{path}[{number}]");
        let missing = |field: &str| ValidationError::value(format!("{path}.{field}"), "is missing");
        match part.kind.as_str() {
            text if kinds.texts.contains(&text) => {
                Ok(ContentPart::text(part.text.ok_or_else(|| missing("text"))?))
            }
            "image_url" | "input_image" => {
                fields.note_image(&path)?;
                let url = match part.image_url.ok_or_else(|| missing("image_url"))? {
                    StringOrObject::String(url) | StringOrObject::Object(UrlBody { url }) => url,
                };
                media::of_url(&format!("{path}.image_url"), url).map(ContentPart::Image)
            }
            AUDIO => {
                fields.note_audio(&path)?;
                let AudioBody { data, format } = part.input_audio.ok_or_else(|| missing(AUDIO))?;
                let media_type = format.map(|format| [AUDIO_TYPE, &format].concat());
                let file = media::of_base64(&format!("{path}.{AUDIO}"), media_type, data);
                file.map(ContentPart::Audio)
            }
            other => {
                let served = format!("`{}`, `{}` and `{AUDIO}` are", kinds.texts[0], kinds.image);
                let detail = format!(": its type is `{other}`, and only {served}");
                Err(ValidationError::unsupported(&path, detail))
            }
        }
    };
    parts.into_iter().enumerate().map(one).collect()
}

/// Text of `content` at `path`, which must contain only text; parts are joined as paragraphs.
pub(crate) fn text(
    path: &str,
    content: MessageContent,
    kinds: &[&str],
) -> Result<String, ValidationError> {
    let parts = match content {
        Content::Text(text) => return Ok(text),
        Content::Parts(parts) => parts,
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let path = format!("{path}[{number}]");
        if !kinds.contains(&part.kind.as_str()) {
            let detail = format!(": its type is `{}`, and only `{}` is", part.kind, kinds[0]);
            return Err(ValidationError::unsupported(path, detail));
        }
        let missing = || ValidationError::value(format!("{path}.text"), "is missing");
        texts.push(part.text.ok_or_else(missing)?);
    }
    Ok(texts.join("\n"))
}

/// Content that [`parts`] decodes to the parts of `message`.
pub(crate) fn encode(message: &Message, kinds: Kinds) -> MessageContent {
    let is_text = |part: &ContentPart| matches!(part, ContentPart::Text { .. });
    if message.content.iter().all(is_text) {
        return Content::Text(message.text().into_owned());
    }
    let one = |part: &ContentPart| match part {
        ContentPart::Text { text } => {
            Part { kind: kinds.texts[0].to_owned(), text: Some(text.clone()), ..Part::default() }
        }
        ContentPart::Image(image) => Part {
            kind: kinds.image.to_owned(),
            image_url: Some(match kinds.image {
                "image_url" => StringOrObject::Object(UrlBody { url: media::url(image) }),
                _ => StringOrObject::String(media::url(image)),
            }),
            ..Part::default()
        },
        ContentPart::Audio(Media { media_type, base64 }) => {
            let format = media_type.as_deref().and_then(|stated| stated.strip_prefix(AUDIO_TYPE));
            let format = format.map(str::to_owned);
            Part {
                kind: AUDIO.to_owned(),
                input_audio: Some(AudioBody { data: base64.clone(), format }),
                ..Part::default()
            }
        }
    };
    Content::Parts(message.content.iter().map(one).collect())
}
