//! An item that is still coming.

use super::super::item::{Item, ItemPart, Status};
use crate::openai::TokenEntry;

/// An item that is still coming.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// What it is.
    pub(super) kind: Kind,
    /// Its name.
    pub(super) id: String,
    /// Its place in the output.
    pub(super) index: usize,
    /// What it says so far: a text, or arguments.
    pub(super) text: String,
    /// Log-probabilities so far.
    pub(super) logprobs: Vec<TokenEntry>,
    /// Whether it has its part: an item is added without.
    pub(super) complete: bool,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is said.
    Message,
    /// What was thought.
    Reasoning,
    /// A call of a tool.
    Call {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
    },
}

impl Open {
    /// An empty item, the `index`th of the response that is called `name`.
    pub(super) fn new(kind: Kind, name: &str, index: usize) -> Self {
        let prefix = match kind {
            Kind::Message => "msg",
            Kind::Reasoning => "rs",
            Kind::Call { .. } => "fc",
        };
        let id = format!("{prefix}_{name}_{index}");
        Self { kind, id, index, text: String::new(), logprobs: Vec::new(), complete: false }
    }

    /// The part that it is made of, as far as it is; a call has none.
    pub(super) fn part(&self) -> Option<ItemPart> {
        let text = self.text.clone();
        match self.kind {
            Kind::Message => Some(ItemPart::OutputText {
                text,
                annotations: Vec::new(),
                logprobs: self.logprobs.clone(),
            }),
            Kind::Reasoning => Some(ItemPart::ReasoningText { text }),
            Kind::Call { .. } => None,
        }
    }

    /// It, as far as it is.
    pub(super) fn item(&self, status: Status) -> Item {
        let id = self.id.clone();
        let content = self.part().filter(|_| self.complete).into_iter().collect();
        match &self.kind {
            Kind::Message => Item::Message { id, status, role: "assistant".to_owned(), content },
            Kind::Reasoning => Item::Reasoning { id, summary: Vec::new(), content, status },
            Kind::Call { id: call_id, name } => Item::FunctionCall {
                id,
                call_id: call_id.clone(),
                name: name.clone(),
                arguments: self.text.clone(),
                status,
            },
        }
    }
}
