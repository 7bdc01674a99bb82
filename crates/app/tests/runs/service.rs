//! The service through the library: create, watch, stop, resume, replay, limits.

use std::sync::Arc;

use futures::StreamExt;
use harmonic_api::runs::{AnswerLength, RunApproach, RunChange, RunMode};
use harmonic_app::runs::{NoTools, ServiceLimits};
use harmonic_gateway::{RunDelivery, RunOwner, Runs, RunsError};
use harmonic_journal::Limits;
use harmonic_orchestrator::{ApprovalId, Decision, RunEvent};
use harmonic_types::{RunBudget, RunRecord, RunState, TaskState};

use crate::support::{TOKENS, Team, ended, has_answer, new_run, nobody, rested, short, split};

async fn team(home: &std::path::Path) -> Team {
    Team::open(home, Arc::new(NoTools), ServiceLimits::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_run_answers_and_its_journal_tells_the_same_as_its_watcher() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let view = team.service.create_run(nobody(), new_run(short())).await.unwrap();
    let mut events = team.service.events(nobody(), view.id.clone(), Some(0)).await.unwrap();
    let (mut granted, mut texts, mut last) = (0, String::new(), None);
    while let Some(delivery) = events.next().await {
        let RunDelivery::Update(update) = delivery else { continue };
        assert!(last.is_none_or(|last| update.id == last + 1), "{update:?} after {last:?}");
        last = Some(update.id);
        match &update.change {
            RunChange::Granted { .. } => granted += 1,
            RunChange::Text { text, answer: true, .. } => texts.push_str(text),
            _ => {}
        }
    }
    let record = rested(&team.service, &nobody(), &view.id).await;
    assert!(has_answer(&record), "{record:?}");
    let done = record.tasks.iter().filter(|task| task.state == TaskState::Done).count();
    assert!(done >= 4, "three parts and the join: {:?}", record.tasks);
    assert!(granted >= 4, "{granted}");
    assert_eq!(record.tasks.last().unwrap().text.as_deref().unwrap().trim(), texts.trim());
    assert!(record.spent.output_tokens > 0 && record.spent.joules.is_none());
    let listed = team.service.list(nobody(), 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].state.clone()), (1, record.state.clone()));
    let text = team.service.artifact(nobody(), view.id.clone(), 1).await.unwrap();
    assert_eq!(Some(text), record.tasks[1].text);
}

/// By recipe, for which a client states no bounds of tasks.
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_an_exact_length_have_it() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let mut new = new_run(RunApproach::Recipe("split".to_owned()));
    new.request.budget.tokens = None;
    new.request.length = AnswerLength::Exactly(24);
    let run = team.service.create_run(nobody(), new.clone()).await.unwrap();
    let record = ended(&team.service, &nobody(), &run.id).await;
    assert_eq!(record.state, RunState::Done, "{record:?}");
    let tokens: Vec<u64> = record.tasks.iter().map(|task| task.spent.output_tokens).collect();
    assert_eq!(tokens, [24; 4], "three parts and a join");
    // Replayed and resumed runs have the same length, since it is in their journal.
    assert!(team.service.replay(nobody(), run.id).await.unwrap().same);

    new.request.length = AnswerLength::AtMost(40);
    let run = team.service.create_run(nobody(), new).await.unwrap();
    let record = ended(&team.service, &nobody(), &run.id).await;
    assert!(record.tasks.iter().all(|task| (1..=40).contains(&task.spent.output_tokens)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_says_why_it_is_no_plan_of_a_small_model() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let auto = new_run(RunApproach::Mode(RunMode::Auto));
    let run = team.service.create_run(nobody(), auto).await.unwrap();
    let mut events = team.service.events(nobody(), run.id.clone(), Some(0)).await.unwrap();
    let mut notes = String::new();
    while let Some(delivery) = events.next().await {
        if let RunDelivery::Update(update) = delivery
            && let RunChange::Run(RunEvent::Note { text }) = &update.change
        {
            notes.push_str(text);
        }
    }
    assert!(notes.contains("`split`") && notes.contains("135 million"), "{notes}");
    assert_eq!(ended(&team.service, &nobody(), &run.id).await.origin, "recipe:split");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_another_key_does_not_exist() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let (ada, eve) = (RunOwner(Some("ada".into())), RunOwner(Some("eve".into())));
    let run = team.service.create_run(ada.clone(), new_run(split())).await.unwrap();
    let service = &team.service;
    let unknown = |error: RunsError| assert_eq!(error, RunsError::unknown_run(run.id.0.as_str()));
    for round in 0..2 {
        for other in [eve.clone(), nobody()] {
            let id = || run.id.clone();
            unknown(service.show(other.clone(), id()).await.unwrap_err());
            unknown(service.events(other.clone(), id(), None).await.err().unwrap());
            unknown(service.approvals(other.clone(), id()).await.unwrap_err());
            let (one, yes) = (ApprovalId(1), Decision::Approved);
            unknown(service.decide(other.clone(), id(), one, yes, true).await.unwrap_err());
            unknown(service.stop(other.clone(), id()).await.unwrap_err());
            unknown(service.resume(other.clone(), id()).await.unwrap_err());
            unknown(service.artifact(other.clone(), id(), 0).await.unwrap_err());
            unknown(service.replay(other.clone(), id()).await.unwrap_err());
            unknown(service.remove(other.clone(), id()).await.unwrap_err());
            assert_eq!(service.list(other, 10).await.unwrap(), []);
        }
        // While it runs, and after it has ended.
        let record = ended(service, &ada, &run.id).await;
        assert!(has_answer(&record), "round {round}: {record:?}");
    }
    service.remove(ada.clone(), run.id.clone()).await.unwrap();
    unknown(service.show(ada, run.id.clone()).await.unwrap_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_goes_on_and_ends_as_an_undisturbed_one() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let service = &team.service;
    let undisturbed = service.create_run(nobody(), new_run(short())).await.unwrap();
    let expected = ended(service, &nobody(), &undisturbed.id).await;
    let run = service.create_run(nobody(), new_run(short())).await.unwrap();
    let mut events = service.events(nobody(), run.id.clone(), Some(0)).await.unwrap();
    while let Some(delivery) = events.next().await {
        let RunDelivery::Update(update) = delivery else { continue };
        if matches!(update.change, RunChange::CallEnded { .. }) {
            break;
        }
    }
    let stopped = service.stop(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(stopped.state, RunState::Stopped);
    // A server that starts lets it rest.
    assert_eq!(service.recover().await, 0);
    service.resume(nobody(), run.id.clone()).await.unwrap();
    let record = ended(service, &nobody(), &run.id).await;
    assert_eq!((record.state, record.answer), (expected.state, expected.answer));
    let again = service.resume(nobody(), run.id.clone()).await.unwrap_err();
    assert!(matches!(again, RunsError::Conflict { .. }), "{again}");
    let again = service.stop(nobody(), run.id).await.unwrap_err();
    assert!(matches!(again, RunsError::Conflict { .. }), "{again}");
}

/// With bounds that are reached, and an interruption: what is replayed is what has happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_replays_to_the_last_figure_without_a_model() {
    let home = tempfile::tempdir().unwrap();
    let Team { service, deployment, .. } = team(home.path()).await;
    let budgets = [
        RunBudget::default(),
        RunBudget { tokens: Some(TOKENS), ..RunBudget::default() },
        RunBudget { tokens: Some(2_000), ..RunBudget::default() },
        RunBudget { time_ms: Some(30), ..RunBudget::default() },
    ];
    let mut records = Vec::new();
    for (at, budget) in budgets.into_iter().enumerate() {
        let mut new = new_run(if at == 0 { short() } else { split() });
        new.request.budget = budget;
        let run = service.create_run(nobody(), new).await.unwrap();
        if at < 2 {
            service.stop(nobody(), run.id.clone()).await.unwrap();
            service.resume(nobody(), run.id.clone()).await.unwrap();
        }
        records.push(ended(&service, &nobody(), &run.id).await);
    }
    let is_partial = |record: &&RunRecord| matches!(record.state, RunState::Partial { .. });
    assert!(records.iter().filter(is_partial).count() > 0, "{records:?}");
    deployment.drain(std::time::Duration::ZERO).await;
    for record in records {
        let replay = service.replay(nobody(), record.id.clone()).await.unwrap();
        assert_eq!(replay.difference, None);
        assert!(replay.same);
        assert_eq!((&replay.recorded, &replay.replayed), (&record, &record));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_takes_no_more_interrupts_the_run_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    // Room for the first entry, not for the answers.
    let journal = Limits { journal: 20 << 10, ..Limits::default() };
    let small = ServiceLimits { journal, ..ServiceLimits::default() };
    let team = Team::open(home.path(), Arc::new(NoTools), small).await;
    let mut long = new_run(split());
    long.request.budget.tokens = None;
    let run = team.service.create_run(nobody(), long).await.unwrap();
    let mut events = team.service.events(nobody(), run.id.clone(), None).await.unwrap();
    let mut told = Vec::new();
    while let Some(delivery) = events.next().await {
        if let RunDelivery::Update(update) = delivery {
            told.push(update.change.clone());
        }
    }
    if told.last() == Some(&RunChange::Run(RunEvent::State { state: RunState::Stopped })) {
        let record = team.service.show(nobody(), run.id.clone()).await.unwrap();
        assert_eq!(record.state, RunState::Stopped);
        let larger = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
        assert_eq!(larger.service.recover().await, 1);
        assert!(has_answer(&ended(&larger.service, &nobody(), &run.id).await));
    } else {
        panic!("the journal held all: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_the_limit_are_refused_with_a_time_for_a_retry() {
    let home = tempfile::tempdir().unwrap();
    let limits = ServiceLimits { open: 1, ..ServiceLimits::default() };
    let team = Team::open(home.path(), Arc::new(NoTools), limits).await;
    let run = team.service.create_run(nobody(), new_run(split())).await.unwrap();
    let full = team.service.create_run(nobody(), new_run(split())).await.unwrap_err();
    assert!(matches!(full, RunsError::Full { .. }), "{full}");
    team.service.remove(nobody(), run.id).await.unwrap();
    let next = team.service.create_run(nobody(), new_run(short())).await.unwrap();
    assert!(has_answer(&ended(&team.service, &nobody(), &next.id).await));
}

/// Many runs at once on one simulated engine: each ends, and no slot leaks.
#[tokio::test(flavor = "multi_thread")]
async fn many_runs_at_once_end_and_leave_no_request() {
    let home = tempfile::tempdir().unwrap();
    let team = team(home.path()).await;
    let starting = (0..24).map(|_| team.service.create_run(nobody(), new_run(short())));
    let runs = futures::future::try_join_all(starting).await.unwrap();
    for run in runs {
        assert!(has_answer(&ended(&team.service, &nobody(), &run.id).await));
    }
    team.idle().await;
}
