//! What a run has published and its state does not hold.

use std::collections::BTreeMap;

use harmonic_api::runs::RunChange;
use harmonic_orchestrator::{ApprovalId, Decision, RunEvent};
use harmonic_types::TaskGraph;

use crate::runs::updates::Updates;

/// Notes that are told to those who come later, at most.
const NOTES: usize = 64;

/// What a run has published and its state does not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    graph: Option<TaskGraph>,
    decided: BTreeMap<ApprovalId, Decision>,
    notes: Vec<String>,
}

impl Past {
    /// The past of a run that has only `note`.
    pub(crate) fn new(note: Option<String>) -> Self {
        Self { notes: note.into_iter().collect(), ..Self::default() }
    }

    /// Takes what `event` says.
    pub(crate) fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Graph { graph, .. } => self.graph = Some(graph.clone()),
            RunEvent::Decided { approval, decision, .. } => {
                self.decided.insert(*approval, *decision);
            }
            RunEvent::Note { text } if self.notes.len() < NOTES => self.notes.push(text.clone()),
            RunEvent::State { .. } | RunEvent::Task { .. } | RunEvent::Note { .. } => {}
        }
    }

    /// Tells the notes to those who watch the run from its start in this process.
    pub(crate) fn tell(&self, updates: &Updates) {
        for text in &self.notes {
            updates.send(RunChange::Run(RunEvent::Note { text: text.clone() }));
        }
    }

    /// The graph, as far as it is known.
    pub(super) fn graph(&self) -> Option<&TaskGraph> {
        self.graph.as_ref()
    }

    /// The answer to a question that is no longer open.
    pub(super) fn decided(&self, approval: ApprovalId) -> Option<Decision> {
        self.decided.get(&approval).copied()
    }
}
