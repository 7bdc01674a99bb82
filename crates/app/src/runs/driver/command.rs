//! What the service asks of a driver.

use harmonic_api::runs::RunChange;
use harmonic_gateway::RunsError;
use harmonic_orchestrator::{Approval, ApprovalId, ApprovalSubject, Decision, Input};
use harmonic_types::{RunBudget, RunId, RunRecord, ToolEffects};
use tokio::sync::oneshot;

use super::Driver;
use super::below::Descent;
use crate::runs::tools::RunTools;

/// A run at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RunView {
    /// Id of the last update that is in it.
    pub(crate) last_update: u64,
    /// The last changes of what is open.
    pub(crate) open: Vec<RunChange>,
    pub(crate) record: RunRecord,
    /// Open questions, oldest first.
    pub(crate) approvals: Vec<Approval>,
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
        /// Whether whoever answers may let the run execute commands.
        may_approve_commands: bool,
        /// Answered once the decision is on the device and was applied, or is refused.
        reply: oneshot::Sender<Result<oneshot::Receiver<()>, RunsError>>,
    },
    /// Take a run that is to start as one that is inside of this one.
    Adopt {
        run: RunId,
        goal: String,
        /// Its own budget.
        budget: RunBudget,
        reply: oneshot::Sender<Result<Descent, RunsError>>,
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
            Command::Decide { approval, decision, may_approve_commands, reply } => {
                let _ = reply.send(self.decide(approval, decision, may_approve_commands));
            }
            Command::Adopt { run, goal, budget, reply } => {
                // A run that is no longer wanted drops its link, and is no more inside of this one.
                let _ = reply.send(self.adopt(run, &goal, budget));
            }
            Command::Stop => self.pending.push_back(Input::Stopped),
            Command::Cancel { reason } => self.pending.push_back(Input::Cancelled { reason }),
        }
    }

    pub(super) fn view(&self) -> RunView {
        // Before the record, which later updates may already be in.
        let (last_update, open) = self.parts.updates.open();
        let run = &self.parts.run;
        let record = run.record_at(self.parts.clock.now_ms());
        RunView { last_update, open, record, approvals: run.approvals() }
    }

    fn decide(
        &mut self,
        id: ApprovalId,
        decision: Decision,
        may_approve_commands: bool,
    ) -> Result<oneshot::Receiver<()>, RunsError> {
        let (done, applied) = oneshot::channel();
        let open = self.parts.run.approvals().into_iter().find(|open| open.id == id);
        let Some(open) = open else {
            return match self.parts.past.decided(id) {
                Some(before) if before == decision => {
                    let _ = done.send(());
                    Ok(applied)
                }
                Some(_) => Err(RunsError::Conflict {
                    message: format!(
                        "approval {} was answered already, or its time was over",
                        id.0
                    ),
                }),
                None => Err(RunsError::unknown_approval(id)),
            };
        };
        let is_refused = decision == Decision::Approved && !may_approve_commands;
        if is_refused && runs_command(&open.subject, &*self.parts.tools) {
            return Err(RunsError::NotAllowed {
                message: format!(
                    "approval {} lets the run execute a command on the server's machine, which this \
                     key may not approve: `harmonic keys add --approve-commands` makes one that may",
                    id.0
                ),
            });
        }
        self.pending.push_back(Input::Decided { approval: id, decision });
        self.replies.push(done);
        Ok(applied)
    }
}

/// Whether a yes executes a command on the server's machine. What the owner's own process offers
/// runs with the owner, who is free to run it without us.
fn runs_command(subject: &ApprovalSubject, tools: &dyn RunTools) -> bool {
    match subject {
        ApprovalSubject::Tool { tool, effects, .. }
        | ApprovalSubject::Repeat { tool, effects, .. } => {
            *effects == ToolEffects::Running && !tools.is_of_owner(tool)
        }
        ApprovalSubject::Plan { .. } | ApprovalSubject::Budget { .. } => false,
    }
}
