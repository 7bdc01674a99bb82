//! What becomes of the slots of a run's calls.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::{RunApproach, RunChange};
use harmonic_events::EventStream;
use harmonic_gateway::{RunDelivery, Runs};
use harmonic_types::{
    Message, Request, RequestId, Role, SpanKind, Task, TaskGraph, TaskSpan, Tokens, Work,
};
use tokio::task::JoinSet;

use crate::sim_factory::SimFactory;
use crate::support::{Setup, Team, ended, new_run, nobody};

fn question(id: u64, agent: &str) -> Request {
    let messages = vec![Message::new(Role::User, format!("question {id}"))];
    let request = Request::new(RequestId(id), agent.into(), messages);
    Request { ignore_eos: true, max_tokens: Some(Tokens(40)), ..request }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_preempted_says_so_and_goes_on() {
    use futures::StreamExt;

    let home = tempfile::tempdir().unwrap();
    let events = EventStream::default();
    let step = Duration::from_millis(1);
    let factory = Arc::new(SimFactory { step, ..SimFactory::quick(events.clone()) });
    let mut setup = Setup { factory, events, ..Setup::new(home.path()) };
    // One agent has all sequences, until the others want theirs.
    let agents = setup.plan.agents.len();
    setup.plan.max_in_flight = u32::try_from(agents).unwrap();
    let borrower = setup.plan.agents.iter().max_by_key(|agent| agent.tier).unwrap().name.clone();
    let team = Team::of(home.path(), setup).await;
    let tasks = (0..agents).map(|number| Task {
        title: format!("Task {number}"),
        work: Work::Ask { agent: borrower.clone(), instruction: format!("Tell story {number}.") },
        after: Vec::new(),
        max_tokens: Some(400),
    });
    let mut tasks: Vec<Task> = tasks.collect();
    let all = (0..u32::try_from(agents).unwrap()).map(harmonic_types::TaskIndex).collect();
    let work = Work::Ask { agent: borrower.clone(), instruction: "Sum up.".to_owned() };
    tasks.push(Task { title: "Join".to_owned(), work, after: all, max_tokens: Some(8) });
    let mut new = new_run(RunApproach::Plan(TaskGraph::new(tasks)));
    new.request.budget.tokens = None;
    let run = team.service.create_run(nobody(), new).await.unwrap();
    let mut updates = team.service.events(nobody(), run.id.clone(), Some(0)).await.unwrap();
    let (mut granted, mut preempted, mut resumed) = (0, 0, 0);
    let mut others = JoinSet::new();
    while let Some(delivery) = updates.next().await {
        let RunDelivery::Update(update) = delivery else { continue };
        match &update.change {
            RunChange::Granted { .. } if preempted > resumed => resumed += 1,
            RunChange::Granted { .. } => granted += 1,
            RunChange::Preempted { .. } => preempted += 1,
            _ => {}
        }
        if granted == agents && others.is_empty() {
            for (id, member) in (1..).zip(team.deployment.plan().agents.iter()) {
                if member.name != borrower {
                    let (_, engine) = team.deployment.engines().next().unwrap();
                    let asked = engine.submit(question(id, &member.name.0));
                    others.spawn(async move {
                        let mut generation = asked.await.unwrap();
                        while generation.next().await.is_some() {}
                    });
                }
            }
        }
    }
    others.join_all().await;
    assert!(preempted > 0 && resumed > 0, "{granted} {preempted} {resumed}");
    let record = ended(&team.service, &nobody(), &run.id).await;
    let spans: Vec<TaskSpan> =
        record.tasks.iter().flat_map(|task| task.spans.iter().copied()).collect();
    let of_kind = |kind| spans.iter().filter(|span| span.kind == kind).collect::<Vec<_>>();
    let lost = of_kind(SpanKind::Preempted);
    assert_eq!(lost.len(), preempted, "{spans:?}");
    for span in lost {
        assert!(span.ms() > 0 && span.slot.is_none(), "{span:?}");
        let goes_on = |other: &&TaskSpan| other.from_ms == span.to_ms && other.slot.is_some();
        assert!(spans.iter().any(|other| goes_on(&other)), "{spans:?}");
    }
    team.idle().await;
}
