//! Faults of a task graph.

use std::fmt;

/// Whether a grammar could have held a fault off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A field is missing, unknown, out of range, or names what is not there.
    Form,
    /// Each field is in range, and together they make no sense: duplicates, tasks that nobody uses,
    /// empty instructions, a check of what is no `ask`, an agent without the tool.
    Sense,
}

/// One fault of a graph, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFault {
    /// Kind.
    pub kind: FaultKind,
    /// Position of the task, from 0; `None` concerns the whole graph.
    pub task: Option<u32>,
    /// The field.
    pub field: String,
    /// What is wrong, and what is expected instead.
    pub reason: String,
}

impl GraphFault {
    pub(super) fn form(task: Option<usize>, field: &str, reason: impl Into<String>) -> Self {
        Self::new(FaultKind::Form, task, field, reason)
    }

    pub(super) fn sense(task: usize, field: &str, reason: impl Into<String>) -> Self {
        Self::new(FaultKind::Sense, Some(task), field, reason)
    }

    fn new(kind: FaultKind, task: Option<usize>, field: &str, reason: impl Into<String>) -> Self {
        let task = task.map(|task| u32::try_from(task).unwrap_or(u32::MAX));
        Self { kind, task, field: shown(field), reason: reason.into() }
    }
}

impl fmt::Display for GraphFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "tasks[{task}].{}: {}", self.field, self.reason),
            None => write!(f, "{}: {}", self.field, self.reason),
        }
    }
}

/// Faults of a graph, one at least; displayed one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphErrors(pub Vec<GraphFault>);

impl GraphErrors {
    /// Faults that are listed, at most.
    pub const LISTED: usize = 8;

    /// A plan that is not what was asked for.
    pub(crate) fn of_plan(reason: &str) -> Self {
        Self(vec![GraphFault::form(None, "plan", reason)])
    }

    /// `Err` with `faults` if there are any.
    pub(super) fn of(mut faults: Vec<GraphFault>) -> Result<(), Self> {
        faults.truncate(Self::LISTED);
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }
}

impl From<GraphFault> for GraphErrors {
    fn from(fault: GraphFault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for GraphErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for GraphErrors {}

/// Characters of a value in an error.
const SHOWN: usize = 60;

/// `value` as an error shows it: its beginning, in one line.
pub(super) fn shown(value: &str) -> String {
    let mut line: String = value
        .chars()
        .take(SHOWN)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if value.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}
