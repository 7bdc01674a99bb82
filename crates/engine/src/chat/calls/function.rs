//! Parser of calls as tags: `<function=NAME><parameter=KEY>VALUE</parameter></function>`. Values
//! are plain text, converted to JSON by the tool's schema.

use serde_json::Value;

use super::{Output, ParseStep};

pub(super) const OPEN: &str = "<function=";
const CLOSE: &str = "</function>";
const KEY: &str = "<parameter=";
const VALUE_END: &str = "</parameter>";

#[derive(Debug)]
enum State {
    Name,
    Between,
    Value { key: String },
}

/// Parser of one call.
#[derive(Debug)]
pub(super) struct FunctionCall {
    state: State,
    /// Raw text of the tag or value being read.
    raw: String,
    /// Tool names with the schemas of their arguments.
    schemas: Vec<(String, Value)>,
    /// Schemas of the called tool's properties.
    properties: Value,
    called: bool,
    values: usize,
}

impl FunctionCall {
    /// A parser; `raw` is the part of the opening tag read already.
    pub(super) fn new(raw: &str, schemas: Vec<(String, Value)>) -> Self {
        Self {
            state: State::Name,
            raw: raw.to_owned(),
            schemas,
            properties: Value::Null,
            called: false,
            values: 0,
        }
    }

    pub(super) fn committed(&self) -> bool {
        self.called
    }

    pub(super) fn push(&mut self, c: char, out: &mut Output) -> ParseStep {
        self.raw.push(c);
        match &self.state {
            State::Name => {
                let Some(name) = tag(&self.raw, OPEN) else { return self.expect(&[OPEN]) };
                out.call(name);
                let schema = self.schemas.iter().find(|(tool, _)| tool == name);
                self.properties = schema.map_or(Value::Null, |(_, s)| s["properties"].clone());
                self.called = true;
                self.go(State::Between)
            }
            State::Between => {
                if self.raw.trim_start() == CLOSE {
                    out.arguments(if self.values == 0 { "{}" } else { "}" });
                    return ParseStep::Complete;
                }
                let Some(key) = tag(&self.raw, KEY).map(str::to_owned) else {
                    return self.expect(&[KEY, CLOSE]);
                };
                self.go(State::Value { key })
            }
            State::Value { key } => {
                let Some(text) = self.raw.strip_suffix(VALUE_END) else {
                    return ParseStep::Continue;
                };
                let text = text.strip_prefix('\n').unwrap_or(text);
                let value = value(text.strip_suffix('\n').unwrap_or(text), &self.properties[key]);
                let before = if self.values == 0 { "{" } else { ", " };
                out.arguments(&format!("{before}{}: {value}", Value::from(key.as_str())));
                self.values += 1;
                self.go(State::Between)
            }
        }
    }

    fn go(&mut self, state: State) -> ParseStep {
        self.state = state;
        self.raw.clear();
        ParseStep::Continue
    }

    /// Continues if the input may still become one of `tags`.
    fn expect(&self, tags: &[&str]) -> ParseStep {
        let raw = self.raw.trim_start();
        let opened = |tag: &str| tag.ends_with('=') && raw.starts_with(tag) && !raw.contains('>');
        let fits = tags.iter().any(|tag| tag.starts_with(raw) || opened(tag));
        if fits { ParseStep::Continue } else { ParseStep::Invalid }
    }
}

/// Content of a tag in `raw`, between `open` and the final `>`.
fn tag<'a>(raw: &'a str, open: &str) -> Option<&'a str> {
    let inside = raw.trim_start().strip_prefix(open)?.strip_suffix('>')?.trim();
    (!inside.is_empty()).then_some(inside)
}

/// Value of `text`: a string if `schema` says so or if it is not JSON, else the parsed JSON.
fn value(text: &str, schema: &Value) -> Value {
    let parsed = || serde_json::from_str(text.trim()).ok();
    let value = if schema["type"] == "string" { None } else { parsed() };
    value.unwrap_or_else(|| Value::from(text))
}
