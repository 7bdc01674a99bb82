//! Target that makes a run of a team of each request.
//!
//! Owns: the conversion of a [`RequestSpec`] to a run of a recipe, and of the run's events to
//! [`StreamEvent`]s: a text of any task is output, the end is the end of the run.
//!
//! Invariants: a run that did not reach its answer is an error; every run is removed from a server
//! that answers, also where its stream, or the future that starts it, was dropped before; a dropped
//! run is ended thereby.
//!
//! Does not do: answer a run's questions. Runs of recipes ask none, since they have no tools.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use harmonic_api::runs::{CreateRun, RunChange, RunSummary};
use harmonic_api::{Client, ClientError, RunNews, RunNewsStream};
use harmonic_types::{RunId, RunRecord, RunState};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::http::{chain, refusal};
use super::{ReportedUsage, RequestSpec, ResponseStream, StreamEvent, Target, TargetError};

/// Least tokens of a task's answer, so that none is blank: those of a single token often are, and
/// a blank answer fails its task.
const LEAST_TOKENS: u32 = 16;

/// Tasks of a run, far more than a recipe has.
const MOST_TASKS: u64 = 1024;

/// Time for the removal of the runs that are left at the end.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// Runs of one recipe at a server of ours.
#[derive(Clone, Debug)]
pub struct RunTarget {
    client: Client,
    recipe: String,
    /// What goes on whether or not the load waits for it.
    tasks: TaskTracker,
}

impl RunTarget {
    /// Runs of `recipe` at the server of `client`.
    pub fn new(client: Client, recipe: impl Into<String>) -> Self {
        Self { client, recipe: recipe.into(), tasks: TaskTracker::new() }
    }

    /// Waits until all runs are removed from the server, ten seconds at most.
    pub async fn settle(&self) {
        self.tasks.close();
        if timeout(SETTLE_LIMIT, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "runs of the benchmark were not removed");
        }
    }

    /// Starts a run, which is removed if nobody waits for it any more.
    async fn start(&self, wanted: CreateRun) -> Result<OpenRun, ClientError> {
        let (reply, started) = oneshot::channel();
        let (client, tasks) = (self.client.clone(), self.tasks.clone());
        self.tasks.spawn(async move {
            let made = client.create_run(&wanted).await;
            let open = made.map(|RunSummary { id, .. }| OpenRun { client, id, tasks });
            // Dropped with the run, where the receiver is.
            let _ = reply.send(open);
        });
        let ended = |_| ClientError::BrokenOff { message: "the benchmark ends".to_owned() };
        started.await.map_err(ended)?
    }
}

impl Target for RunTarget {
    fn name(&self) -> String {
        self.client.base_url().to_owned()
    }

    fn most_outputs(&self, request: &RequestSpec) -> u64 {
        MOST_TASKS.saturating_mul(request.output_tokens.max(LEAST_TOKENS).into())
    }

    async fn send(&self, request: RequestSpec) -> Result<ResponseStream, TargetError> {
        let name = self.name();
        let wanted = CreateRun {
            goal: request.prompt,
            recipe: Some(self.recipe.clone()),
            task_tokens: Some(request.output_tokens.max(LEAST_TOKENS)),
            ignore_eos: request.ignore_eos,
            ..CreateRun::default()
        };
        let run = self.start(wanted).await.map_err(|error| refusal(&name, &error))?;
        let events = run.client.run_events(&run.id, None).await;
        let events = events.map_err(|error| refusal(&name, &error))?;
        Ok(outputs(run, events).boxed())
    }
}

/// A run on the server; removed when it is dropped.
struct OpenRun {
    client: Client,
    id: RunId,
    tasks: TaskTracker,
}

impl Drop for OpenRun {
    fn drop(&mut self) {
        let (client, id) = (self.client.clone(), self.id.clone());
        self.tasks.spawn(async move {
            if let Err(error) = client.remove_run(&id).await {
                tracing::warn!(run = %id, %error, "a run of the benchmark was not removed");
            }
        });
    }
}

/// What the events of `run` are to the load.
fn outputs(
    run: OpenRun,
    events: RunNewsStream,
) -> impl futures::Stream<Item = Result<StreamEvent, TargetError>> + Send {
    stream::unfold(Some((run, events)), |state| async move {
        let (run, mut events) = state?;
        loop {
            match events.next().await {
                Some(Ok(RunNews::Update(update)))
                    if matches!(update.change, RunChange::Text { .. }) =>
                {
                    return Some((Ok(StreamEvent::Output), Some((run, events))));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some((Err(broken(&run, chain(&error))), None)),
                None => {
                    let end = match run.client.run(&run.id).await {
                        Ok(record) => usage(&record).map_err(|reason| broken(&run, reason)),
                        Err(error) => Err(broken(&run, chain(&error))),
                    };
                    return Some((end.map(StreamEvent::Finished), None));
                }
            }
        }
    })
}

fn broken(run: &OpenRun, message: String) -> TargetError {
    TargetError::Broken { target: run.client.base_url().to_owned(), message }
}

/// Usage of all tasks of a run; an error where the run has no whole answer.
fn usage(record: &RunRecord) -> Result<ReportedUsage, String> {
    let missed = match &record.state {
        RunState::Done => None,
        RunState::Partial { reason } => Some(format!("the run is partial: {reason}")),
        RunState::Failed { reason } => Some(format!("the run failed: {reason}")),
        RunState::Stopped => Some("the run was stopped".to_owned()),
        RunState::WaitingForApproval => Some("the run waits for a person".to_owned()),
        RunState::Running => Some("the server stopped".to_owned()),
    };
    let count = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    let spent = record.spent;
    missed.map_or_else(
        || {
            Ok(ReportedUsage {
                prompt_tokens: count(spent.prompt_tokens),
                completion_tokens: count(spent.output_tokens),
                cached_tokens: Some(count(spent.cached_tokens)),
            })
        },
        Err,
    )
}
