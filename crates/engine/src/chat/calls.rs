//! Incremental parser of tool calls in an answer.
//!
//! Owns: the call syntaxes of models, and their streaming parsers.
//!
//! Invariants: the concatenated deltas do not depend on how the text is split; text without calls
//! passes unchanged; text that starts like a call but is none is emitted as text; the argument
//! deltas of a complete call form one JSON object. White space around calls is dropped.
//!
//! Does not do: validating arguments against a tool's schema (`constraint` does).

mod delta;
mod function;
mod json;
mod named;
mod object;
mod syntax;

use std::collections::VecDeque;

use harmonic_types::Tool;
use serde_json::Value;

pub use delta::AnswerDelta;
use delta::Output;
use function::FunctionCall;
use json::is_space;
use named::NamedCall;
use object::ObjectCall;
pub(crate) use syntax::Syntax;

/// Effect of a character on a call.
enum ParseStep {
    /// The call continues.
    Continue,
    /// The call is complete.
    Complete,
    /// The character is invalid and not consumed.
    Invalid,
}

#[derive(Debug)]
enum Body {
    Object(ObjectCall),
    Function(FunctionCall),
    Named(NamedCall),
}

impl Body {
    fn push(&mut self, c: char, out: &mut Output) -> ParseStep {
        match self {
            Self::Object(object) => object.push(c, out),
            Self::Function(function) => function.push(c, out),
            Self::Named(named) => named.push(c, out),
        }
    }

    fn committed(&self) -> bool {
        match self {
            Self::Object(object) => object.committed(),
            Self::Function(function) => function.committed(),
            Self::Named(named) => named.committed(),
        }
    }
}

#[derive(Debug)]
enum State {
    Text,
    /// After an opener of this many bytes, including white space before it.
    Opened(usize),
    /// In a call after an opener of this many bytes.
    Call(usize, Body),
    /// After a call, before its closing text or the next call.
    Closing,
}

/// Streaming parser that splits an answer into text and calls.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties of the answer")]
pub(super) struct CallParser {
    syntax: Syntax,
    /// Tool names with the schemas of their arguments.
    tools: Vec<(String, Value)>,
    state: State,
    /// Input not emitted yet.
    held: String,
    out: Output,
    /// Whether the answer has text, after which a bare object is no call.
    has_text: bool,
    /// Whether inside a list of calls.
    in_list: bool,
    complete_calls: u32,
    /// Whether input after the first complete call is ignored.
    single: bool,
    /// Whether the answer is a forced call, which has no text.
    forced: bool,
}

impl CallParser {
    pub(super) fn new(syntax: Syntax, tools: &[Tool]) -> Self {
        let tools = tools
            .iter()
            .map(|tool| {
                let schema = serde_json::from_str(&tool.parameters).unwrap_or_default();
                (tool.name.clone(), schema)
            })
            .collect();
        Self {
            syntax,
            tools,
            state: State::Text,
            held: String::new(),
            out: Output::default(),
            has_text: false,
            in_list: false,
            complete_calls: 0,
            single: false,
            forced: false,
        }
    }

    /// Ignores input after the first complete call.
    pub(super) fn end_with_first(&mut self) {
        self.single = true;
    }

    /// Expects a forced call.
    pub(super) fn force(&mut self) {
        self.forced = true;
    }

    /// Whether the answer's only allowed call is complete.
    pub(super) fn complete(&self) -> bool {
        self.single && self.called()
    }

    /// Whether there was a complete call.
    pub(super) fn called(&self) -> bool {
        self.complete_calls > 0
    }

    /// Parses more text; returns the deltas that are certain.
    pub(super) fn push(&mut self, text: &str) -> Vec<AnswerDelta> {
        let mut left: VecDeque<char> = text.chars().collect();
        while let Some(c) = left.pop_front().filter(|_| !self.complete()) {
            // Text that turned out not to be a call is parsed again, without its opener.
            for again in self.take(c).chars().rev() {
                left.push_front(again);
            }
        }
        std::mem::take(&mut self.out.deltas)
    }

    /// Flushes held-back input at the end of the answer. `cut`: whether the token limit ended it.
    /// An incomplete call is not emitted as text; one with a name keeps the arguments received so
    /// far.
    pub(super) fn finish(&mut self, cut: bool) -> Vec<AnswerDelta> {
        let held = std::mem::take(&mut self.held);
        match &self.state {
            State::Call(_, Body::Object(object)) if object.has_all_members() => {
                self.complete_calls += 1;
            }
            State::Closing => {}
            State::Call(_, body) if body.committed() => {}
            _ if self.forced => {}
            // Except for bare calls, as text may start like one.
            State::Opened(_) | State::Call(..) if cut && self.syntax != Syntax::Bare => {}
            State::Text if self.complete_calls > 0 && held.trim().is_empty() => {}
            State::Text | State::Opened(_) | State::Call(..) => self.out.text(&held),
        }
        self.state = State::Text;
        std::mem::take(&mut self.out.deltas)
    }

    /// Consumes one character; returns text to parse again.
    fn take(&mut self, c: char) -> String {
        match &mut self.state {
            State::Text => {
                self.held.push(c);
                self.look();
                String::new()
            }
            State::Opened(opener) => {
                let opener = *opener;
                self.open(opener, c)
            }
            State::Call(opener, body) => {
                let opener = *opener;
                let before = self.out.written;
                let step = body.push(c, &mut self.out);
                let committed = body.committed();
                self.held.push(c);
                match step {
                    ParseStep::Continue if self.out.written > before => self.held.clear(),
                    ParseStep::Continue => {}
                    ParseStep::Complete => self.close(),
                    // The emitted call is broken off; the rest is text.
                    ParseStep::Invalid if committed => return self.back_to_text(),
                    ParseStep::Invalid => return self.no_call(opener),
                }
                String::new()
            }
            State::Closing => {
                self.held.push(c);
                self.closing()
            }
        }
    }

    /// Emits text that cannot be part of an opener, and checks for an opener.
    fn look(&mut self) {
        loop {
            let may_open = |at: &usize| {
                let rest = self.held[*at..].trim_start_matches(is_space);
                rest.is_empty() || self.openers().any(|opener| opener.starts_with(rest))
            };
            let ends = self.held.char_indices().map(|(at, _)| at).chain([self.held.len()]);
            let Some(at) = ends.into_iter().find(may_open).filter(|at| *at > 0) else { break };
            let text: String = self.held.drain(..at).collect();
            self.has_text |= !text.trim().is_empty();
            self.out.text(&text);
        }
        let rest = self.held.trim_start_matches(is_space);
        let opener = self.openers().find(|opener| *opener == rest);
        match opener {
            Some("{") => {
                let body = self.object();
                self.start(self.held.len(), body, "{");
            }
            Some(function::OPEN) => {
                let body = Body::Function(FunctionCall::new(function::OPEN, self.tools.clone()));
                self.state = State::Call(self.held.len(), body);
            }
            Some(_) => self.state = State::Opened(self.held.len()),
            None => {}
        }
    }

    fn openers(&self) -> impl Iterator<Item = &'static str> + use<> {
        let bare = (self.syntax == Syntax::Bare && !self.has_text).then_some("{");
        self.syntax.openers().iter().copied().chain(bare)
    }

    fn object(&self) -> Body {
        let names = || self.tools.iter().map(|(name, _)| name.clone()).collect();
        Body::Object(ObjectCall::new((self.syntax == Syntax::Bare).then(names)))
    }

    /// Starts a call with `first`, which is in `held` already.
    fn start(&mut self, opener: usize, mut body: Body, first: &str) {
        for c in first.chars() {
            // Cannot fail: the first character selected the body.
            body.push(c, &mut self.out);
        }
        self.state = State::Call(opener, body);
    }

    /// Selects the body by the first character after an opener.
    fn open(&mut self, opener: usize, c: char) -> String {
        self.held.push(c);
        match (self.syntax, c) {
            (_, c) if is_space(c) => {}
            (_, '{') => {
                let body = self.object();
                self.start(opener, body, "{");
            }
            (Syntax::Functions, '<') => {
                self.start(opener, Body::Function(FunctionCall::new("", self.tools.clone())), "<");
            }
            (Syntax::List | Syntax::Named, '[') if !self.in_list => self.in_list = true,
            (Syntax::List | Syntax::Named, c)
                if !self.in_list && (c.is_alphanumeric() || c == '_') =>
            {
                self.start(opener, Body::Named(NamedCall::new()), c.encode_utf8(&mut [0; 4]));
            }
            _ => return self.no_call(opener),
        }
        String::new()
    }

    fn close(&mut self) {
        self.complete_calls += 1;
        self.held.clear();
        let closes = self.in_list || !matches!(self.syntax, Syntax::List | Syntax::Named);
        self.state = if closes { State::Closing } else { State::Text };
    }

    /// Drops the closing text of a call; returns other text to parse again.
    fn closing(&mut self) -> String {
        let rest = self.held.trim_start_matches(is_space);
        let waits = match self.syntax {
            _ if rest.is_empty() => true,
            Syntax::Tagged | Syntax::Functions if rest == syntax::TAG_END => {
                self.held.clear();
                self.state = State::Text;
                true
            }
            Syntax::Tagged | Syntax::Functions => syntax::TAG_END.starts_with(rest),
            Syntax::List | Syntax::Named if rest == "," => {
                self.state = State::Opened(self.held.len());
                true
            }
            Syntax::List | Syntax::Named if rest == "]" => {
                self.held.clear();
                self.in_list = false;
                self.state = State::Text;
                true
            }
            Syntax::List | Syntax::Named => false,
            Syntax::Bare => match rest.trim_start_matches(';').trim_start_matches(is_space) {
                "" => true,
                "{" => {
                    let body = self.object();
                    self.start(self.held.len(), body, "{");
                    true
                }
                _ => false,
            },
        };
        if waits { String::new() } else { self.back_to_text() }
    }

    fn back_to_text(&mut self) -> String {
        self.state = State::Text;
        self.in_list = false;
        std::mem::take(&mut self.held)
    }

    /// Emits the opener of an invalid call as text; returns the rest to parse again.
    fn no_call(&mut self, opener: usize) -> String {
        let again = self.held.split_off(opener);
        let text = self.back_to_text();
        self.has_text |= !text.trim().is_empty();
        self.out.text(&text);
        again
    }
}

#[cfg(test)]
mod tests;
