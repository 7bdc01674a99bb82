//! What the service asks of a driver.

use harmonic_gateway::RunsError;
use harmonic_orchestrator::{Approval, ApprovalId, ApprovalSubject, Decision, Input};
use harmonic_types::{RunRecord, ToolEffects};
use tokio::sync::oneshot;

use super::Driver;

/// A run at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RunView {
    /// Id of the last update that is in it.
    pub(crate) last_update: u64,
    pub(crate) record: RunRecord,
    /// Open questions, oldest first.
    pub(crate) approvals: Vec<Approval>,
}

/// Who answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Approver {
    /// Whether the run is its own.
    pub(crate) is_owner: bool,
    /// Whether the server's configuration lets it approve commands.
    pub(crate) approves_commands: bool,
}

/// What the service asks of a driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// Show the run.
    Show(oneshot::Sender<RunView>),
    /// Take the answer to a question.
    Decide {
        approval: ApprovalId,
        decision: Decision,
        by: Approver,
        /// Answered once the decision is on the device and was applied, or is refused.
        reply: oneshot::Sender<Result<oneshot::Receiver<()>, RunsError>>,
    },
    /// Interrupt the run.
    Stop,
    /// End the run for good.
    Cancel {
        /// Cause.
        reason: String,
    },
}

impl Driver {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Show(reply) => {
                // Who asked is gone.
                let _ = reply.send(self.view());
            }
            Command::Decide { approval, decision, by, reply } => {
                let _ = reply.send(self.decide(approval, decision, by));
            }
            Command::Stop => self.pending.push_back(Input::Stopped),
            Command::Cancel { reason } => self.pending.push_back(Input::Cancelled { reason }),
        }
    }

    pub(super) fn view(&self) -> RunView {
        // Before the record, which later updates may already be in.
        let last_update = self.parts.updates.last_id();
        let run = &self.parts.run;
        RunView { last_update, record: run.record(), approvals: run.approvals() }
    }

    fn decide(
        &mut self,
        id: ApprovalId,
        decision: Decision,
        by: Approver,
    ) -> Result<oneshot::Receiver<()>, RunsError> {
        let (done, applied) = oneshot::channel();
        let open = self.parts.run.approvals().into_iter().find(|open| open.id == id);
        let Some(open) = open else {
            return match self.parts.past.decided.get(&id) {
                Some(before) if *before == decision && by.is_owner => {
                    let _ = done.send(());
                    Ok(applied)
                }
                Some(_) if by.is_owner => Err(RunsError::Conflict {
                    message: format!("approval {} was answered already, or its time was over", id.0),
                }),
                _ => Err(RunsError::unknown_approval(id)),
            };
        };
        let runs_command = runs_command(&open.subject);
        if !(by.is_owner || (runs_command && by.approves_commands)) {
            return Err(RunsError::unknown_approval(id));
        }
        if runs_command && decision == Decision::Approved && !by.approves_commands {
            return Err(RunsError::NotAllowed {
                message: format!(
                    "approval {} lets the run execute a command on the server's machine, which this \
                     key may not approve: the server's configuration names the keys that may",
                    id.0
                ),
            });
        }
        self.pending.push_back(Input::Decided { approval: id, decision });
        self.replies.push(done);
        Ok(applied)
    }
}

/// Whether a yes executes a command.
fn runs_command(subject: &ApprovalSubject) -> bool {
    match subject {
        ApprovalSubject::Tool { effects, .. } | ApprovalSubject::Repeat { effects, .. } => {
            *effects == ToolEffects::Running
        }
        ApprovalSubject::Plan { .. } | ApprovalSubject::Budget { .. } => false,
    }
}
