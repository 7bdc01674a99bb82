//! Incomplete item of a stream.

use super::super::item::{Item, ItemPart, Status};
use crate::openai::TokenEntry;

/// Incomplete item of a stream.
#[derive(Clone, Debug)]
pub(super) struct OpenItem {
    /// Kind.
    pub(super) kind: Kind,
    /// Id.
    pub(super) id: String,
    /// Index in the output.
    pub(super) index: usize,
    /// Text or arguments so far.
    pub(super) text: String,
    /// Log-probabilities so far.
    pub(super) logprobs: Vec<TokenEntry>,
    /// Whether the item includes its part; items are added without it.
    pub(super) complete: bool,
}

/// Kind of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Message.
    Message,
    /// Reasoning.
    Reasoning,
    /// Tool call.
    Call {
        /// Id of the call.
        id: String,
        /// Name of the tool.
        name: String,
    },
}

impl OpenItem {
    /// Empty item number `index` of the response `name`.
    pub(super) fn new(kind: Kind, name: &str, index: usize) -> Self {
        let prefix = match kind {
            Kind::Message => "msg",
            Kind::Reasoning => "rs",
            Kind::Call { .. } => "fc",
        };
        let id = format!("{prefix}_{name}_{index}");
        Self { kind, id, index, text: String::new(), logprobs: Vec::new(), complete: false }
    }

    /// Part so far; tool calls have none.
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

    /// Item so far.
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
