//! JSON text checked as it comes, one character after the other.

use serde_json::Value;

/// What a character is to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// Part of it; more must follow.
    More,
    /// Its last.
    Whole,
    /// No part of it: it was whole before.
    Before,
    /// A mistake.
    Bad,
}

/// White space as JSON knows it.
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
    /// So many digits are missing.
    Digits(u8),
}

/// Follows one value.
#[derive(Debug)]
pub(super) struct Scanner {
    open: Vec<Bracket>,
    next: Next,
    /// A number or a word, checked when it is over.
    bare: String,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), next: Next::Value, bare: String::new() }
    }

    /// Takes the next character. After [`Scan::Whole`], [`Scan::Before`] and [`Scan::Bad`] there is
    /// nothing more to take.
    pub(super) fn push(&mut self, c: char) -> Scan {
        match self.next {
            Next::Text { key, escape } => self.text(key, escape, c),
            Next::Bare => self.bare(c),
            _ if is_space(c) => Scan::More,
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
                _ => Scan::Bad,
            },
            Next::Key | Next::KeyOrEnd | Next::Colon => Scan::Bad,
        }
    }

    fn go(&mut self, next: Next) -> Scan {
        self.next = next;
        Scan::More
    }

    fn value(&mut self, c: char) -> Scan {
        match c {
            '{' => self.open(Bracket::Object, Next::KeyOrEnd),
            '[' => self.open(Bracket::Array, Next::ItemOrEnd),
            '"' => self.go(text(false)),
            '-' | '0'..='9' | 't' | 'f' | 'n' => {
                self.bare.push(c);
                self.go(Next::Bare)
            }
            _ => Scan::Bad,
        }
    }

    fn open(&mut self, bracket: Bracket, next: Next) -> Scan {
        self.open.push(bracket);
        self.go(next)
    }

    fn close(&mut self, bracket: Bracket) -> Scan {
        if self.open.pop() == Some(bracket) { self.ended() } else { Scan::Bad }
    }

    /// A value is over, with the character that was just taken.
    fn ended(&mut self) -> Scan {
        if self.open.is_empty() { Scan::Whole } else { self.go(Next::CommaOrEnd) }
    }

    fn text(&mut self, key: bool, escape: Escape, c: char) -> Scan {
        let escape = match (escape, c) {
            (Escape::No, '"') if key => return self.go(Next::Colon),
            (Escape::No, '"') => return self.ended(),
            (Escape::No, '\\') => Escape::Kind,
            (Escape::No, '\0'..='\x1f') => return Scan::Bad,
            (Escape::Kind, 'u') => Escape::Digits(4),
            (Escape::Kind, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') | (Escape::No, _) => {
                Escape::No
            }
            (Escape::Digits(1), _) if c.is_ascii_hexdigit() => Escape::No,
            (Escape::Digits(left), _) if c.is_ascii_hexdigit() => Escape::Digits(left - 1),
            (Escape::Kind | Escape::Digits(_), _) => return Scan::Bad,
        };
        self.go(Next::Text { key, escape })
    }

    fn bare(&mut self, c: char) -> Scan {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.') {
            self.bare.push(c);
            return Scan::More;
        }
        let bare = std::mem::take(&mut self.bare);
        if serde_json::from_str::<Value>(&bare).is_err() {
            return Scan::Bad;
        }
        if self.open.is_empty() {
            return Scan::Before;
        }
        self.next = Next::CommaOrEnd;
        self.push(c)
    }
}

fn text(key: bool) -> Next {
    Next::Text { key, escape: Escape::No }
}
