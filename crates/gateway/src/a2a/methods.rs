//! The methods of JSON-RPC.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use futures::StreamExt;
use harmonic_api::a2a::{
    self, ListTasksParams, RpcError, RpcErrorKind, RpcRequest, RpcResponse, SendMessageParams,
    SentMessage, Task, TaskList, TaskParams, TaskState, TaskStatus,
};
use harmonic_api::runs::{CreateRun, RunApproach, RunMode, RunRequest, RunSummary};
use harmonic_orchestrator::AskPolicy;
use harmonic_types::{RunId, RunRecord, RunToken};
use serde::Serialize;
use serde_json::{Value, json};

use super::stream;
use crate::api_error::ApiError;
use crate::event_chunks::shortened;
use crate::model_registry::ModelRegistry;
use crate::runs::{RunDelivery, RunOwner, Runs, RunsError};

/// Tasks that a list is made of, at most.
const MOST_LISTED: usize = 1000;

/// Response to a call.
pub(crate) enum Answer {
    /// One document.
    Document(RpcResponse),
    /// A stream of them.
    Stream(Response),
}

/// Failure of a call: of its method, or of the server.
enum Failure {
    Rpc(RpcError),
    Http(ApiError),
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl From<RunsError> for Failure {
    fn from(error: RunsError) -> Self {
        let kind = match &error {
            RunsError::NotFound { .. } => RpcErrorKind::TaskNotFound,
            RunsError::Invalid { .. } => RpcErrorKind::InvalidParams,
            RunsError::NotAllowed { .. } | RunsError::Conflict { .. } => {
                RpcErrorKind::UnsupportedOperation
            }
            RunsError::Failed { .. } => RpcErrorKind::Internal,
            // With the time until a retry.
            RunsError::Full { .. } | RunsError::Unavailable { .. } => {
                return Self::Http(error.into());
            }
        };
        Self::Rpc(RpcError::new(kind, error.to_string()))
    }
}

/// Checks the version of the protocol that a client speaks: without one it speaks 0.3.
///
/// # Errors
/// [`RpcErrorKind::VersionNotSupported`].
pub(crate) fn check_version(version: Option<&str>) -> Result<(), RpcError> {
    let version = version.map(str::trim).filter(|version| !version.is_empty());
    let version = version.unwrap_or("0.3");
    // The third number makes no difference.
    let numbers: Vec<&str> = version.splitn(3, '.').take(2).collect();
    if numbers.join(".") == a2a::VERSION {
        return Ok(());
    }
    Err(RpcError::new(
        RpcErrorKind::VersionNotSupported,
        format!(
            "A2A {} is not supported: send `A2A-Version: {}`, and its methods",
            shortened(version.to_owned()),
            a2a::VERSION
        ),
    ))
}

/// The team, for one client.
pub(crate) struct Team {
    pub(crate) models: Arc<ModelRegistry>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) owner: RunOwner,
    /// Token of the run that the client is a part of.
    pub(crate) within: Option<RunToken>,
    /// Keep-alive interval of streams.
    pub(crate) ping: Duration,
}

impl Team {
    /// Does what `request` asks for.
    ///
    /// # Errors
    /// What is no error of the method.
    pub(crate) async fn call(self, request: RpcRequest) -> Result<Answer, ApiError> {
        let id = request.id.clone();
        match self.method(request).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Rpc(error)) => Ok(Answer::Document(error.of(id))),
            Err(Failure::Http(error)) => Err(error),
        }
    }

    async fn method(self, request: RpcRequest) -> Result<Answer, Failure> {
        let RpcRequest { id, method, params } = request;
        let document = |result: Value| Ok(Answer::Document(RpcResponse::new(id.clone(), &result)));
        match method.as_str() {
            "SendMessage" => {
                let sent = a2a::read::<SendMessageParams>(params)?.checked()?;
                let (wants_history, returns) = (sent.wants_history, sent.returns_immediately);
                let run = self.send(sent).await?;
                if !returns {
                    self.until_it_rests(&run).await?;
                }
                let task = Task::of_run(&*self.show(run).await?, wants_history);
                document(json!({"task": value(&task)}))
            }
            "SendStreamingMessage" => {
                let sent = a2a::read::<SendMessageParams>(params)?.checked()?;
                let run = self.send(sent).await?;
                let Self { runs, owner, ping, .. } = self;
                Ok(Answer::Stream(stream::of_run(runs, owner, run, id, true, ping).await?))
            }
            "GetTask" => {
                let params: TaskParams = a2a::read(params)?;
                let record = self.task(&params.id).await?;
                document(value(&Task::of_run(&record, params.wants_history())))
            }
            "ListTasks" => document(value(&self.list(&a2a::read(params)?).await?)),
            "CancelTask" => {
                let params: TaskParams = a2a::read(params)?;
                let run = run_id(&params.id)?;
                match self.runs.stop(self.owner.clone(), run.clone()).await {
                    Err(RunsError::Conflict { message }) => {
                        return Err(RpcError::new(RpcErrorKind::TaskNotCancelable, message).into());
                    }
                    stopped => drop(stopped?),
                }
                let record = self.show(run).await?;
                document(value(&Task::of_run(&record, params.wants_history())))
            }
            "SubscribeToTask" => {
                let params: TaskParams = a2a::read(params)?;
                let record = self.task(&params.id).await?;
                refuse_ended(&record)?;
                let Self { runs, owner, ping, .. } = self;
                Ok(Answer::Stream(
                    stream::of_run(runs, owner, record.id.clone(), id, false, ping).await?,
                ))
            }
            "CreateTaskPushNotificationConfig"
            | "GetTaskPushNotificationConfig"
            | "ListTaskPushNotificationConfigs"
            | "DeleteTaskPushNotificationConfig" => Err(RpcError::new(
                RpcErrorKind::PushNotificationNotSupported,
                "push notifications are not supported: stream the task, or ask for it",
            )
            .into()),
            "GetExtendedAgentCard" => Err(RpcError::new(
                RpcErrorKind::UnsupportedOperation,
                "there is no extended card: /.well-known/agent-card.json has all",
            )
            .into()),
            other => Err(RpcError::new(
                RpcErrorKind::MethodNotFound,
                format!(
                    "unknown method `{}`: A2A {} has SendMessage, SendStreamingMessage, GetTask, \
                     ListTasks, CancelTask and SubscribeToTask",
                    shortened(other.to_owned()),
                    a2a::VERSION
                ),
            )
            .into()),
        }
    }

    /// Starts the run that a message asks for.
    async fn send(&self, sent: SentMessage) -> Result<RunId, Failure> {
        if let Some(task) = sent.task {
            refuse_ended(&*self.task(&task).await?)?;
            let error = "a task takes no further messages: send one without `taskId`, with all that \
                         the team must know";
            return Err(RpcError::new(RpcErrorKind::UnsupportedOperation, error).into());
        }
        let approach = match sent.skill {
            None => RunApproach::Mode(RunMode::Auto),
            Some(skill) => self.approach(&skill)?,
        };
        let body = CreateRun {
            goal: sent.text,
            // The client is a program, which cannot be asked.
            ask: Some(AskPolicy::Never),
            ..CreateRun::default()
        };
        let wanted = body.checked().map_err(|error| {
            let message = error.to_string().replace("`goal`", "the text of `message.parts`");
            RpcError::new(RpcErrorKind::InvalidParams, message)
        })?;
        let wanted = RunRequest { approach, within: self.within.clone(), ..wanted };
        Ok(self.runs.create(self.owner.clone(), wanted).await?.id)
    }

    /// How the skill `skill` of the card finds its tasks.
    fn approach(&self, skill: &str) -> Result<RunApproach, RpcError> {
        let skills = || {
            self.models
                .agents()
                .iter()
                .filter_map(|agent| Some((agent.name.0.as_str(), agent.team.as_ref()?)))
        };
        if let Some((_, approach)) = skills().find(|(name, _)| *name == skill) {
            return Ok(approach.clone());
        }
        let known: Vec<&str> = skills().map(|(name, _)| name).collect();
        let reason = format!(
            "is `{}`, but must be one of the card's skills: {}",
            shortened(skill.to_owned()),
            known.join(", ")
        );
        Err(RpcError::param(&format!("metadata.{}", a2a::SKILL), &reason))
    }

    async fn show(&self, run: RunId) -> Result<Arc<RunRecord>, RunsError> {
        self.runs.show(self.owner.clone(), run).await
    }

    /// The task `id`.
    async fn task(&self, id: &str) -> Result<Arc<RunRecord>, Failure> {
        Ok(self.show(run_id(id)?).await?)
    }

    /// Waits until the run has ended, or waits for a person.
    async fn until_it_rests(&self, run: &RunId) -> Result<(), Failure> {
        let events = self.runs.events(self.owner.clone(), run.clone(), None).await?;
        let mut ends = events.filter(|delivery| {
            std::future::ready(match delivery {
                RunDelivery::Snapshot(snapshot) => stream::rests(&snapshot.record.state),
                RunDelivery::Update(update) => stream::state(update).is_some_and(stream::rests),
                RunDelivery::Lost(_) => false,
            })
        });
        let _ended = ends.next().await;
        Ok(())
    }

    async fn list(&self, params: &ListTasksParams) -> Result<TaskList, Failure> {
        let page_size = params.checked()?;
        let is_wanted = |run: &RunSummary| {
            let context = params.context_id.as_deref().filter(|id| !id.is_empty());
            let status = params.status.filter(|status| *status != TaskState::Unspecified);
            context.is_none_or(|id| id == run.id.0)
                && status.is_none_or(|status| status == TaskState::from(&run.state))
        };
        let mut all = self.runs.list(self.owner.clone(), MOST_LISTED).await?;
        all.retain(is_wanted);
        let total_size = u32::try_from(all.len()).unwrap_or(u32::MAX);
        // Ids ascend with time, and the list goes back in time.
        if let Some(last) = params.page_token.as_deref().filter(|token| !token.is_empty()) {
            let last = run_id(last).map_err(|_| {
                RpcError::param("pageToken", "must be the `nextPageToken` of another page")
            })?;
            all.retain(|run| run.id < last);
        }
        let page = usize::try_from(page_size).unwrap_or(usize::MAX);
        let next_page_token = match all.get(page.saturating_sub(1)) {
            Some(last) if all.len() > page => last.id.0.clone(),
            _ => String::new(),
        };
        all.truncate(page);
        let mut tasks = Vec::with_capacity(all.len());
        for run in all {
            if params.include_artifacts == Some(true) {
                // One that was removed meanwhile is left out.
                let Ok(record) = self.show(run.id).await else { continue };
                tasks.push(Task::of_run(&record, false));
            } else {
                let status = TaskStatus::of_run(&run.id, &run.state, None);
                let id = run.id.0;
                tasks.push(Task {
                    context_id: id.clone(),
                    id,
                    status,
                    artifacts: Vec::new(),
                    history: Vec::new(),
                });
            }
        }
        Ok(TaskList { tasks, next_page_token, page_size, total_size })
    }
}

fn value(result: &impl Serialize) -> Value {
    serde_json::to_value(result).expect("wire types are strings, numbers, lists and structs")
}

/// The run of the task `id`.
fn run_id(id: &str) -> Result<RunId, RpcError> {
    RunId::parse(id).ok_or_else(|| {
        let error = RunsError::unknown_run(shortened(id.to_owned()));
        RpcError::new(RpcErrorKind::TaskNotFound, error.to_string())
    })
}

fn refuse_ended(record: &RunRecord) -> Result<(), RpcError> {
    if !TaskState::from(&record.state).is_terminal() {
        return Ok(());
    }
    let error = format!("task `{}` has ended: `GetTask` has its answer", record.id);
    Err(RpcError::new(RpcErrorKind::UnsupportedOperation, error))
}
