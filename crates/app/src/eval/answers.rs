//! Answers of all sides to one item.
//!
//! Invariant: one agent answers until it has spent what the other sides have, in tokens and in
//! seconds, so that each comparison finds the answers that fit its budget.

use harmonic_api::Client;
use harmonic_api::runs::{CreateRun, RunMode};
use harmonic_eval::{Arm, Attempt, Cost, Grade, Item, ItemOutcome, is_within, read, run_seed};
use harmonic_orchestrator::AskPolicy;
use harmonic_types::{Equality, RunRecord, RunState};
use tokio_util::sync::CancellationToken;

use super::program::Programs;
use super::request::{EvalRequest, TeamRecipe};
use super::run::run;
use crate::error::Result;
use crate::settings::Settings;

/// Answers of one agent to an item, at most; as many as a vote may have.
const MOST: usize = 32;

/// Asks a server for answers.
pub(super) struct Answers<'a> {
    client: &'a Client,
    request: &'a EvalRequest,
    programs: Option<Programs>,
    stop: &'a CancellationToken,
}

impl<'a> Answers<'a> {
    /// Answers by the server of `client`.
    ///
    /// # Errors
    /// When programs are to be run and cannot be.
    pub(super) async fn new(
        client: &'a Client,
        request: &'a EvalRequest,
        settings: &Settings,
        stop: &'a CancellationToken,
    ) -> Result<Self> {
        let programs =
            if request.runs_programs() { Some(Programs::open(settings).await?) } else { None };
        Ok(Self { client, request, programs, stop })
    }

    /// The answers to `item`, the one at `index`; `None` where a stop was requested.
    ///
    /// # Errors
    /// When the server fails.
    pub(super) async fn of(&self, item: &Item, index: usize) -> Result<Option<ItemOutcome>> {
        let mut outcome = ItemOutcome { id: item.id.clone(), ..ItemOutcome::default() };
        // Whoever comes first pays for a prompt that caches hold afterwards: the sides take turns.
        if index % 2 == 1 {
            let Some(first) = self.answer(item, index, Arm::Solo, 0).await? else {
                return Ok(None);
            };
            outcome.solo.push(first);
        }
        for arm in self.request.arms.iter().copied().filter(|arm| *arm != Arm::Solo) {
            let Some(answer) = self.answer(item, index, arm, 0).await? else { return Ok(None) };
            outcome.others.insert(arm, answer);
        }
        while outcome.solo.len() < MOST && needs_more(&outcome) {
            let sample = outcome.solo.len();
            let answer = self.answer(item, index, Arm::Solo, sample).await?;
            let Some(answer) = answer else { return Ok(None) };
            outcome.solo.push(answer);
        }
        Ok(Some(outcome))
    }

    async fn answer(
        &self,
        item: &Item,
        index: usize,
        arm: Arm,
        sample: usize,
    ) -> Result<Option<Attempt>> {
        let seed = run_seed(self.request.seed, index, arm, sample);
        let Some(record) = run(&self.wanted(item, arm, seed), self.client, self.stop).await? else {
            return Ok(None);
        };
        let reading = read(item, record.answer.as_deref().unwrap_or_default());
        let is_right = match (&reading.grade, &self.programs) {
            (Grade::Right, _) => true,
            (Grade::Runs(program), Some(programs)) => programs.passes(program, self.stop).await?,
            (Grade::Wrong | Grade::Runs(_), _) => false,
        };
        // A program that the stop ended says nothing.
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        let is_cut = record.state != RunState::Done;
        Ok(Some(Attempt { key: reading.key, is_right, cost: cost(&record), is_cut }))
    }

    /// The run of `arm` for `item`.
    fn wanted(&self, item: &Item, arm: Arm, seed: u64) -> CreateRun {
        let wanted = CreateRun {
            goal: item.goal.clone(),
            brief: item.brief.clone(),
            // Nobody is there to answer.
            ask: Some(AskPolicy::Never),
            task_tokens: Some(self.request.max_tokens),
            seed: Some(seed),
            ..CreateRun::default()
        };
        match (arm, &self.request.recipe) {
            (Arm::Solo, _) => CreateRun { mode: Some(RunMode::Solo), ..wanted },
            (Arm::Vote, _) => CreateRun { recipe: Some(Arm::Vote.name().to_owned()), ..wanted },
            (Arm::Team, TeamRecipe::Builtin(name)) => {
                CreateRun { recipe: Some(name.clone()), ..wanted }
            }
            (Arm::Team, TeamRecipe::File { text, .. }) => {
                CreateRun { recipe_toml: Some(text.clone()), ..wanted }
            }
        }
    }
}

/// Whether one agent has answered too little for a comparison.
fn needs_more(outcome: &ItemOutcome) -> bool {
    let may_fit = |cost: &Cost| {
        let by = |equality| is_within(&outcome.solo, cost.of(equality), equality);
        Equality::ALL.into_iter().any(by)
    };
    outcome.solo.is_empty() || outcome.others.values().any(|answer| may_fit(&answer.cost))
}

fn cost(record: &RunRecord) -> Cost {
    let spent = record.spent;
    Cost {
        tokens: spent.prompt_tokens.saturating_add(spent.output_tokens),
        ms: spent.time_ms,
        joules: spent.joules,
    }
}
