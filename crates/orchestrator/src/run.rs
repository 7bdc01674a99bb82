//! The state machine of a run.

use harmonic_types::{RunRecord, RunSpent, RunState};

use crate::action::Action;
use crate::approval::Approval;
use crate::input::Input;
use crate::lineage::Lineage;
use crate::spec::{RunSpec, SpecError};

/// A run: the fold of its inputs.
#[derive(Clone, Debug)]
pub struct Run {
    spec: RunSpec,
}

impl Run {
    /// The run of `spec`, before its first input.
    ///
    /// # Errors
    /// A field of `spec` is invalid, or a graph in it.
    pub fn new(spec: RunSpec) -> Result<Self, SpecError> {
        Ok(Self { spec })
    }

    /// Applies `input`, which happened `at_ms` milliseconds after the start, and returns what is to
    /// be done. Times never go back: an earlier one counts as the latest.
    pub fn apply(&mut self, at_ms: u64, input: Input) -> Vec<Action> {
        let _ = (at_ms, input);
        Vec::new()
    }

    /// Its specification.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Its state.
    pub fn state(&self) -> RunState {
        RunState::Running
    }

    /// Questions that nobody has answered, oldest first.
    pub fn approvals(&self) -> Vec<Approval> {
        Vec::new()
    }

    /// Descent of a run that is started from inside of this one.
    pub fn lineage_below(&self) -> Lineage {
        Lineage::default()
    }

    /// Its record, up to the last input.
    pub fn record(&self) -> RunRecord {
        RunRecord {
            schema: RunRecord::SCHEMA.to_owned(),
            id: self.spec.id.clone(),
            goal: self.spec.goal.text.clone(),
            origin: String::new(),
            started_ms: self.spec.started_ms,
            state: RunState::Running,
            graph: None,
            tasks: Vec::new(),
            answer: None,
            budget: self.spec.budget,
            spent: RunSpent::default(),
        }
    }
}
