//! Lexer of grammars.

use serde_json::Value;

use super::super::{Size, SizeError, pattern, schema};

/// Tokens relevant to the size of a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LarkToken<'a> {
    /// The end of a line.
    Line,
    Name(&'a str),
    Colon,
    Bar,
    Open,
    /// `]`, the end of an optional group.
    CloseOptional,
    Close,
    /// `?` and `*`.
    Optional,
    Tilde,
    Arrow,
    Number(u64),
    /// `{2}`, `{2,}`, `{,5}` or `{2,5}`: the minimum, and the largest number in it.
    Count(u64, u64),
    /// A terminal: a string, expression or schema.
    Literal,
    /// A construct after which names may refer to something other than rules of this grammar.
    Mixed,
    Other,
}

/// Maximum length of a count in braces, in bytes.
const LONGEST_COUNT: usize = 32;

/// Lexer that also measures the embedded schemas and expressions.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    pub(super) size: Size,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, size: Size::default() }
    }

    /// Takes `bytes` from the front.
    fn cut(&mut self, bytes: usize) -> &'a str {
        let (token, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        token
    }

    fn cut_while(&mut self, condition: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c: char| !condition(c)).unwrap_or(self.rest.len());
        self.cut(end)
    }

    pub(super) fn read(&mut self) -> Result<Option<LarkToken<'a>>, SizeError> {
        self.cut_while(|c| c == ' ' || c == '\t' || c == '\r');
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if first == '{'
            && let Some((count, length)) = self.count()
        {
            self.cut(length);
            return Ok(Some(count));
        }
        let token = match first {
            '\n' => self.single(LarkToken::Line),
            '#' => self.comment(),
            '/' if self.rest.starts_with("//") => self.comment(),
            '/' => {
                let body = self.quoted('/');
                self.cut_while(|c| c.is_ascii_lowercase());
                self.size = self.size.with(pattern::measure(body)?);
                LarkToken::Literal
            }
            '"' => {
                self.quoted('"');
                if self.rest.starts_with('i') {
                    self.cut(1);
                }
                LarkToken::Literal
            }
            '%' => return self.keyword().map(Some),
            '<' => {
                let end = self.rest.find('>').map_or(self.rest.len(), |end| end + 1);
                self.cut(end);
                LarkToken::Literal
            }
            '@' => {
                self.cut(1);
                self.cut_while(is_name);
                LarkToken::Literal
            }
            '-' if self.rest.starts_with("->") => {
                self.cut(2);
                LarkToken::Arrow
            }
            ':' if self.rest.starts_with("::") => {
                self.cut(2);
                LarkToken::Mixed
            }
            ':' => self.single(LarkToken::Colon),
            '|' => self.single(LarkToken::Bar),
            '~' => self.single(LarkToken::Tilde),
            // Also modifiers before a rule's name.
            '?' | '*' => self.single(LarkToken::Optional),
            '(' | '[' | '{' => self.single(LarkToken::Open),
            ']' => self.single(LarkToken::CloseOptional),
            ')' | '}' => self.single(LarkToken::Close),
            c if c.is_ascii_digit() => {
                let digits = self.cut_while(|c| c.is_ascii_digit());
                LarkToken::Number(digits.parse().unwrap_or(u64::MAX))
            }
            c if is_name(c) => LarkToken::Name(self.cut_while(is_name)),
            c => {
                self.cut(c.len_utf8());
                LarkToken::Other
            }
        };
        Ok(Some(token))
    }

    /// Count in braces at this position, and its length in bytes.
    fn count(&self) -> Option<(LarkToken<'a>, usize)> {
        // Bounded, since a grammar may consist of braces only.
        let near = self.rest.bytes().take(LONGEST_COUNT);
        let end = near.enumerate().find(|(_, byte)| *byte == b'}')?.0;
        let inner = self.rest[1..end].trim();
        let is_count = |c: char| c.is_ascii_digit() || c == ',' || c == ' ';
        if inner.is_empty() || !inner.chars().all(is_count) {
            return None;
        }
        let number = |text: &str| text.trim().parse().ok();
        let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
        let least = number(least).unwrap_or(0);
        Some((LarkToken::Count(least, number(most).unwrap_or(least).max(least)), end + 1))
    }

    fn single(&mut self, token: LarkToken<'a>) -> LarkToken<'a> {
        self.cut(1);
        token
    }

    fn comment(&mut self) -> LarkToken<'a> {
        self.cut_while(|c| c != '\n');
        LarkToken::Other
    }

    /// Takes a quoted text; returns the part between the quotes.
    fn quoted(&mut self, quote: char) -> &'a str {
        let mut escaped = false;
        let end = self.rest[1..].find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let token = self.cut(end.map_or(self.rest.len(), |end| end + 2));
        token.get(1..end.map_or(token.len(), |end| end + 1)).unwrap_or_default()
    }

    /// A directive such as `%json`, with its operand.
    fn keyword(&mut self) -> Result<LarkToken<'a>, SizeError> {
        self.cut(1);
        let name = self.cut_while(is_name);
        if !matches!(name, "json" | "regex" | "llguidance") {
            return Ok(if matches!(name, "lark" | "if") {
                LarkToken::Mixed
            } else {
                LarkToken::Other
            });
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next();
        let end = values.byte_offset();
        self.cut(end.max(1));
        let Some(Ok(value)) = value else { return Ok(LarkToken::Literal) };
        match name {
            "json" => self.size = self.size.with(schema::measure(&value)?),
            "regex" => {
                let bytes = Size { patterns: 1, pattern_bytes: end, ..Size::default() };
                self.size = self.size.with(bytes);
            }
            _ => return Ok(LarkToken::Other),
        }
        Ok(LarkToken::Literal)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}
