//! The result of an import.

use harmonic_types::StackSpec;

use crate::note::{Note, Notes};

/// A stack, and what it lacks of its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The stack; `None` where no agent was understood.
    pub stack: Option<StackSpec>,
    /// What was not taken over, or chosen by the import, in the order of the source.
    pub notes: Vec<Note>,
}

impl Imported {
    pub(crate) fn new(stack: Option<StackSpec>, notes: Notes) -> Self {
        Self { stack, notes: notes.list }
    }

    /// The stack as the text of a stack file.
    pub fn text(&self) -> Option<String> {
        let text = harmonic_stack::write(self.stack.as_ref()?);
        Some(format!("# Written by `harmonic import`: a draft to be edited.\n{text}"))
    }
}
