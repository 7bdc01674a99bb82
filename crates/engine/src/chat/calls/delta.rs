//! Deltas of an answer, and their output buffer.

/// An increment of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerDelta {
    /// Text.
    Text(String),
    /// Start of a tool call; its arguments follow.
    Call {
        /// Index of the call in the answer, from 0.
        index: u32,
        /// Name of the tool.
        name: String,
    },
    /// Part of a call's arguments.
    Arguments {
        /// Index of the call.
        index: u32,
        /// Part of the JSON text.
        text: String,
    },
}

/// Output buffer; consecutive deltas of a kind are merged.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) deltas: Vec<AnswerDelta>,
    calls: u32,
    /// Increases with every output.
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
