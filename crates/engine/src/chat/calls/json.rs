//! Incremental scanner of JSON text, by character.

use serde_json::Value;

/// Effect of a character on a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStep {
    /// The value continues.
    Continue,
    /// The value ends with this character.
    Complete,
    /// The value ended before this character.
    CompleteBefore,
    /// The character is invalid.
    Invalid,
}

/// White space of JSON.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    ItemOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Text { key: bool, escape: Escape },
    Bare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    No,
    /// After the backslash.
    Kind,
    /// Number of missing hexadecimal digits.
    Digits(u8),
}

/// Scanner of one value.
#[derive(Debug)]
pub(super) struct Scanner {
    open: Vec<Bracket>,
    next: Next,
    /// A number or keyword, validated at its end.
    bare: String,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), next: Next::Value, bare: String::new() }
    }

    /// Takes the next character. After any step but [`ScanStep::Continue`], no more input is
    /// accepted.
    pub(super) fn push(&mut self, c: char) -> ScanStep {
        match self.next {
            Next::Text { key, escape } => self.text(key, escape, c),
            Next::Bare => self.bare(c),
            _ if is_space(c) => ScanStep::Continue,
            Next::ItemOrEnd if c == ']' => self.close(Bracket::Array),
            Next::Value | Next::ItemOrEnd => self.value(c),
            Next::KeyOrEnd if c == '}' => self.close(Bracket::Object),
            Next::Key | Next::KeyOrEnd if c == '"' => self.go(text(true)),
            Next::Colon if c == ':' => self.go(Next::Value),
            Next::CommaOrEnd => match (c, self.open.last()) {
                (',', Some(Bracket::Object)) => self.go(Next::Key),
                (',', Some(Bracket::Array)) => self.go(Next::Value),
                ('}', _) => self.close(Bracket::Object),
                (']', _) => self.close(Bracket::Array),
                _ => ScanStep::Invalid,
            },
            Next::Key | Next::KeyOrEnd | Next::Colon => ScanStep::Invalid,
        }
    }

    fn go(&mut self, next: Next) -> ScanStep {
        self.next = next;
        ScanStep::Continue
    }

    fn value(&mut self, c: char) -> ScanStep {
        match c {
            '{' => self.open(Bracket::Object, Next::KeyOrEnd),
            '[' => self.open(Bracket::Array, Next::ItemOrEnd),
            '"' => self.go(text(false)),
            '-' | '0'..='9' | 't' | 'f' | 'n' => {
                self.bare.push(c);
                self.go(Next::Bare)
            }
            _ => ScanStep::Invalid,
        }
    }

    fn open(&mut self, bracket: Bracket, next: Next) -> ScanStep {
        self.open.push(bracket);
        self.go(next)
    }

    fn close(&mut self, bracket: Bracket) -> ScanStep {
        if self.open.pop() == Some(bracket) { self.ended() } else { ScanStep::Invalid }
    }

    /// Ends a value with the character just consumed.
    fn ended(&mut self) -> ScanStep {
        if self.open.is_empty() { ScanStep::Complete } else { self.go(Next::CommaOrEnd) }
    }

    fn text(&mut self, key: bool, escape: Escape, c: char) -> ScanStep {
        let escape = match (escape, c) {
            (Escape::No, '"') if key => return self.go(Next::Colon),
            (Escape::No, '"') => return self.ended(),
            (Escape::No, '\\') => Escape::Kind,
            (Escape::No, '\0'..='\x1f') => return ScanStep::Invalid,
            (Escape::Kind, 'u') => Escape::Digits(4),
            (Escape::Kind, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') | (Escape::No, _) => {
                Escape::No
            }
            (Escape::Digits(1), _) if c.is_ascii_hexdigit() => Escape::No,
            (Escape::Digits(left), _) if c.is_ascii_hexdigit() => Escape::Digits(left - 1),
            (Escape::Kind | Escape::Digits(_), _) => return ScanStep::Invalid,
        };
        self.go(Next::Text { key, escape })
    }

    fn bare(&mut self, c: char) -> ScanStep {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.') {
            self.bare.push(c);
            return ScanStep::Continue;
        }
        let bare = std::mem::take(&mut self.bare);
        if serde_json::from_str::<Value>(&bare).is_err() {
            return ScanStep::Invalid;
        }
        if self.open.is_empty() {
            return ScanStep::CompleteBefore;
        }
        self.next = Next::CommaOrEnd;
        self.push(c)
    }
}

fn text(key: bool) -> Next {
    Next::Text { key, escape: Escape::No }
}
