use std::sync::Mutex;

use harmonic_engine::sim::spawn;
use harmonic_engine::{EngineError, Health, LocalConfig};
use harmonic_events::EventStream;
use harmonic_types::{
    Attention, EngineProgram, EngineSpec, Event, FinishReason, KvLayout, KvType, Pooling,
    ProcessSpec, Rejection, RemoteDialect, RemoteSpec, Tokens,
};

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
        let paper = paper(weights, engine.local().unwrap().kv_type);
        let started: Arc<dyn Engine> =
            Arc::new(spawn(LocalConfig::of(plan, engine, engine.local().unwrap()), paper)?);
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
        LocalConfig::of(plan, &plan.engines[0], plan.engines[0].local().unwrap())
    };
    let beside_text = in_streams(&mut plan, None);
    assert_eq!((beside_text.quota_total, beside_text.unowned), (2, 0), "two of four each");
    let beside_embeddings = in_streams(&mut plan, Some(Pooling::Mean));
    assert_eq!((beside_embeddings.quota_total, beside_embeddings.unowned), (2, 2));
    assert_eq!(
        LocalConfig::of(&plan, &plan.engines[1], plan.engines[1].local().unwrap()).quota_total,
        plan.max_in_flight
    );
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
        (
            |plan| plan.agents[0].leaves_machine = true,
            "invalid leaves_machine of agent `coder`: expected false",
        ),
    ] {
        let error = refused(change).await;
        assert!(error.contains(words), "{error}");
    }
}

/// The first engine of the plan as a program of others.
fn on_a_program(plan: &mut Plan) -> &mut ProcessSpec {
    plan.engines[0].spec = EngineSpec::Process(ProcessSpec {
        program: EngineProgram::Ollama,
        executable: None,
        path: None,
        threads: 1,
        context: Tokens(512),
        kv_type: KvType::F16,
        attention: Attention::Flash,
    });
    let EngineSpec::Process(process) = &mut plan.engines[0].spec else { unreachable!() };
    process
}

/// The first engine of the plan as a server that already runs.
fn on_a_server(plan: &mut Plan) -> &mut RemoteSpec {
    let engine = &mut plan.engines[0];
    for bytes in [&mut engine.weights_bytes, &mut engine.kv_bytes, &mut engine.total_bytes] {
        *bytes = Bytes::ZERO;
    }
    engine.spec = EngineSpec::Remote(RemoteSpec {
        url: "https://example.org".to_owned(),
        dialect: RemoteDialect::OpenAi,
        key_env: None,
        model: "m".to_owned(),
        context: None,
        leaves_machine: true,
    });
    plan.agents[0].leaves_machine = true;
    let EngineSpec::Remote(remote) = &mut engine.spec else { unreachable!() };
    remote
}

#[test]
fn engines_outside_of_this_process_are_valid_as_planned() {
    let mut plan = plan();
    on_a_program(&mut plan);
    validate::check(&plan).unwrap();
    on_a_server(&mut plan);
    validate::check(&plan).unwrap();
}

#[test]
fn plans_that_contradict_their_programs_and_servers_are_refused() {
    for (change, words) in [
        (
            (|plan| on_a_program(plan).context = Tokens(1024)) as fn(&mut Plan),
            "invalid context of agent `coder`: expected 1024",
        ),
        (|plan| on_a_program(plan).threads = 0, "invalid threads `0`"),
        (|plan| on_a_program(plan).context = Tokens(u32::MAX), "invalid context of agent"),
        (
            |plan| {
                on_a_program(plan);
                plan.engines[0].prefix_bytes = Bytes(1);
            },
            "1 B of prefix_bytes: expected 0, as ollama has none",
        ),
        (|plan| on_a_server(plan).url = "ftp://x".to_owned(), "invalid scheme `ftp`"),
        (|plan| on_a_server(plan).url = "http://u:secret@x".to_owned(), "user or password"),
        (
            |plan| on_a_server(plan).url = "https://example.org/v1".to_owned(),
            "invalid url: expected `https://example.org`",
        ),
        (
            |plan| on_a_server(plan).url = "http://localhost".to_owned(),
            "invalid leaves_machine: expected false for `http://localhost`",
        ),
        (|plan| on_a_server(plan).key_env = Some("sk-secret".to_owned()), "not the key itself"),
        (|plan| on_a_server(plan).model = " ".to_owned(), "an empty model"),
        (|plan| on_a_server(plan).context = Some(Tokens(0)), "invalid context `0`"),
        (
            |plan| {
                on_a_server(plan);
                plan.agents[0].leaves_machine = false;
            },
            "invalid leaves_machine of agent `coder`: expected true",
        ),
        (
            |plan| {
                on_a_server(plan);
                plan.engines[0].total_bytes = Bytes(5);
            },
            "takes 5 B: expected 0",
        ),
    ] {
        let mut plan = plan();
        change(&mut plan);
        let error = validate::check(&plan).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("secret"), "{error}");
    }
}
