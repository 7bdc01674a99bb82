//! JSON in Python's format, as written by Hugging Face's `tojson`: models are trained on exactly
//! these bytes.

use std::io;

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::budget::{BoundedText, charge_value};
use crate::chat::taint::is_mark;

/// Single-line formatter with separators between items and after keys.
struct OneLine {
    item: String,
    key: String,
}

impl Formatter for OneLine {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.item.as_bytes()) }
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.item.as_bytes()) }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.key.as_bytes())
    }
}

/// `value` on one line, as written by `json.dumps`.
pub(in crate::chat) fn json_text(value: &serde_json::Value) -> String {
    // A JSON value can always be written.
    written(value, OneLine { item: ", ".to_owned(), key: ": ".to_owned() }).unwrap_or_default()
}

fn written(value: &impl Serialize, formatter: impl Formatter) -> Result<String, Error> {
    let mut text = BoundedText::default();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter)).map_err(
        |error| {
            let reason = format!("cannot write this as JSON: {error}");
            Error::new(ErrorKind::InvalidOperation, reason)
        },
    )?;
    text.text()
}

/// Filter `tojson`: as in Hugging Face's `apply_chat_template`, without HTML escapes.
#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
pub(super) fn tojson(value: &Value, indent: Option<u16>, named: Kwargs) -> Result<Value, Error> {
    charge_value(value)?;
    let indent = match indent {
        Some(indent) => Some(indent),
        None => named.get::<Option<u16>>("indent")?,
    };
    let separators = named.get::<Option<Vec<String>>>("separators")?;
    let text = match (indent, separators) {
        (Some(indent), _) => {
            let indent = " ".repeat(indent.into());
            written(value, PrettyFormatter::with_indent(indent.as_bytes()))
        }
        (None, separators) => {
            let mut separators = separators.unwrap_or_default().into_iter();
            let item = separators.next().unwrap_or_else(|| ", ".to_owned());
            let key = separators.next().unwrap_or_else(|| ": ".to_owned());
            written(value, OneLine { item, key })
        }
    };
    let text = text?;
    if named.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false) {
        return escaped(&text).map(Value::from);
    }
    Ok(text.into())
}

/// JSON in ASCII, with marks kept.
fn escaped(json: &str) -> Result<String, Error> {
    let mut written = BoundedText::default();
    for c in json.chars() {
        if c.is_ascii() || is_mark(c) {
            written.push(c.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            written.push(&format!("\\u{unit:04x}"))?;
        }
    }
    written.text()
}
