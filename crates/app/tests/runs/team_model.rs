//! The team as a model: progress as reasoning, the answer as text, and the end with its client.

use std::sync::Arc;

use harmonic_app::runs::{NoTools, ServiceLimits, TeamEngine};
use harmonic_engine::Engine;
use harmonic_gateway::Runs;
use harmonic_types::{Event, FinishReason, Message, Rejection, Request, RequestId, Role, RunState};

use crate::support::{GOAL, Team, ended, has_answer, nobody, rested};

fn question(text: &str) -> Request {
    Request::new(RequestId(1), "team".into(), vec![Message::new(Role::User, text)])
}

async fn team(home: &std::path::Path) -> (Team, TeamEngine) {
    let team = Team::open(home, Arc::new(NoTools), ServiceLimits::default()).await;
    let engine = TeamEngine::auto(team.service.clone(), Arc::clone(&team.members));
    (team, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_to_the_team_is_answered_with_its_progress_first() {
    let home = tempfile::tempdir().unwrap();
    let (team, engine) = team(home.path()).await;
    let mut generation = engine.submit(question(GOAL)).await.unwrap();
    let (mut reasoning, mut text, mut end) = (String::new(), String::new(), None);
    while let Some(event) = generation.next().await {
        match event {
            Event::Reasoning { text: more } => {
                assert!(text.is_empty(), "reasoning comes before the answer");
                reasoning.push_str(&more);
            }
            Event::Text { text: more, .. } => text.push_str(&more),
            other => end = Some(other),
        }
    }
    let runs = team.service.list(nobody(), 10).await.unwrap();
    let record = rested(&team.service, &nobody(), &runs[0].id).await;
    assert!(has_answer(&record), "{record:?}");
    assert!(text.trim().starts_with(record.answer.as_deref().unwrap().trim()), "{text}");
    assert!(reasoning.contains("begins") && reasoning.contains("split"), "{reasoning}");
    let Some(Event::Finished { reason, usage }) = end else { panic!("{end:?}") };
    let is_whole = record.state == RunState::Done;
    assert_eq!(reason, if is_whole { FinishReason::Stop } else { FinishReason::Length });
    assert_eq!(u64::from(usage.completion_tokens), record.spent.output_tokens);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_its_run() {
    let home = tempfile::tempdir().unwrap();
    let (team, engine) = team(home.path()).await;
    let mut generation = engine.submit(question(GOAL)).await.unwrap();
    generation.next().await.unwrap();
    drop(generation);
    let runs = team.service.list(nobody(), 10).await.unwrap();
    let record = ended(&team.service, &nobody(), &runs[0].id).await;
    assert!(
        matches!(record.state, RunState::Partial { .. } | RunState::Failed { .. }),
        "{record:?}"
    );
    for (_, engine) in team.deployment.engines() {
        let status = engine.status();
        let busy = status.agents.iter().filter(|agent| agent.in_flight + agent.queued > 0);
        assert_eq!(busy.count(), 0, "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_team_cannot_do_is_refused_before_a_run_is_made() {
    let home = tempfile::tempdir().unwrap();
    let (team, engine) = team(home.path()).await;
    let assistant = Request::new(
        RequestId(1),
        "team".into(),
        vec![Message::new(Role::Assistant, "I spoke last.")],
    );
    assert!(matches!(engine.check(&assistant), Err(Rejection::Invalid { .. })));
    let capabilities = engine.capabilities();
    assert!(!capabilities.tools && !capabilities.logprobs && capabilities.generation);
    assert!(matches!(engine.submit(assistant).await, Err(Rejection::Invalid { .. })));
    assert_eq!(team.service.list(nobody(), 10).await.unwrap(), []);
}
