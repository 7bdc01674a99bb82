use std::sync::Mutex;

use harmonic_engine::sim::spawn;
use harmonic_engine::{EngineError, Health, LocalConfig};
use harmonic_events::EventStream;
use harmonic_types::{EngineSpec, Event, FinishReason, KvLayout, Pooling, Rejection, Tokens};

use super::*;
use crate::engine_factory::NoProgress;
use crate::fixtures::{GB, ask, paper, plan};

/// Factory of simulated engines that keeps a handle on each, and fails or panics at a given engine.
#[derive(Default)]
struct Sims {
    started: Mutex<Vec<Arc<dyn Engine>>>,
    fails_at: Option<&'static str>,
    panics_at: Option<&'static str>,
    weights: Option<Bytes>,
}

impl EngineFactory for Sims {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        assert!(self.panics_at != Some(engine.id.as_str()), "out of luck");
        if self.fails_at == Some(engine.id.as_str()) {
            let (id, reason) = (engine.id.clone(), "no luck".to_owned());
            return Err(EngineError::Setup { id, reason });
        }
        let weights = self.weights.unwrap_or(Bytes(2_000_000));
        let paper = paper(weights, engine.local().kv_type);
        let started: Arc<dyn Engine> = Arc::new(spawn(LocalConfig::of(plan, engine), paper)?);
        self.started.lock().unwrap().push(Arc::clone(&started));
        Ok(started)
    }

    fn available(&self) -> Option<Bytes> {
        None
    }
}

async fn start(plan: Plan, sims: &Arc<Sims>) -> Result<Deployment, LaunchError> {
    let factory: Arc<dyn EngineFactory> = Arc::clone(sims) as _;
    Deployment::start(Arc::new(plan), factory, Bytes(GB), &EventStream::default(), &NoProgress)
        .await
}

fn health(sims: &Sims) -> Vec<Health> {
    sims.started.lock().unwrap().iter().map(|engine| engine.status().health).collect()
}

#[test]
fn embeddings_claim_none_of_the_sequences_of_other_engines() {
    let mut plan = plan();
    let in_streams = |plan: &mut Plan, pooling| {
        for (engine, pooling) in plan.engines.iter_mut().zip([None, pooling]) {
            let EngineSpec::Sim(local) = &mut engine.spec else { panic!("simulated") };
            (local.kv_layout, local.pooling) = (KvLayout::Streams, pooling);
        }
        LocalConfig::of(plan, &plan.engines[0])
    };
    let beside_text = in_streams(&mut plan, None);
    assert_eq!((beside_text.quota_total, beside_text.unowned), (2, 0), "two of four each");
    let beside_embeddings = in_streams(&mut plan, Some(Pooling::Mean));
    assert_eq!((beside_embeddings.quota_total, beside_embeddings.unowned), (2, 2));
    assert_eq!(LocalConfig::of(&plan, &plan.engines[1]).quota_total, plan.max_in_flight);
}

#[tokio::test]
async fn agents_answer_and_a_drain_lets_them_finish() {
    let sims = Arc::new(Sims::default());
    let deployment = start(plan(), &sims).await.unwrap();
    assert!(deployment.findings().is_empty(), "{:?}", deployment.findings());
    let names: Vec<_> = deployment.agents().map(|agent| agent.plan.name.0.clone()).collect();
    assert_eq!(names, ["coder", "analyst"]);

    let mut answers = Vec::new();
    for agent in deployment.agents() {
        let request = ask(&agent.plan.name.0, 30);
        answers.push(agent.engine.submit(request).await.unwrap());
    }
    let drained = deployment.drain(Duration::from_mins(1)).await;
    let ids: Vec<_> = drained.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["one", "two"]);
    assert!(drained.iter().all(|one| one.drained == Drained { finished: 1, cancelled: 0 }));
    for mut answer in answers {
        let mut last = None;
        while let Some(event) = answer.next().await {
            last = Some(event);
        }
        let Some(Event::Finished { reason, usage }) = last else { panic!("{last:?}") };
        assert_eq!((reason, usage.completion_tokens), (FinishReason::Length, 30));
    }
    let coder = deployment.agents().next().unwrap();
    let refused = coder.engine.submit(ask("coder", 1)).await.unwrap_err();
    assert_eq!(refused, Rejection::Draining);
}

#[tokio::test]
async fn a_failed_start_stops_what_was_started() {
    let sims = Arc::new(Sims { fails_at: Some("two"), ..Sims::default() });
    let error = start(plan(), &sims).await.unwrap_err();
    assert_eq!(error.to_string(), "the engine two for toy did not start");
    assert_eq!(health(&sims), [Health::Stopped]);
}

#[tokio::test]
async fn a_panic_in_a_start_is_an_error_and_stops_the_others() {
    let sims = Arc::new(Sims { panics_at: Some("two"), ..Sims::default() });
    let error = start(plan(), &sims).await.unwrap_err();
    assert!(error.to_string().ends_with("please report it: out of luck"), "{error}");
    assert_eq!(health(&sims), [Health::Stopped]);
}

#[tokio::test]
async fn a_plan_above_the_available_memory_starts_nothing() {
    let sims = Arc::new(Sims::default());
    let factory: Arc<dyn EngineFactory> = Arc::clone(&sims) as _;
    let available = Bytes(4_000_000);
    let error = Deployment::start(
        Arc::new(plan()),
        factory,
        available,
        &EventStream::default(),
        &NoProgress,
    )
    .await
    .unwrap_err();
    assert!(error.to_string().starts_with("the plan needs 4.3 MB of memory and 4.0 MB"), "{error}");
    assert!(health(&sims).is_empty());
}

#[tokio::test]
async fn an_allocation_above_its_line_is_a_finding() {
    let sims = Arc::new(Sims { weights: Some(Bytes(2_200_000)), ..Sims::default() });
    let deployment = start(plan(), &sims).await.unwrap();
    let messages: Vec<_> =
        deployment.findings().iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "one: weights take 2.2 MB, planned were 2.0 MB",
            "two: weights take 2.2 MB, planned were 2.0 MB",
        ]
    );
}

#[tokio::test]
async fn an_allocation_above_the_budget_is_undone() {
    let sims = Arc::new(Sims { weights: Some(Bytes(GB / 2)), ..Sims::default() });
    let error = start(plan(), &sims).await.unwrap_err();
    assert!(error.to_string().contains("allocated 1.0 GB, more than the budget of 1.0 GB"));
    assert_eq!(health(&sims), [Health::Stopped, Health::Stopped]);
}

#[tokio::test]
async fn plans_that_contradict_themselves_are_refused() {
    let refused = async |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        let sims = Arc::new(Sims::default());
        let error = start(plan, &sims).await.unwrap_err().to_string();
        assert!(health(&sims).is_empty());
        error
    };
    for (change, words) in [
        ((|plan| plan.engines.clear()) as fn(&mut Plan), "no engines"),
        (|plan| plan.engines[1].id = "one".to_owned(), "duplicate engine id `one`"),
        (|plan| plan.agents[1].name = "coder".into(), "duplicate agent name `coder`"),
        (
            |plan| plan.agents[1].engine = Some("three".to_owned()),
            "expected an engine that lists it",
        ),
        (|plan| plan.agents[1].engine = None, "expected an agent assigned to it"),
        (|plan| plan.agents[1].spec.name = "coder".into(), "`analyst` has the spec of `coder`"),
        (|plan| plan.max_in_flight = 0, "invalid max_in_flight `0`"),
        (|plan| plan.http_threads = Some(0), "invalid http_threads `0`: expected 1 to 4096"),
        (|plan| plan.agents[0].slots = 0, "`coder` has an invalid slots `0`: expected 1 to 256"),
        (|plan| plan.agents[0].slots = u32::MAX, "invalid slots `4294967295`"),
        (|plan| plan.agents[0].context = Tokens(0), "`coder` has an invalid context `0`"),
        (
            |plan| plan.agents[0].context = Tokens(u32::MAX),
            "invalid context `4294967295`: expected 1 to 1024",
        ),
        (|plan| plan.agents[0].spec.system = "a ".repeat(8192), "at least 1024 tokens"),
        (
            |plan| plan.engines[0].sequences = u32::MAX,
            "invalid sequences `4294967295`: expected 1 to 256",
        ),
        (|plan| plan.engines[0].kv_bytes = Bytes(u64::MAX), "more than its total_bytes, 2.1 MB"),
        (|plan| plan.total_bytes = Bytes(1), "the memory lines of the plan sum to more than"),
    ] {
        let error = refused(change).await;
        assert!(error.contains(words), "{error}");
    }
}
