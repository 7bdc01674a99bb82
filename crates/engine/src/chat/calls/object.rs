//! A call as a JSON object: its `name`, and its `arguments` (or `parameters`) as an object or as the
//! text of one.

use super::json::{Scan, Scanner, is_space};
use super::{Output, ParseStep};

#[derive(Debug)]
enum Place {
    Open,
    KeyOrEnd,
    Key,
    InKey(Scanner),
    Colon,
    Value,
    InValue(Scanner),
    After,
}

/// Follows one object.
#[derive(Debug)]
pub(super) struct Object {
    place: Place,
    /// What it must be called, where any other object is no call.
    known: Option<Vec<String>>,
    key: String,
    /// The key or value that is being read, as it is written.
    raw: String,
    name: Option<String>,
    /// Arguments that came before the name, or as a text.
    arguments: Option<String>,
    /// The call is out.
    called: bool,
    /// The arguments of the value at hand go out as they come.
    streams: bool,
}

impl Object {
    pub(super) fn new(known: Option<Vec<String>>) -> Self {
        Self {
            place: Place::Open,
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

    /// Nothing is missing but what closes it.
    pub(super) fn says_all(&self) -> bool {
        self.called && matches!(self.place, Place::After)
    }

    pub(super) fn push(&mut self, c: char, out: &mut Output) -> ParseStep {
        match &mut self.place {
            Place::InKey(scanner) => {
                self.raw.push(c);
                match scanner.push(c) {
                    Scan::More => ParseStep::More,
                    Scan::Whole => self.end_key(),
                    Scan::Before | Scan::Bad => ParseStep::Bad,
                }
            }
            Place::InValue(scanner) => {
                let scan = scanner.push(c);
                self.value(scan, c, out)
            }
            _ if is_space(c) => ParseStep::More,
            Place::Open if c == '{' => self.go(Place::KeyOrEnd),
            Place::KeyOrEnd | Place::Key if c == '"' => {
                let mut scanner = Scanner::new();
                scanner.push(c);
                self.raw = c.to_string();
                self.go(Place::InKey(scanner))
            }
            Place::Colon if c == ':' => self.go(Place::Value),
            Place::Value => self.start_value(c, out),
            Place::After if c == ',' => self.go(Place::Key),
            Place::KeyOrEnd | Place::After if c == '}' => self.end(out),
            _ => ParseStep::Bad,
        }
    }

    fn go(&mut self, place: Place) -> ParseStep {
        self.place = place;
        ParseStep::More
    }

    fn end_key(&mut self) -> ParseStep {
        let Ok(key) = serde_json::from_str::<String>(&self.raw) else { return ParseStep::Bad };
        let fresh = match key.as_str() {
            "name" => self.name.is_none(),
            "arguments" | "parameters" => !self.called && self.arguments.is_none(),
            "id" | "type" => true,
            _ => false,
        };
        self.key = key;
        if fresh { self.go(Place::Colon) } else { ParseStep::Bad }
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
        self.place = Place::InValue(scanner);
        self.value(scan, c, out)
    }

    fn value(&mut self, scan: Scan, c: char, out: &mut Output) -> ParseStep {
        if matches!(scan, Scan::More | Scan::Whole) {
            if self.streams {
                out.arguments(c.encode_utf8(&mut [0; 4]));
            } else {
                self.raw.push(c);
            }
        }
        match scan {
            Scan::More => ParseStep::More,
            Scan::Bad => ParseStep::Bad,
            Scan::Whole => self.end_value(),
            Scan::Before => match self.end_value() {
                ParseStep::More => self.push(c, out),
                fate => fate,
            },
        }
    }

    fn end_value(&mut self) -> ParseStep {
        self.place = Place::After;
        if std::mem::take(&mut self.streams) {
            return ParseStep::More;
        }
        if self.key == "name" {
            let Ok(name) = serde_json::from_str::<String>(&self.raw) else { return ParseStep::Bad };
            let known = self.known.as_ref().is_none_or(|known| known.contains(&name));
            if name.is_empty() || !known {
                return ParseStep::Bad;
            }
            self.name = Some(name);
        } else if self.holds_arguments() {
            self.arguments = object_text(&self.raw);
            if self.arguments.is_none() {
                return ParseStep::Bad;
            }
        }
        ParseStep::More
    }

    /// The object is closed.
    fn end(&mut self, out: &mut Output) -> ParseStep {
        if !self.called {
            let Some(name) = &self.name else { return ParseStep::Bad };
            out.call(name);
            out.arguments(self.arguments.as_deref().unwrap_or("{}"));
            self.called = true;
        }
        ParseStep::Done
    }
}

/// The text of the object that `raw` is, or is the text of.
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
