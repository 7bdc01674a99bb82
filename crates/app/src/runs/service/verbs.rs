//! What clients ask of the service.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::{
    RunApproach, RunReplay, RunRequest, RunSummary, RunToolList, ToolCallOutcome,
};
use harmonic_engine::Generation;
use harmonic_gateway::{RunEvents, RunOwner, Runs, RunsError, ToolCalls};
use harmonic_orchestrator::{Approval, ApprovalId, Decision};
use harmonic_types::{Request, RunId, RunRecord, RunToken};

use super::errors::blocking;
use super::{RunService, owner_name};
use crate::runs::driver::{Command, is_final};
use crate::runs::new_run::NewRun;
use crate::runs::team_engine::TeamEngine;

impl Runs for RunService {
    fn create(
        &self,
        owner: RunOwner,
        request: RunRequest,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        let service = self.clone();
        async move { service.create_run(owner, NewRun::from(request)).await }.boxed()
    }

    fn answer(
        &self,
        owner: RunOwner,
        approach: RunApproach,
        request: Request,
    ) -> BoxFuture<'static, Result<(RunId, Generation), RunsError>> {
        let team = Arc::clone(&self.shared.team);
        TeamEngine::new(request.agent.clone(), approach, self.clone(), team)
            .ask_in_background(owner, request)
            .boxed()
    }

    fn list(
        &self,
        owner: RunOwner,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<RunSummary>, RunsError>> {
        let service = self.clone();
        async move { service.summaries(&owner, limit).await }.boxed()
    }

    fn show(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Arc<RunRecord>, RunsError>> {
        let service = self.clone();
        async move { Ok(Arc::new(service.view(&owner, &id).await?.record)) }.boxed()
    }

    fn events(
        &self,
        owner: RunOwner,
        id: RunId,
        after: Option<u64>,
    ) -> BoxFuture<'static, Result<RunEvents, RunsError>> {
        let service = self.clone();
        async move { service.event_stream(owner, id, after).await }.boxed()
    }

    fn approvals(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<Vec<Approval>, RunsError>> {
        let service = self.clone();
        async move { Ok(service.view(&owner, &id).await?.approvals) }.boxed()
    }

    fn decide(
        &self,
        owner: RunOwner,
        id: RunId,
        approval: ApprovalId,
        decision: Decision,
        may_approve_commands: bool,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        let service = self.clone();
        async move {
            let Some(open) = service.open_run(&owner, &id) else {
                service.stored(&owner, &id).await?.check_rests()?;
                return Err(not_driven(&id));
            };
            let decide =
                |reply| Command::Decide { approval, decision, may_approve_commands, reply };
            let applied = open.ask(decide).await.ok_or_else(|| not_driven(&id))??;
            applied.await.map_err(|_| not_driven(&id))
        }
        .boxed()
    }

    fn stop(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        let service = self.clone();
        async move {
            if let Some(open) = service.open_run(&owner, &id) {
                // One that ends at the same time has ended.
                let _ = open.commands.send(Command::Stop).await;
                open.closed.cancelled().await;
                return Ok(service.view(&owner, &id).await?.summary());
            }
            let stored = service.stored(&owner, &id).await?;
            stored.check_rests()?;
            let view = stored.view();
            if is_final(&view.record.state) {
                let message = format!("run `{id}` has ended: there is nothing to stop");
                return Err(RunsError::Conflict { message });
            }
            Ok(view.summary())
        }
        .boxed()
    }

    fn resume(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunSummary, RunsError>> {
        let service = self.clone();
        async move {
            // The run goes on whether or not the client waits for it.
            let resuming = {
                let (driving, owner, id) = (service.clone(), owner.clone(), id.clone());
                service.shared.tasks.spawn(async move { driving.resume_run(&owner, &id).await })
            };
            resuming.await.unwrap_or_else(|_| Err(super::errors::stopping()))?;
            Ok(service.view(&owner, &id).await?.summary())
        }
        .boxed()
    }

    fn replay(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunReplay, RunsError>> {
        let service = self.clone();
        async move { service.replay_run(&owner, &id).await }.boxed()
    }

    fn remove(&self, owner: RunOwner, id: RunId) -> BoxFuture<'static, Result<(), RunsError>> {
        let service = self.clone();
        async move {
            if let Some(open) = service.open_run(&owner, &id) {
                let reason = "it was removed".to_owned();
                // One that ends at the same time has ended.
                let _ = open.commands.send(Command::Cancel { reason }).await;
                open.closed.cancelled().await;
            }
            blocking(move || service.remove_stored(&owner_name(&owner), &id)).await?
        }
        .boxed()
    }

    fn artifact(
        &self,
        owner: RunOwner,
        id: RunId,
        task: u32,
    ) -> BoxFuture<'static, Result<String, RunsError>> {
        let service = self.clone();
        async move {
            let record = service.view(&owner, &id).await?.record;
            let index = usize::try_from(task).unwrap_or(usize::MAX);
            let text = record.tasks.into_iter().nth(index).and_then(|task| task.text);
            text.ok_or_else(|| RunsError::unknown_artifact(task))
        }
        .boxed()
    }

    fn tools(
        &self,
        owner: RunOwner,
        id: RunId,
    ) -> BoxFuture<'static, Result<RunToolList, RunsError>> {
        let service = self.clone();
        async move { service.run_tools(&owner, &id).await }.boxed()
    }

    fn tool_calls(
        &self,
        owner: RunOwner,
        id: RunId,
        process: Option<String>,
        token: Option<RunToken>,
    ) -> BoxFuture<'static, Result<ToolCalls, RunsError>> {
        let service = self.clone();
        async move { service.client_calls(&owner, &id, process, token).await }.boxed()
    }

    fn answer_tool_call(
        &self,
        owner: RunOwner,
        id: RunId,
        call: String,
        outcome: ToolCallOutcome,
    ) -> BoxFuture<'static, Result<(), RunsError>> {
        let service = self.clone();
        async move { service.client_answer(&owner, &id, &call, outcome).await }.boxed()
    }
}

pub(super) fn not_driven(id: &RunId) -> RunsError {
    RunsError::Conflict {
        message: format!("run `{id}` does not run: resume it, then answer what it asks"),
    }
}
