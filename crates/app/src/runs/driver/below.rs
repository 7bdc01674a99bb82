//! Runs that are started from inside of this one.
//!
//! Invariants: what one of them may spend is reserved before it starts, and charged as it is spent;
//! none outlives this run's driver.

use harmonic_gateway::RunsError;
use harmonic_orchestrator::{Input, Lineage};
use harmonic_types::{Joules, RunBudget, RunId, RunSpent, RunState, Usage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Driver, is_final};
use crate::runs::new_run::refused;

/// Runs below that are open at once, at most.
const OPEN: usize = 8;

/// What a run gets from the one from inside of which it is started.
#[derive(Debug)]
pub(crate) struct Descent {
    pub(crate) lineage: Lineage,
    pub(crate) parent: ParentLink,
}

/// Link of a run to the one from inside of which it was started. Dropping it tells that one that this
/// one is no longer driven.
#[derive(Debug)]
pub(crate) struct ParentLink {
    parent: RunId,
    over: CancellationToken,
    spent: mpsc::UnboundedSender<RunSpent>,
    told: RunSpent,
}

impl ParentLink {
    /// Tells the parent what this run has spent in all; as many times as it has calls.
    pub(super) fn tell(&mut self, spent: RunSpent) {
        let more = RunSpent {
            prompt_tokens: spent.prompt_tokens.saturating_sub(self.told.prompt_tokens),
            cached_tokens: spent.cached_tokens.saturating_sub(self.told.cached_tokens),
            output_tokens: spent.output_tokens.saturating_sub(self.told.output_tokens),
            time_ms: 0,
            joules: spent.joules.map(|Joules(now)| {
                Joules(now - self.told.joules.map_or(0.0, |Joules(before)| before))
            }),
        };
        self.told = spent;
        // A parent that is gone has cancelled this run.
        let _ = self.spent.send(more);
    }

    /// Resolves with the cause when the parent is no longer driven.
    pub(super) async fn over(&self) -> String {
        self.over.cancelled().await;
        format!("the run {}, from inside of which it was started, is over or stopped", self.parent)
    }
}

impl Driver {
    /// Takes the run `run`, which is to start with `budget`, as one that is inside of this one.
    pub(super) fn adopt(
        &mut self,
        run: RunId,
        goal: &str,
        budget: RunBudget,
    ) -> Result<Descent, RunsError> {
        let parent = self.parts.run.spec().id.clone();
        let state = self.parts.run.state();
        if is_final(&state) || state == RunState::Stopped {
            return Err(RunsError::Conflict {
                message: format!(
                    "the run {parent} is over or stopped: nothing is started from inside of it"
                ),
            });
        }
        if self.children.len() >= OPEN {
            return Err(RunsError::Conflict {
                message: format!(
                    "{OPEN} runs are open that were started from inside of {parent}: wait for one"
                ),
            });
        }
        let lineage = self.parts.run.lineage_below();
        lineage.admits(&run, goal).map_err(|error| refused(&error))?;
        let tokens = self.parts.run.tokens_below(budget);
        self.pending.push_back(Input::StartedBelow { run: run.clone(), tokens });
        self.children.insert(run.clone());
        let (spent, mut reports) = mpsc::unbounded_channel();
        let inputs = self.sender.clone();
        self.tasks.spawn_beside(async move {
            while let Some(more) = reports.recv().await {
                let (usage, millijoules) = charged(more);
                let input = Input::SpentBelow { run: run.clone(), usage, millijoules };
                // The driver has ended, and with it the account.
                let _ = inputs.send(input).await;
            }
            let _ = inputs.send(Input::EndedBelow { run }).await;
        });
        let over = self.over.clone();
        let parent = ParentLink { parent, over, spent, told: RunSpent::default() };
        Ok(Descent { lineage, parent })
    }
}

/// What is charged for `spent`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
fn charged(spent: RunSpent) -> (Usage, Option<u64>) {
    let count = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    let usage = Usage {
        prompt_tokens: count(spent.prompt_tokens),
        cached_tokens: count(spent.cached_tokens),
        completion_tokens: count(spent.output_tokens),
    };
    (usage, spent.joules.map(|Joules(joules)| (joules * 1000.0).round() as u64))
}
