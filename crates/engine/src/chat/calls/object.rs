//! Parser of calls as a JSON object with `name`, and `arguments` (or `parameters`) as an object or
//! as its JSON text.

use super::json::{ScanStep, Scanner, is_space};
use super::{Output, ParseStep};

#[derive(Debug)]
enum State {
    Open,
    KeyOrEnd,
    Key,
    InKey(Scanner),
    Colon,
    Value,
    InValue(Scanner),
    After,
}

/// Parser of one object.
#[derive(Debug)]
pub(super) struct ObjectCall {
    state: State,
    /// Allowed names, if other objects are no calls.
    known: Option<Vec<String>>,
    key: String,
    /// Raw text of the key or value being read.
    raw: String,
    name: Option<String>,
    /// Arguments received before the name, or as text.
    arguments: Option<String>,
    /// Whether the call has been emitted.
    called: bool,
    /// Whether the current value is streamed as arguments.
    streams: bool,
}

impl ObjectCall {
    pub(super) fn new(known: Option<Vec<String>>) -> Self {
        Self {
            state: State::Open,
            known,
            key: String::new(),
            raw: String::new(),
            name: None,
            arguments: None,
            called: false,
            streams: false,
        }
    }

    pub(super) fn committed(&self) -> bool {
        self.called
    }

    /// Whether only the closing brace is missing.
    pub(super) fn has_all_members(&self) -> bool {
        self.called && matches!(self.state, State::After)
    }

    pub(super) fn push(&mut self, c: char, out: &mut Output) -> ParseStep {
        match &mut self.state {
            State::InKey(scanner) => {
                self.raw.push(c);
                match scanner.push(c) {
                    ScanStep::Continue => ParseStep::Continue,
                    ScanStep::Complete => self.end_key(),
                    ScanStep::CompleteBefore | ScanStep::Invalid => ParseStep::Invalid,
                }
            }
            State::InValue(scanner) => {
                let scan = scanner.push(c);
                self.value(scan, c, out)
            }
            _ if is_space(c) => ParseStep::Continue,
            State::Open if c == '{' => self.go(State::KeyOrEnd),
            State::KeyOrEnd | State::Key if c == '"' => {
                let mut scanner = Scanner::new();
                scanner.push(c);
                self.raw = c.to_string();
                self.go(State::InKey(scanner))
            }
            State::Colon if c == ':' => self.go(State::Value),
            State::Value => self.start_value(c, out),
            State::After if c == ',' => self.go(State::Key),
            State::KeyOrEnd | State::After if c == '}' => self.end(out),
            _ => ParseStep::Invalid,
        }
    }

    fn go(&mut self, state: State) -> ParseStep {
        self.state = state;
        ParseStep::Continue
    }

    fn end_key(&mut self) -> ParseStep {
        let Ok(key) = serde_json::from_str::<String>(&self.raw) else { return ParseStep::Invalid };
        let fresh = match key.as_str() {
            "name" => self.name.is_none(),
            "arguments" | "parameters" => !self.called && self.arguments.is_none(),
            "id" | "type" => true,
            _ => false,
        };
        self.key = key;
        if fresh { self.go(State::Colon) } else { ParseStep::Invalid }
    }

    fn holds_arguments(&self) -> bool {
        matches!(self.key.as_str(), "arguments" | "parameters")
    }

    fn start_value(&mut self, c: char, out: &mut Output) -> ParseStep {
        self.raw.clear();
        if let (true, '{', Some(name)) = (self.holds_arguments(), c, &self.name) {
            out.call(name);
            self.called = true;
            self.streams = true;
        }
        let mut scanner = Scanner::new();
        let scan = scanner.push(c);
        self.state = State::InValue(scanner);
        self.value(scan, c, out)
    }

    fn value(&mut self, scan: ScanStep, c: char, out: &mut Output) -> ParseStep {
        if matches!(scan, ScanStep::Continue | ScanStep::Complete) {
            if self.streams {
                out.arguments(c.encode_utf8(&mut [0; 4]));
            } else {
                self.raw.push(c);
            }
        }
        match scan {
            ScanStep::Continue => ParseStep::Continue,
            ScanStep::Invalid => ParseStep::Invalid,
            ScanStep::Complete => self.end_value(),
            ScanStep::CompleteBefore => match self.end_value() {
                ParseStep::Continue => self.push(c, out),
                step => step,
            },
        }
    }

    fn end_value(&mut self) -> ParseStep {
        self.state = State::After;
        if std::mem::take(&mut self.streams) {
            return ParseStep::Continue;
        }
        if self.key == "name" {
            let Ok(name) = serde_json::from_str::<String>(&self.raw) else {
                return ParseStep::Invalid;
            };
            let known = self.known.as_ref().is_none_or(|known| known.contains(&name));
            if name.is_empty() || !known {
                return ParseStep::Invalid;
            }
            self.name = Some(name);
        } else if self.holds_arguments() {
            self.arguments = object_text(&self.raw);
            if self.arguments.is_none() {
                return ParseStep::Invalid;
            }
        }
        ParseStep::Continue
    }

    /// Ends the object.
    fn end(&mut self, out: &mut Output) -> ParseStep {
        if !self.called {
            let Some(name) = &self.name else { return ParseStep::Invalid };
            out.call(name);
            out.arguments(self.arguments.as_deref().unwrap_or("{}"));
            self.called = true;
        }
        ParseStep::Complete
    }
}

/// JSON text of the object in `raw`, which may be the object or its text as a string.
fn object_text(raw: &str) -> Option<String> {
    use serde_json::Value;
    match serde_json::from_str(raw).ok()? {
        Value::Null => Some("{}".to_owned()),
        Value::Object(_) => Some(raw.to_owned()),
        Value::String(text) => {
            let inner = serde_json::from_str::<Value>(&text).ok()?;
            inner.is_object().then_some(text)
        }
        _ => None,
    }
}
