//! Size of regular expressions.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange, Visitor, visit};

use super::{Size, SizeError};
use crate::constraint::limits;

/// Measures one expression. Of an invalid one only the bytes are counted; the compiler reports the
/// error.
pub(in crate::constraint) fn measure(text: &str) -> Result<Size, SizeError> {
    let size =
        Size { patterns: 1, pattern_bytes: text.len(), bytes: text.len(), ..Size::default() };
    size.check()?;
    let nest = u32::try_from(limits::DEPTH).unwrap_or(u32::MAX);
    let parsed = ParserBuilder::new().nest_limit(nest).build().parse(text);
    let ast = match parsed {
        Ok(ast) => ast,
        Err(error)
            if matches!(error.kind(), regex_syntax::ast::ErrorKind::NestLimitExceeded(_)) =>
        {
            return Err(SizeError::Limit {
                what: "levels of a regular expression within one another, or more",
                value: limits::DEPTH as u64 + 1,
                limit: limits::DEPTH as u64,
                remedy: "write it with fewer groups",
            });
        }
        Err(_) => return Ok(size),
    };
    let Counted { alternatives, repetitions, optional } =
        visit(&ast, Counter::default()).unwrap_or_default();
    Ok(Size { alternatives, repetitions, optional, ..size })
}

/// Counts of an expression.
#[derive(Default)]
struct Counted {
    alternatives: usize,
    repetitions: u64,
    /// Longest run of optional parts.
    optional: u64,
}

/// Visitor that counts; the traversal keeps its stack on the heap.
#[derive(Default)]
struct Counter {
    counted: Counted,
    /// Product of the enclosing repetitions, one entry for each.
    around: Vec<u64>,
    /// Completed parts of the enclosing expressions.
    parts: Vec<Part>,
}

/// Whether a part of an expression is optional.
#[derive(Clone, Copy)]
struct Part {
    /// Number of consecutive optional parts if the whole part is optional; else 0.
    optional: u64,
}

impl Part {
    /// A part that is not optional.
    const NEEDED: Self = Self { optional: 0 };
}

impl Counter {
    fn take(&mut self, count: usize) -> Vec<Part> {
        self.parts.split_off(self.parts.len().saturating_sub(count))
    }

    fn part(&mut self, ast: &Ast) -> Part {
        match ast {
            Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => Part { optional: 1 },
            Ast::Dot(_)
            | Ast::Literal(_)
            | Ast::ClassUnicode(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_) => Part::NEEDED,
            Ast::Group(_) => self.parts.pop().unwrap_or(Part::NEEDED),
            Ast::Repetition(repetition) => {
                let inner = self.parts.pop().unwrap_or(Part::NEEDED);
                let optional = if may_be_none(&repetition.op.kind) {
                    inner.optional.max(1)
                } else {
                    inner.optional
                };
                Part { optional }
            }
            Ast::Alternation(alternation) => {
                let parts = self.take(alternation.asts.len());
                Part { optional: parts.iter().map(|part| part.optional).sum() }
            }
            Ast::Concat(concat) => {
                let parts = self.take(concat.asts.len());
                let (mut run, mut all) = (0u64, true);
                for part in &parts {
                    all &= part.optional > 0;
                    run = if part.optional > 0 { run + part.optional } else { 0 };
                    self.counted.optional = self.counted.optional.max(run);
                }
                Part { optional: if all { run } else { 0 } }
            }
        }
    }
}

impl Visitor for Counter {
    type Output = Counted;
    type Err = ();

    fn finish(self) -> Result<Self::Output, ()> {
        Ok(self.counted)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        match ast {
            Ast::Alternation(alternation) => self.counted.alternatives += alternation.asts.len(),
            Ast::Repetition(repetition) => {
                let around = self.around.last().copied().unwrap_or(1);
                let product = around.saturating_mul(times(&repetition.op.kind));
                self.around.push(product);
                self.counted.repetitions = self.counted.repetitions.max(product);
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), ()> {
        if matches!(ast, Ast::Repetition(_)) {
            self.around.pop();
        }
        let part = self.part(ast);
        self.parts.push(part);
        Ok(())
    }
}

/// Maximum number of copies that a compiler expands it to.
fn times(kind: &RepetitionKind) -> u64 {
    match kind {
        RepetitionKind::Range(
            RepetitionRange::Exactly(times)
            | RepetitionRange::AtLeast(times)
            | RepetitionRange::Bounded(_, times),
        ) => u64::from(*times).max(1),
        _ => 1,
    }
}

/// Whether zero repetitions are allowed.
fn may_be_none(kind: &RepetitionKind) -> bool {
    match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => true,
        RepetitionKind::OneOrMore => false,
        RepetitionKind::Range(
            RepetitionRange::Exactly(least)
            | RepetitionRange::AtLeast(least)
            | RepetitionRange::Bounded(least, _),
        ) => *least == 0,
    }
}
