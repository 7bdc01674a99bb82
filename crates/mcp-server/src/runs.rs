//! `run_team`, `run_status`, `run_result` and `run_stop`, and `ask_agent` from inside of a run.
//!
//! Invariant: a run that this server has started and that has not ended is known here, so that it can
//! be stopped when the client goes.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use harmonic_api::Client;
use harmonic_api::runs::{CreateRun, RunSummary};
use harmonic_app::run_choice::choose;
use harmonic_orchestrator::AskPolicy;
use harmonic_render::runs::{cost, state};
use harmonic_types::{AgentName, RunId, RunRecord, RunSpent, RunState, Task, TaskGraph, Work};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::json;

use crate::arguments::{AskAgent, RunTeam, TEXT, check_name, check_text};
use crate::ask;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::follow::follow;
use crate::reporter::Reporter;

/// Runs that this server has started and that have not ended, as far as it knows.
#[derive(Debug, Default)]
pub(crate) struct OpenRuns(Mutex<BTreeSet<RunId>>);

impl OpenRuns {
    fn add(&self, id: &RunId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
    }

    fn remove(&self, id: &RunId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// All of them, of which none is left.
    pub(crate) fn take(&self) -> BTreeSet<RunId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts a run, and waits for its end unless the arguments say otherwise. `ending` stops it. Not to be
/// dropped: a run may have been started that nobody knows then.
pub(crate) async fn run_team(
    client: &Client,
    arguments: RunTeam,
    open: &OpenRuns,
    reporter: &mut Reporter,
    ending: &Ending,
) -> Result<CallToolResult, Failure> {
    let RunTeam { goal, brief, recipe, budget, wait } = arguments;
    check_text("goal", &goal, TEXT)?;
    brief.as_deref().map_or(Ok(()), |brief| check_text("brief", brief, TEXT))?;
    recipe.as_deref().map_or(Ok(()), |recipe| check_name("recipe", recipe))?;
    let summary = start(client, CreateRun { goal, brief, recipe, budget, ..CreateRun::default() });
    let summary = summary.await?;
    open.add(&summary.id);
    if !wait.unwrap_or(true) && !ending.is_requested() {
        let text = format!(
            "Run {} goes on. run_status says how far it is, run_result its answer.",
            summary.id
        );
        return Ok(with_summary(vec![ContentBlock::text(text)], &summary));
    }
    Ok(result(&ended(client, &summary.id, open, reporter, ending).await?))
}

/// The answer of an agent as a run of one task, as [`run_team`].
pub(crate) async fn ask_within(
    client: &Client,
    arguments: AskAgent,
    open: &OpenRuns,
    reporter: &mut Reporter,
    ending: &Ending,
) -> Result<CallToolResult, Failure> {
    ask::check(&arguments)?;
    let AskAgent { agent, prompt, max_tokens } = arguments;
    let work = Work::Ask {
        agent: AgentName(agent.clone()),
        instruction: "Answer the question of the goal, and give the answer alone.".to_owned(),
    };
    let task = Task { title: "Answer".to_owned(), work, after: Vec::new(), max_tokens };
    let wanted = CreateRun {
        // Another goal than that of the run above, which may be asked word for word.
        goal: format!("Asked of the {agent}: {prompt}"),
        plan: Some(TaskGraph::new(vec![task])),
        ..CreateRun::default()
    };
    let id = start(client, wanted).await?.id;
    open.add(&id);
    let record = ended(client, &id, open, reporter, ending).await?;
    let (finish, note) = match &record.state {
        RunState::Done => ("stop", None),
        RunState::Partial { reason } => {
            ("length", Some(format!("the answer is partial: {reason}")))
        }
        other => return Err(Failure::new(format!("{agent} gave no answer: {}", state(other)))),
    };
    let RunSpent { prompt_tokens, cached_tokens, output_tokens, .. } = record.spent;
    let about = json!({
        "agent": agent, "finish_reason": finish, "run": id,
        "usage": {
            "prompt_tokens": prompt_tokens, "completion_tokens": output_tokens,
            "cached_tokens": cached_tokens,
        },
    });
    Ok(ask::answered(record.answer.unwrap_or_default(), note.as_deref(), about))
}

async fn start(client: &Client, wanted: CreateRun) -> Result<RunSummary, Failure> {
    // Nobody could be asked.
    Ok(client.create_run(&CreateRun { ask: Some(AskPolicy::Never), ..wanted }).await?)
}

/// Waits for the end of the run `id`, which `ending` stops.
async fn ended(
    client: &Client,
    id: &RunId,
    open: &OpenRuns,
    reporter: &mut Reporter,
    ending: &Ending,
) -> Result<RunRecord, Failure> {
    reporter.report(0, None, format!("run {id} begins")).await;
    let followed = tokio::select! {
        biased;
        () = ending.requested() => {
            // One that has ended meanwhile cannot be stopped any more.
            let stopped = client.stop_run(id).await;
            open.remove(id);
            let how = match stopped {
                Ok(_) => format!("`harmonic runs resume {id}` goes on"),
                Err(error) => error.to_string(),
            };
            return Err(Failure::new(format!("the run was stopped: {how}")));
        }
        followed = follow(client, id, reporter) => followed,
    };
    let record = followed.map_err(|error| {
        Failure::new(format!("the run {id} may go on, but was lost sight of: {error}"))
    })?;
    open.remove(id);
    Ok(record)
}

/// How far a run is.
pub(crate) async fn run_status(client: &Client, run: &str) -> Result<CallToolResult, Failure> {
    check_name("run", run)?;
    let id = choose(run, client).await?;
    let record = client.run(&id).await?;
    let approvals = client.run_approvals(&id).await?;
    let text = format!("Run {id}: {}; {}.", state(&record.state), cost(&record));
    let summary = RunSummary::of(&record, approvals.len());
    Ok(with_summary(vec![ContentBlock::text(text)], &summary))
}

/// The answer of a run that has ended.
pub(crate) async fn run_result(
    client: &Client,
    run: &str,
    open: &OpenRuns,
) -> Result<CallToolResult, Failure> {
    check_name("run", run)?;
    let id = choose(run, client).await?;
    let record = client.run(&id).await?;
    if matches!(record.state, RunState::Running | RunState::WaitingForApproval) {
        return Err(Failure::new(format!(
            "the run {id} has no answer yet ({}): ask again later, run_status says how far it is",
            state(&record.state)
        )));
    }
    open.remove(&id);
    Ok(result(&record))
}

/// Stops a run.
pub(crate) async fn run_stop(
    client: &Client,
    run: &str,
    open: &OpenRuns,
) -> Result<CallToolResult, Failure> {
    check_name("run", run)?;
    let id = choose(run, client).await?;
    let summary = client.stop_run(&id).await?;
    open.remove(&id);
    let text = match &summary.state {
        RunState::Stopped => format!("Run {id} was stopped. `harmonic runs resume {id}` goes on."),
        other => format!("Run {id} has ended before: {}.", state(other)),
    };
    Ok(with_summary(vec![ContentBlock::text(text)], &summary))
}

/// The result of a run that is at rest: the answer, and a line with its state and cost.
fn result(record: &RunRecord) -> CallToolResult {
    let line = format!("[Run {}: {}; {}.]", record.id, state(&record.state), cost(record));
    let answer = record.answer.clone().map(ContentBlock::text);
    let content = answer.into_iter().chain([ContentBlock::text(line)]).collect();
    let mut result = with_summary(content, &RunSummary::of(record, 0));
    let is_answered = matches!(record.state, RunState::Done | RunState::Partial { .. });
    result.is_error = Some(!is_answered);
    result
}

fn with_summary(content: Vec<ContentBlock>, summary: &RunSummary) -> CallToolResult {
    let mut result = CallToolResult::success(content);
    result.structured_content = serde_json::to_value(summary).ok();
    result
}
