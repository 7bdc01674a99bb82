//! What a message says.

use harmonic_types::{ContentPart, Media, Message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::FeatureFields;
use crate::invalid::Invalid;
use crate::said::{Said, StringOrObject};
use crate::{media, object, schema};

/// What a message says: a text, or parts.
pub type Content = Said<Part>;

/// One part of a message: the fields of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiPart")]
pub struct Part {
    /// `text`, `image_url`, `input_audio` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The image of an `image_url` or `input_image` part: a `data:` URL, in an object or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::image_url")]
    pub image_url: Option<StringOrObject<UrlBody>>,
    /// The recording of an `input_audio` part.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub input_audio: Option<AudioBody>,
}

/// Where an image is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlBody {
    /// A `data:` URL: nothing is fetched.
    pub url: String,
}

/// A recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiInputAudio")]
pub struct AudioBody {
    /// The file in base64.
    pub data: String,
    /// `wav` or `mp3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Kinds of parts of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds {
    /// Those that are text; as which it is written first.
    pub(crate) texts: &'static [&'static str],
    /// As which an image is written.
    pub(crate) image: &'static str,
}

impl Kinds {
    /// Those of a chat.
    pub(super) const CHAT: Self = Self { texts: &["text"], image: "image_url" };
}

/// What stands for an image in the result of a tool that the model has answered already: it could
/// not see it then, and the conversation goes on.
pub(crate) const IMAGE: &str = "[image]";
/// Kinds of parts and blocks that are images, in the dialects.
pub(crate) const IMAGES: [&str; 3] = ["image_url", "input_image", "image"];
/// The kind of parts that are recordings.
const AUDIO: &str = "input_audio";
/// What the media types of recordings begin with.
const AUDIO_TYPE: &str = "audio/";

/// The parts of a tool's result, as [`parts`]; in an old one, a word stands for each image.
pub(crate) fn result(
    path: &str,
    mut content: Content,
    kinds: Kinds,
    is_old: bool,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, Invalid> {
    if let (Said::Parts(parts), true) = (&mut content, is_old) {
        for part in parts.iter_mut().filter(|part| IMAGES.contains(&part.kind.as_str())) {
            let (kind, text) = (kinds.texts[0].to_owned(), Some(IMAGE.to_owned()));
            *part = Part { kind, text, ..Part::default() };
        }
    }
    parts(path, content, kinds, fields)
}

/// The parts of `content`, which is at `path`. What is not text is noted in `fields`.
pub(crate) fn parts(
    path: &str,
    content: Content,
    kinds: Kinds,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, Invalid> {
    let parts = match content {
        Said::Text(text) => return Ok(vec![ContentPart::text(text)]),
        Said::Parts(parts) => parts,
    };
    let one = |(number, part): (usize, Part)| {
        let path = format!("{path}[{number}]");
        let missing = |field: &str| Invalid::value(format!("{path}.{field}"), "is missing");
        match part.kind.as_str() {
            text if kinds.texts.contains(&text) => {
                Ok(ContentPart::text(part.text.ok_or_else(|| missing("text"))?))
            }
            "image_url" | "input_image" => {
                fields.note_image(&path)?;
                let url = match part.image_url.ok_or_else(|| missing("image_url"))? {
                    StringOrObject::Word(url) | StringOrObject::Object(UrlBody { url }) => url,
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
                Err(Invalid::unsupported(&path, detail))
            }
        }
    };
    parts.into_iter().enumerate().map(one).collect()
}

/// The text of `content`, which is at `path` and where nothing else may be; its parts are
/// paragraphs of one message: models see one text.
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

/// The content that [`parts`] reads as what `message` says.
pub(crate) fn encode(message: &Message, kinds: Kinds) -> Content {
    let is_text = |part: &ContentPart| matches!(part, ContentPart::Text { .. });
    if message.content.iter().all(is_text) {
        return Said::Text(message.text().into_owned());
    }
    let one = |part: &ContentPart| match part {
        ContentPart::Text { text } => {
            Part { kind: kinds.texts[0].to_owned(), text: Some(text.clone()), ..Part::default() }
        }
        ContentPart::Image(image) => Part {
            kind: kinds.image.to_owned(),
            image_url: Some(match kinds.image {
                "image_url" => StringOrObject::Object(UrlBody { url: media::url(image) }),
                _ => StringOrObject::Word(media::url(image)),
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
    Said::Parts(message.content.iter().map(one).collect())
}
