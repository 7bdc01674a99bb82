//! Size of grammars in `llguidance`'s Lark dialect.
//!
//! Parses only rules and sizes; the compiler reports syntax errors.

mod lexer;

use std::collections::HashMap;

use super::productive::{Need, all_productive};
use super::{Size, SizeError};
use crate::constraint::limits;
use lexer::{LarkToken, Lexer};

/// Measures a grammar and rejects one without a finite sentence.
pub(in crate::constraint) fn measure(text: &str) -> Result<Size, SizeError> {
    let bytes = Size { bytes: text.len(), ..Size::default() };
    bytes.check()?;
    let mut lexer = Lexer::new(text);
    let mut reader = Reader { line_begins: true, ..Reader::default() };
    while let Some(token) = lexer.read()? {
        reader.take(token);
        if reader.open.len() > limits::DEPTH {
            break;
        }
    }
    // The embedded schemas and expressions have counted their bytes, too.
    let size = Size { bytes: text.len(), ..lexer.size.with(reader.size()) };
    size.check()?;
    reader.refuse_endless()?;
    Ok(size)
}

/// A rule, group or alternative, with the indices of its parts.
#[derive(Default)]
struct Part {
    /// Complete alternatives, and the items of the one being read.
    alternatives: Vec<usize>,
    items: Vec<usize>,
}

/// Parser of rules, groups and alternatives.
#[derive(Default)]
struct Reader<'a> {
    needs: Vec<Need>,
    rules: HashMap<&'a str, usize>,
    defined: HashMap<&'a str, usize>,
    rule_count: usize,
    /// The rule being read, and the open brackets in it.
    open: Vec<(usize, Part)>,
    deepest: usize,
    alternatives: usize,
    repetitions: u64,
    /// First name of the line, which defines a rule if a colon follows.
    first: Option<&'a str>,
    line_begins: bool,
    /// Previous token.
    before: Option<LarkToken<'a>>,
    /// Whether it has conditions or an embedded grammar, whose names are unknown here.
    mixed: bool,
}

impl<'a> Reader<'a> {
    fn size(&self) -> Size {
        Size {
            rules: self.rule_count,
            depth: self.deepest,
            alternatives: self.alternatives,
            repetitions: self.repetitions,
            ..Size::default()
        }
    }

    fn part(&mut self) -> usize {
        self.needs.push(Need::default());
        self.needs.len() - 1
    }

    fn named(&mut self, name: &'a str) -> usize {
        if let Some(part) = self.rules.get(name) {
            return *part;
        }
        let part = self.part();
        self.rules.insert(name, part);
        part
    }

    fn take(&mut self, token: LarkToken<'a>) {
        let before = self.before.replace(token);
        if self.first.is_some() && !matches!(token, LarkToken::Colon | LarkToken::Line) {
            // Attributes and parameters of a rule.
            return;
        }
        match token {
            LarkToken::Line => {
                if self.open.len() <= 1 {
                    self.line_begins = true;
                    self.first = None;
                }
            }
            LarkToken::Name(name) => {
                if self.line_begins {
                    (self.line_begins, self.first) = (false, Some(name));
                } else if before != Some(LarkToken::Arrow) {
                    let part = self.named(name);
                    self.item(part);
                }
            }
            LarkToken::Colon => {
                if let Some(name) = self.first.take() {
                    self.close_rule();
                    self.rule_count += 1;
                    let part = self.named(name);
                    self.defined.insert(name, part);
                    self.open.push((part, Part::default()));
                }
            }
            LarkToken::Bar => {
                // At the start of a line it continues the previous rule.
                self.line_begins = false;
                self.alternatives += 1;
                self.end_alternative();
            }
            LarkToken::Open if !self.open.is_empty() => {
                let part = self.part();
                self.open.push((part, Part::default()));
                self.deepest = self.deepest.max(self.open.len());
            }
            LarkToken::Close if self.open.len() > 1 => {
                if let Some(part) = self.close() {
                    self.item(part);
                }
            }
            // An optional group.
            LarkToken::CloseOptional if self.open.len() > 1 => {
                self.close();
            }
            // Before a rule's name it is a modifier of the rule.
            LarkToken::Optional if !self.line_begins => self.make_optional(),
            LarkToken::Number(number) => {
                self.repetitions = self.repetitions.max(number);
                if before == Some(LarkToken::Tilde) && number == 0 {
                    self.make_optional();
                }
            }
            LarkToken::Count(least, most) => {
                self.repetitions = self.repetitions.max(most);
                if least == 0 {
                    self.make_optional();
                }
            }
            LarkToken::Mixed => self.mixed = true,
            LarkToken::Literal => {
                let part = self.part();
                self.item(part);
            }
            LarkToken::Open
            | LarkToken::Close
            | LarkToken::CloseOptional
            | LarkToken::Optional
            | LarkToken::Tilde
            | LarkToken::Arrow
            | LarkToken::Other => {}
        }
    }

    fn item(&mut self, part: usize) {
        if let Some((_, open)) = self.open.last_mut() {
            open.items.push(part);
        }
    }

    fn make_optional(&mut self) {
        if let Some((_, open)) = self.open.last_mut() {
            open.items.pop();
        }
    }

    fn end_alternative(&mut self) {
        let alternative = self.part();
        let Some((_, open)) = self.open.last_mut() else { return };
        open.alternatives.push(alternative);
        let items = std::mem::take(&mut open.items);
        self.needs[alternative].all(items);
    }

    fn close(&mut self) -> Option<usize> {
        self.end_alternative();
        let (part, Part { alternatives, .. }) = self.open.pop()?;
        self.needs[part].any(alternatives);
        Some(part)
    }

    /// Closes brackets left open at the end of their rule.
    fn close_rule(&mut self) {
        while self.open.len() > 1 {
            if let Some(part) = self.close() {
                self.item(part);
            }
        }
        self.close();
    }

    /// Rejects a grammar without a finite sentence.
    fn refuse_endless(mut self) -> Result<(), SizeError> {
        self.close_rule();
        let Some(start) = self.defined.get("start").copied().filter(|_| !self.mixed) else {
            return Ok(());
        };
        let needs: Vec<&Need> = self.needs.iter().collect();
        if all_productive(&needs)[start] {
            return Ok(());
        }
        let reason = "no answer satisfies it: its rules lead back to themselves without end, so \
                      give one of them an alternative that ends";
        Err(SizeError::Invalid(reason.to_owned()))
    }
}
