//! What an answer comes in, and the way of it out.

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerDelta {
    /// Text.
    Text(String),
    /// A call of a tool; its arguments follow.
    Call {
        /// Counts the answer's calls from 0.
        index: u32,
        /// The tool.
        name: String,
    },
    /// More of a call's arguments.
    Arguments {
        /// The call.
        index: u32,
        /// JSON text.
        text: String,
    },
}

/// Pieces on their way out; neighbours of a kind are one.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) deltas: Vec<AnswerDelta>,
    calls: u32,
    /// Changes with everything that goes out.
    pub(super) written: usize,
}

impl Output {
    pub(super) fn text(&mut self, more: &str) {
        self.written += more.len();
        match self.deltas.last_mut() {
            Some(AnswerDelta::Text(text)) => text.push_str(more),
            _ if more.is_empty() => {}
            _ => self.deltas.push(AnswerDelta::Text(more.to_owned())),
        }
    }

    pub(super) fn call(&mut self, name: &str) {
        self.written += 1;
        self.deltas.push(AnswerDelta::Call { index: self.calls, name: name.to_owned() });
        self.calls += 1;
    }

    pub(super) fn arguments(&mut self, more: &str) {
        self.written += more.len();
        if let Some(AnswerDelta::Arguments { text, .. }) = self.deltas.last_mut() {
            text.push_str(more);
        } else {
            let index = self.calls.saturating_sub(1);
            self.deltas.push(AnswerDelta::Arguments { index, text: more.to_owned() });
        }
    }
}
