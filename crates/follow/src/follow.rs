//! The events of a run, until its end.

use std::time::Duration;

use harmonic_api::runs::Verdict;
use harmonic_api::{Client, ClientError, RunNews};
use harmonic_app::followed_run::FollowedRun;
use harmonic_app::run_view::RunView;
use harmonic_orchestrator::{Approval, ApprovalId};
use harmonic_process::Stop;
use harmonic_render::{Printer, runs};
use harmonic_types::{RunId, RunRecord};
use tokio::time::interval;

use crate::error::FollowError;
use crate::keys::Keys;
use crate::stage::{Form, Stage};

/// Between two drawings while no event comes: the time goes on.
const REDRAW: Duration = Duration::from_secs(1);

/// How following a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The run has ended or was stopped; its record.
    Run(Box<RunRecord>),
    /// The user requested a stop; the run goes on.
    Interrupted,
}

/// Follows the run `id` until it ends, is stopped, or the user requests a stop. `approve` asks the
/// user the run's questions, where there is a terminal; `command` begins the command that answers
/// them elsewhere.
///
/// # Errors
/// When the server does not answer, or the output fails.
pub async fn follow(
    client: &Client,
    id: &RunId,
    printer: &Printer,
    form: Form,
    command: &str,
    stop: &Stop,
) -> Result<Ending, FollowError> {
    let stage = Stage::new(printer, form);
    let keys = (stage.is_live() && printer.is_interactive()).then(Keys::read);
    let keys = keys.and_then(Result::ok);
    let view = RunView::default();
    let mut follower = Follower { client, id, command, stage, view, keys, told: None };
    let ending = follower.run(stop).await;
    // The terminal is restored before the last lines.
    drop(follower.keys.take());
    match ending {
        Ok(Ending::Run(record)) => {
            follower.stage.end(record.answer.as_deref())?;
            Ok(Ending::Run(record))
        }
        other => {
            follower.stage.end(None)?;
            other
        }
    }
}

/// A run that is followed.
struct Follower<'a> {
    client: &'a Client,
    id: &'a RunId,
    command: &'a str,
    stage: Stage<'a>,
    view: RunView,
    keys: Option<Keys>,
    /// The question that was printed with the command that answers it.
    told: Option<ApprovalId>,
}

impl Follower<'_> {
    async fn run(&mut self, stop: &Stop) -> Result<Ending, FollowError> {
        let mut followed = FollowedRun::new(self.client, self.id);
        let mut redraw = interval(REDRAW);
        loop {
            let news = tokio::select! {
                () = stop.requested() => return Ok(Ending::Interrupted),
                news = followed.next(self.view.last_id()) => news?,
                key = key(self.keys.as_mut()), if self.question().is_some() => {
                    self.press(key).await?;
                    continue;
                }
                _ = redraw.tick() => {
                    let question = self.prompt();
                    self.stage.redraw(&self.view, question.as_deref());
                    continue;
                }
            };
            let Some(news) = news else {
                let record = self.client.run(self.id).await?;
                return Ok(Ending::Run(Box::new(record)));
            };
            self.apply(&news)?;
        }
    }

    fn apply(&mut self, news: &RunNews) -> Result<(), FollowError> {
        let lines = self.stage.lines(&self.view, news);
        let asked = self.question().map(|approval| approval.id);
        self.view.apply(news);
        if self.question().map(|approval| approval.id) != asked
            && let Some(keys) = &mut self.keys
        {
            keys.forget();
        }
        let question = self.prompt();
        self.stage.news(&self.view, news, &lines, question.as_deref())?;
        if self.keys.is_none()
            && let Some(approval) = self.view.approvals().last()
            && self.told != Some(approval.id)
        {
            self.told = Some(approval.id);
            let (command, id) = (self.command, self.id);
            self.stage
                .message(&format!("`{command} approve {id}` or `{command} deny {id}` answers"));
        }
        Ok(())
    }

    /// The question that a key answers.
    fn question(&self) -> Option<&Approval> {
        self.view.approvals().first().filter(|_| self.keys.is_some())
    }

    /// The line below the lanes; its end is cut off where the terminal is narrow.
    fn prompt(&self) -> Option<String> {
        self.question().map(|approval| format!("[y/n] {}", runs::question(approval)))
    }

    /// Answers the oldest question where `key` is an answer.
    async fn press(&mut self, key: u8) -> Result<(), FollowError> {
        let decision = match key {
            b'y' | b'Y' => Verdict::Approve,
            b'n' | b'N' => Verdict::Deny,
            _ => return Ok(()),
        };
        let Some(approval) = self.question().map(|approval| approval.id) else { return Ok(()) };
        match self.client.decide_run(self.id, approval, decision).await {
            Ok(_) => Ok(()),
            // Somebody else was faster, or this key may not.
            Err(ClientError::Status { message, .. }) => {
                self.stage.message(&message);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The next key; never, without a terminal.
async fn key(keys: Option<&mut Keys>) -> u8 {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}
