//! JSON Schemas of fields that accept more or less than their type.
//!
//! Body schemas are generated from the types that deserialise them; a schema describes what is
//! accepted, as far as JSON Schema can express it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::embeddings::MAX_INPUTS;
use crate::untagged::{Content, StringOrObject, Strings};

/// Schema of a field that must be empty.
pub(crate) fn empty(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": [null, "", [], {}]})
}

/// Schema of an image in OpenAI's dialect: its URL, or an object with the URL.
pub(crate) fn image_url(_: &mut SchemaGenerator) -> Schema {
    let url = json_schema!({"type": "string"});
    let object = json_schema!({
        "type": "object", "properties": {"url": url}, "required": ["url"],
    });
    json_schema!({"anyOf": [url, object, {"type": "null"}]})
}

/// Schema of Ollama's `format`.
pub(crate) fn ollama_format(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"enum": [null, "", "json"]}, {"type": "object"}]})
}

/// Schema of Ollama's `think`.
pub(crate) fn ollama_think(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": [null, true, false, "none", "low", "medium", "high"]})
}

/// Schema of Ollama's `keep_alive`: seconds, or a duration.
pub(crate) fn ollama_keep_alive(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["number", "string", "null"]})
}

/// Schema of one or several texts, or none.
pub(crate) fn texts(_: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({"type": "string"});
    let several = json_schema!({"type": "array", "items": text, "maxItems": MAX_INPUTS});
    json_schema!({"anyOf": [text, several, {"type": "null"}]})
}

/// Schema of one or several texts, or the token ids of one or several.
pub(crate) fn embeddings(_: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({"type": "string", "minLength": 1});
    let ids = json_schema!({
        "type": "array", "minItems": 1,
        "items": {"type": "integer", "minimum": 0, "maximum": u64::MAX},
    });
    json_schema!({"anyOf": [
        text,
        {"type": "array", "items": text, "minItems": 1, "maxItems": MAX_INPUTS},
        ids,
        {"type": "array", "items": ids, "minItems": 1, "maxItems": MAX_INPUTS},
    ]})
}

impl<P: JsonSchema> JsonSchema for Content<P> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("TextOr{}s", P::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let part = generator.subschema_for::<P>();
        json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": part}]})
    }
}

impl<T: JsonSchema> JsonSchema for StringOrObject<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WordOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let object = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"enum": ["auto", "none", "required"]}, object]})
    }
}

impl JsonSchema for Strings {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Strings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({"type": "string", "minLength": 1});
        json_schema!({"anyOf": [text, {"type": "array", "items": text, "maxItems": 16}]})
    }
}
