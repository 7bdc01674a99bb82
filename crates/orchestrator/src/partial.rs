//! A plan that is still being written.

use harmonic_types::Task;

/// Part of a plan that is complete.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanPart {
    /// The planner answers alone.
    AnswersAlone,
    /// A task, which closed; or why it cannot be read.
    Task(Result<Task, String>),
}

/// Reader of a plan while it is written.
#[derive(Clone, Debug, Default)]
pub struct PartialPlan {
    text: String,
}

impl PartialPlan {
    /// Takes more text, and returns what has closed with it.
    pub fn push(&mut self, text: &str) -> Vec<PlanPart> {
        self.text.push_str(text);
        Vec::new()
    }
}
