//! The team as a model: progress as reasoning, the answer as text, and the end with its client.

use std::sync::Arc;

use harmonic_app::runs::{NoTools, ServiceLimits, TeamEngine};
use harmonic_engine::Engine;
use harmonic_gateway::Runs;
use harmonic_types::{
    Event, FinishReason, Message, Rejection, Request, RequestId, Role, RunState, Tokens,
};

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
    team.idle().await;
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

/// The events of an answer: its text, what was streamed of it, and its end.
async fn answer(engine: &TeamEngine, request: Request) -> (String, FinishReason) {
    let mut generation = engine.submit(request).await.unwrap();
    let (mut text, mut end) = (String::new(), None);
    while let Some(event) = generation.next().await {
        match event {
            Event::Text { text: more, .. } => text.push_str(&more),
            Event::Finished { reason, .. } => end = Some(reason),
            Event::Reasoning { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    (text, end.unwrap())
}

/// Tokens of a text, as an agent counts them.
async fn tokens(team: &Team, text: &str) -> u32 {
    let executive = team.deployment.agents().next().unwrap();
    let count = |text| {
        let agent = executive.plan.name.clone();
        executive.engine.count_tokens(Request { agent, ..question(text) })
    };
    count(text).await.unwrap().0 - count("").await.unwrap().0
}

/// Whoever writes the answer: one agent, several of them, or a task that a check reads.
#[tokio::test(flavor = "multi_thread")]
async fn max_tokens_bound_the_answer_and_not_the_run() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let mut at_the_bound = 0;
    for recipe in ["split", "vote", "write-check"] {
        let engine = TeamEngine::recipe(recipe, team.service.clone(), Arc::clone(&team.members));
        for most in [1, 20, 100_000] {
            let request = Request { max_tokens: Some(Tokens(most)), ..question(GOAL) };
            let (text, reason) = answer(&engine, request).await;
            let tokens = tokens(&team, &text).await;
            assert!(0 < tokens && tokens <= most, "{recipe}: {text}");
            // A shorter one has ended by itself, unless something is missing.
            if tokens == most {
                assert_eq!(reason, FinishReason::Length, "{recipe}: {text}");
            }
            at_the_bound += u32::from(tokens == most);
        }
    }
    assert!(at_the_bound > 2, "{at_the_bound}");
}
