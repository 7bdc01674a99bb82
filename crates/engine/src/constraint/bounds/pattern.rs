//! Regular expressions.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange, Visitor, visit};

use super::{Excess, Size};
use crate::constraint::limits;

/// Measures one expression. What the parser refuses is only counted by its bytes: the compiler says
/// what is wrong with it.
pub(in crate::constraint) fn measure(text: &str) -> Result<Size, Excess> {
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
            return Err(Excess::Limit {
                what: "levels of a regular expression within one another, or more",
                value: limits::DEPTH as u64 + 1,
                limit: limits::DEPTH as u64,
                remedy: "write it with fewer groups",
            });
        }
        Err(_) => return Ok(size),
    };
    let (alternatives, repetitions) = visit(&ast, Counter::default()).unwrap_or_default();
    Ok(Size { alternatives, repetitions, ..size })
}

/// Counts on the way down and up; the walk keeps its stack on the heap.
#[derive(Default)]
struct Counter {
    alternatives: usize,
    /// Product of the repetitions around the present place, one entry for each.
    around: Vec<u64>,
    most: u64,
}

impl Visitor for Counter {
    type Output = (usize, u64);
    type Err = ();

    fn finish(self) -> Result<Self::Output, ()> {
        Ok((self.alternatives, self.most))
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        match ast {
            Ast::Alternation(alternation) => self.alternatives += alternation.asts.len(),
            Ast::Repetition(repetition) => {
                let around = self.around.last().copied().unwrap_or(1);
                let product = around.saturating_mul(times(&repetition.op.kind));
                self.around.push(product);
                self.most = self.most.max(product);
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), ()> {
        if matches!(ast, Ast::Repetition(_)) {
            self.around.pop();
        }
        Ok(())
    }
}

/// How often it makes a compiler write its part, at most.
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
