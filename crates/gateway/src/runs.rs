//! Interface of the runs of a team; `app` implements it.
//!
//! Invariants: a run belongs to the owner that made it, and for any other owner it does not exist;
//! ids reach an implementation only in the form of [`RunId`]s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use harmonic_api::ErrorClass;
use harmonic_api::runs::{
    RunApproach, RunReplay, RunRequest, RunSnapshot, RunSummary, RunToolList, RunUpdate,
    ToolCallEvent, ToolCallOutcome,
};
use harmonic_engine::Generation;
use harmonic_orchestrator::{Approval, ApprovalId, Decision};
use harmonic_types::{Request, RunId, RunRecord, RunToken};

/// Owner of runs: the name of an API key, or `None` where the server needs no key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunOwner(pub Option<Arc<str>>);

/// Error of a request for runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunsError {
    /// The owner has no such run, or the run no such approval, artifact or call.
    #[error("unknown {what} `{name}`: {remedy}")]
    NotFound {
        /// `run`, `approval`, `artifact` or `tool call`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What lists the known ones.
        remedy: &'static str,
    },
    /// A field of the run's request that this team cannot obey.
    #[error("`{field}` {reason}")]
    Invalid {
        /// Path of the field in the body.
        field: String,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// Something that the owner may not do; the message names the setting that would allow it.
    #[error("{message}")]
    NotAllowed {
        /// What and why.
        message: String,
    },
    /// The state of the run forbids it, such as stopping a run that has ended.
    #[error("{message}")]
    Conflict {
        /// What and why.
        message: String,
    },
    /// The owner, or the server, has as many runs as it may have.
    #[error("{message}")]
    Full {
        /// Which bound.
        message: String,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// No runs at present, for instance because the server stops or its disk is full.
    #[error("{message}")]
    Unavailable {
        /// Cause and remedy.
        message: String,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// A failure of the server.
    #[error("{message}")]
    Failed {
        /// Cause.
        message: String,
    },
}

impl RunsError {
    /// A run that the owner does not have.
    pub fn unknown_run(id: impl Into<String>) -> Self {
        Self::NotFound { what: "run", name: id.into(), remedy: "`GET /runs` lists the runs" }
    }

    /// An approval that is not open.
    pub fn unknown_approval(id: ApprovalId) -> Self {
        let remedy = "`GET /runs/{id}/approvals` lists the open ones";
        Self::NotFound { what: "approval", name: id.0.to_string(), remedy }
    }

    /// An artifact that is not there.
    pub fn unknown_artifact(task: u32) -> Self {
        let remedy = "`GET /runs/{id}` lists the tasks, and which are done";
        Self::NotFound { what: "artifact", name: task.to_string(), remedy }
    }

    /// A call of a tool that the client was not given.
    pub fn unknown_tool_call(call: impl Into<String>) -> Self {
        let remedy = "`GET /runs/{id}/tool-calls` gives the calls";
        Self::NotFound { what: "tool call", name: call.into(), remedy }
    }
}

impl RunsError {
    /// Status, class, code and retry delay of its response.
    pub(crate) fn response(&self) -> (StatusCode, ErrorClass, &'static str, Option<Duration>) {
        use ErrorClass as F;
        use StatusCode as S;
        match self {
            Self::NotFound { what: "approval", .. } => {
                (S::NOT_FOUND, F::NotFound, "approval_not_found", None)
            }
            Self::NotFound { what: "artifact", .. } => {
                (S::NOT_FOUND, F::NotFound, "artifact_not_found", None)
            }
            Self::NotFound { what: "tool call", .. } => {
                (S::NOT_FOUND, F::NotFound, "tool_call_not_found", None)
            }
            Self::NotFound { .. } => (S::NOT_FOUND, F::NotFound, "run_not_found", None),
            Self::Invalid { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_value", None),
            Self::NotAllowed { .. } => (S::FORBIDDEN, F::Forbidden, "run_not_allowed", None),
            Self::Conflict { .. } => (S::CONFLICT, F::Invalid, "run_state", None),
            Self::Full { retry_after, .. } => {
                (S::TOO_MANY_REQUESTS, F::Limited, "runs_full", Some(*retry_after))
            }
            Self::Unavailable { retry_after, .. } => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "runs_unavailable", Some(*retry_after))
            }
            Self::Failed { .. } => (S::INTERNAL_SERVER_ERROR, F::Failed, "run_failed", None),
        }
    }
}

/// Part of a run's event stream.
#[derive(Clone, Debug, PartialEq)]
pub enum RunDelivery {
    /// The state now; what comes later adds to it.
    Snapshot(Arc<RunSnapshot>),
    /// Number of changes that the listener was too slow for; a snapshot follows.
    Lost(u64),
    /// One change.
    Update(Arc<RunUpdate>),
}

/// Event stream of a run. It ends with the run, also when the run is stopped; its memory is bounded,
/// whatever the listener reads.
pub type RunEvents = BoxStream<'static, RunDelivery>;

/// Calls of the tools that the client of a run offers. It ends with the run, also when the run is
/// stopped; dropping it means that the client is gone.
pub type ToolCalls = BoxStream<'static, ToolCallEvent>;

/// The runs of a team.
pub trait Runs: Send + Sync {
    /// Starts a run. Resolves when its first entry is on disk.
    fn create(
        &self,
        owner: RunOwner,
        request: RunRequest,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>>;

    /// Starts the run that answers `request`, a conversation with the team whose tasks are found as
    /// `approach` says. It goes on whether or not its generation is followed.
    fn answer(
        &self,
        owner: RunOwner,
        approach: RunApproach,
        request: Request,
    ) -> BoxFuture<'static, Result<(RunId, Generation), RunsError>>;

    /// The owner's runs, newest first, at most `limit`.
    fn list(
        &self,
        owner: RunOwner,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<RunSummary>, RunsError>>;

    /// The record of a run, up to now.
    fn show(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Arc<RunRecord>, RunsError>>;

    /// What happens in a run after the event `after`, where that is still known; otherwise a
    /// snapshot first. Of a run that does not run, the snapshot alone.
    fn events(
        &self,
        owner: RunOwner,
        id: RunId,
        after: Option<u64>,
    ) -> BoxFuture<'static, Result<RunEvents, RunsError>>;

    /// The open questions of a run, oldest first.
    fn approvals(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Vec<Approval>, RunsError>>;

    /// Answers a question. The same answer again is no error. Unless the owner
    /// `may_approve_commands`, a yes that would execute one is refused; what the question is about
    /// is known for certain only where it is answered.
    fn decide(
        &self,
        owner: RunOwner,
        id: RunId,
        approval: ApprovalId,
        decision: Decision,
        may_approve_commands: bool,
    ) -> BoxFuture<'static, Result<(), RunsError>>;

    /// Interrupts a run, so that it can be resumed. Resolves when nothing of it runs any more.
    fn stop(&self, owner: RunOwner, id: RunId)
    -> BoxFuture<'static, Result<RunSummary, RunsError>>;

    /// Lets a stopped or interrupted run go on.
    fn resume(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>>;

    /// Does a finished run again without a model, from its journal.
    fn replay(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunReplay, RunsError>>;

    /// Ends a run for good where it is not, and removes it with its journal and artifacts.
    fn remove(&self, owner: RunOwner, id: RunId) -> BoxFuture<'static, Result<(), RunsError>>;

    /// The artifact of a task, by its position in [`RunRecord::tasks`], whole.
    fn artifact(
        &self,
        owner: RunOwner,
        id: RunId,
        task: u32,
    ) -> BoxFuture<'static, Result<String, RunsError>>;

    /// The tools of a run.
    fn tools(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunToolList, RunsError>>;

    /// The calls of the tools that the owner's own process offers, from now on to this listener
    /// alone. What an earlier one was given stays open where both are of the same `process`. What the
    /// tools start with `token` is part of the run from now on, until another listener has one.
    fn tool_calls(
        &self,
        owner: RunOwner,
        id: RunId,
        process: Option<String>,
        token: Option<RunToken>,
    ) -> BoxFuture<'static, Result<ToolCalls, RunsError>>;

    /// Takes what has come of a call that the owner's process was given; once.
    fn answer_tool_call(
        &self,
        owner: RunOwner,
        id: RunId,
        call: String,
        outcome: ToolCallOutcome,
    ) -> BoxFuture<'static, Result<(), RunsError>>;
}

impl fmt::Debug for dyn Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runs")
    }
}
