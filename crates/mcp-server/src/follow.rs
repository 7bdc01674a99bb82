//! A run that a call waits for: its events as progress, until its end.

use std::collections::BTreeSet;
use std::time::Duration;

use harmonic_api::runs::RunChange;
use harmonic_api::{Client, RunNews};
use harmonic_app::followed_run::FollowedRun;
use harmonic_app::run_view::RunView;
use harmonic_orchestrator::{RunEvent, TaskId};
use harmonic_types::{RunId, RunRecord, TaskState, counted};
use tokio::time::{Instant, interval_at};

use crate::failure::Failure;
use crate::reporter::Reporter;

/// Between two reports while no task begins or ends: clients give up calls that say nothing.
const STILL: Duration = Duration::from_secs(5);

/// Follows the run `id` until it ends or is stopped. Dropping the future leaves it running.
pub(crate) async fn follow(
    client: &Client,
    id: &RunId,
    reporter: &mut Reporter,
) -> Result<RunRecord, Failure> {
    let (mut view, mut tasks) = (RunView::default(), Tasks::default());
    let mut followed = FollowedRun::new(client, id);
    let mut still = interval_at(Instant::now() + STILL, STILL);
    loop {
        let news = tokio::select! {
            news = followed.next(view.last_id()) => news?,
            _ = still.tick() => {
                reporter.report(tasks.steps(), total(&view), going_on(&view)).await;
                continue;
            }
        };
        let Some(news) = news else { return Ok(client.run(id).await?) };
        view.apply(&news);
        if let Some(message) = tasks.take(&news) {
            still.reset();
            reporter.report(tasks.steps(), total(&view), message).await;
        }
    }
}

/// Tasks that have begun, and those that have ended; each is a step.
#[derive(Debug, Default)]
struct Tasks {
    begun: BTreeSet<TaskId>,
    ended: BTreeSet<TaskId>,
}

impl Tasks {
    fn steps(&self) -> u32 {
        u32::try_from(self.begun.len() + self.ended.len()).unwrap_or(u32::MAX)
    }

    /// What of `news` is worth a report.
    fn take(&mut self, news: &RunNews) -> Option<String> {
        let RunNews::Update(update) = news else { return None };
        match &update.change {
            RunChange::Run(RunEvent::Task { task, title, agent, state, .. }) => {
                let by = agent.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
                let (is_new, verb) = match state {
                    TaskState::Running => (self.begun.insert(*task), "begins"),
                    TaskState::Done => (self.ended.insert(*task), "is done"),
                    TaskState::Failed => (self.ended.insert(*task), "has failed"),
                    TaskState::Skipped => (self.ended.insert(*task), "is left out"),
                    TaskState::Blocked | TaskState::WaitingForApproval => (false, ""),
                };
                is_new.then(|| format!("{title}{by} {verb}"))
            }
            RunChange::Run(RunEvent::Note { text }) => Some(text.clone()),
            _ => None,
        }
    }
}

fn going_on(view: &RunView) -> String {
    let titles: Vec<&str> = view.lanes().map(|(_, lane)| lane.title.as_str()).collect();
    let written: u64 = view.lanes().map(|(_, lane)| lane.output_tokens()).sum();
    match titles.as_slice() {
        [] => "the run goes on".to_owned(),
        titles => format!("{}: {} so far", titles.join(", "), counted(written, "token")),
    }
}

/// Steps of a run in all, where its graph is there: the beginnings and ends of its tasks.
fn total(view: &RunView) -> Option<u32> {
    let tasks = view.record()?.graph.as_ref()?.tasks.len();
    u32::try_from(2 * tasks).ok()
}
