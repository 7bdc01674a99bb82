use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client, ClientError};
use harmonic_engine::clock::WallClock;
use harmonic_engine::sampling::Samplers;
use harmonic_engine::sim::{SimMachine, SimVocabulary};
use harmonic_engine::{
    Allocation, Batch, CacheOp, Local, LocalConfig, Machine, MachineError, Outcome, SharedDevice,
    shared_device,
};
use harmonic_events::{Delivery, EventStream, TeamEvent};
use harmonic_gateway::{Access, AgentInfo, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_types::{Bytes, EnginePlan, Event, FinishReason, Plan};

use super::*;
use crate::deployment::Deployment;
use crate::engine_factory::{EngineFactory, NoProgress};
use crate::fixtures::{GB, ask, paper, plan};

/// Machine that panics once `fails` is set.
struct FailingMachine {
    inner: SimMachine,
    fails: Arc<AtomicBool>,
}

impl Machine for FailingMachine {
    fn allocation(&self) -> Allocation {
        self.inner.allocation()
    }

    fn supports_partial_removal(&self) -> bool {
        self.inner.supports_partial_removal()
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        self.inner.cache(op)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        assert!(!self.fails.load(Ordering::Relaxed), "the machine is made to panic");
        self.inner.run(batch, samplers)
    }
}

/// Factory of engines of which the first can fail.
struct FlakyFactory {
    device: Option<SharedDevice>,
    fails: Arc<AtomicBool>,
    /// Whether a restart clears the fault.
    recovers: bool,
    starts: AtomicUsize,
    available: Option<Bytes>,
    /// Held by a test that blocks restarts.
    restart_gate: Mutex<()>,
}

impl FlakyFactory {
    fn new(fails: bool, recovers: bool) -> Arc<Self> {
        Arc::new(Self {
            device: shared_device(&plan()),
            fails: Arc::new(AtomicBool::new(fails)),
            recovers,
            starts: AtomicUsize::new(0),
            available: None,
            restart_gate: Mutex::new(()),
        })
    }
}

impl EngineFactory for FlakyFactory {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let mut config = LocalConfig::of(plan, engine, engine.local().unwrap());
        let index = plan.engines.iter().position(|other| other.id == engine.id);
        config.device = self.device.as_ref().zip(index).map(|(device, index)| device.handle(index));
        let fails = if index == Some(0) {
            self.starts.fetch_add(1, Ordering::Relaxed);
            let _open = self.restart_gate.lock().unwrap();
            if self.recovers {
                self.fails.store(false, Ordering::Relaxed);
            }
            Arc::clone(&self.fails)
        } else {
            Arc::default()
        };
        let paper = paper(engine.weights_bytes, engine.local().unwrap().kv_type);
        let (sequences, kv_tokens) = (engine.sequences, engine.local().unwrap().kv_tokens);
        let engine = Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
            let inner = SimMachine::new(paper, sequences, kv_tokens);
            thread.drive(FailingMachine { inner, fails }, &mut WallClock::default())
        })?;
        Ok(Arc::new(engine))
    }

    fn available(&self) -> Option<Bytes> {
        self.available
    }
}

async fn supervised(factory: &Arc<FlakyFactory>, limits: RestartLimits) -> Supervised {
    publishing(factory, limits, EventStream::default()).await
}

/// The first engine of the plan, supervised; its events go to `events`.
async fn publishing(
    factory: &Arc<FlakyFactory>,
    limits: RestartLimits,
    events: EventStream,
) -> Supervised {
    let factory = Arc::clone(factory) as Arc<dyn EngineFactory>;
    let start = EngineStarter::new(Arc::new(plan()), 0, factory, events);
    let engine = start.start().await.unwrap();
    Supervised::new(engine, start, limits, Duration::ZERO)
}

async fn until(engine: &dyn Engine, reached: impl Fn(&Health) -> bool) -> Health {
    let reached = async {
        loop {
            let health = engine.status().health;
            if reached(&health) {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reached).await.expect("the state is reached")
}

/// The number of events, and the last one.
async fn last_event(mut answer: Generation) -> (usize, Event) {
    let (mut count, mut last) = (0, None);
    while let Some(event) = answer.next().await {
        count += 1;
        last = Some(event);
    }
    (count, last.expect("every answer ends with an event"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_is_restarted_and_the_other_is_undisturbed() {
    let factory = FlakyFactory::new(false, true);
    let factory_handle: Arc<dyn EngineFactory> = Arc::clone(&factory) as _;
    let deployment = Deployment::start(
        Arc::new(plan()),
        factory_handle,
        Bytes(GB),
        &EventStream::default(),
        &NoProgress,
    )
    .await
    .unwrap();
    let engines: Vec<Arc<dyn Engine>> = deployment.agents().map(|agent| agent.engine).collect();
    let [coder, analyst] = engines.as_slice() else { panic!("two agents") };

    let undisturbed = analyst.submit(ask("analyst", 400)).await.unwrap();
    let mut cut = coder.submit(ask("coder", 400)).await.unwrap();
    cut.next().await.expect("it runs");
    factory.fails.store(true, Ordering::Relaxed);
    let (_, last) = last_event(cut).await;
    let Event::Failed { message } = last else { panic!("{last:?}") };
    assert!(message.contains("the machine is made to panic"), "{message}");

    // It may have been restarted by now.
    if let Err(refused) = coder.submit(ask("coder", 1)).await {
        assert!(matches!(refused, Rejection::Restarting { .. }), "{refused}");
    }
    let (_, last) = last_event(undisturbed).await;
    let Event::Finished { reason, usage } = last else { panic!("{last:?}") };
    assert_eq!((reason, usage.completion_tokens), (FinishReason::Length, 400));

    until(coder.as_ref(), |health| *health == Health::Ready).await;
    assert_eq!(factory.starts.load(Ordering::Relaxed), 2);
    let again = coder.submit(ask("coder", 3)).await.unwrap();
    assert!(matches!(last_event(again).await.1, Event::Finished { .. }));
    let drained = deployment.drain(Duration::from_mins(1)).await;
    assert_eq!(drained.len(), 2);
    assert_eq!(coder.status().health, Health::Stopped);
}

#[tokio::test]
async fn an_engine_that_keeps_dying_is_given_up() {
    let factory = FlakyFactory::new(true, false);
    let limits = RestartLimits {
        max_deaths: 3,
        initial_delay: Duration::from_millis(1),
        ..RestartLimits::default()
    };
    let events = EventStream::default();
    let mut listener = events.listen(None).unwrap();
    listener.take().expect("the snapshot");
    let engine = publishing(&factory, limits, events).await;
    // It dies while it computes the agent's prompt in advance.
    let health = until(
        &engine,
        |health| matches!(health, Health::Died { message } if message.contains("given up")),
    )
    .await;
    let Health::Died { message } = health else { panic!("{health:?}") };
    assert!(message.ends_with("given up after 3 deaths in 10 minutes"), "{message}");
    assert_eq!(factory.starts.load(Ordering::Relaxed), 3);
    let refused = engine.submit(ask("coder", 1)).await.unwrap_err();
    assert!(matches!(refused, Rejection::EngineDied { .. }), "{refused}");
    engine.drain(Duration::ZERO).await;
    assert_eq!(engine.status().health, Health::Stopped);
    let Some(Delivery::Events(records)) = listener.take() else { panic!("events") };
    let happened: Vec<_> = records
        .iter()
        .map(|record| match &record.event {
            TeamEvent::EngineDied { restart_in_ms: None, message, .. } => {
                assert!(message.contains("given up"), "{message}");
                "given up"
            }
            other => other.name(),
        })
        .collect();
    let life = ["engine_starting", "engine_ready", "engine_died"];
    let last = ["engine_starting", "engine_ready", "given up", "engine_stopped"];
    assert_eq!(happened, [&life[..], &life, &last].concat());
}

#[tokio::test]
async fn nothing_is_started_after_a_drain() {
    let factory = FlakyFactory::new(true, true);
    // The first start clears the fault, so it is set after it.
    let limits =
        RestartLimits { initial_delay: Duration::from_hours(1), ..RestartLimits::default() };
    let engine = supervised(&factory, limits).await;
    factory.fails.store(true, Ordering::Relaxed);
    let refused = engine.submit(ask("coder", 100)).await;
    drop(refused);
    until(&engine, |health| matches!(health, Health::Restarting { .. })).await;
    let refused = engine.submit(ask("coder", 1)).await.unwrap_err();
    let Rejection::Restarting { retry_after, .. } = refused else { panic!("{refused}") };
    assert!(retry_after > Duration::from_mins(50), "{retry_after:?}");
    engine.drain(Duration::from_mins(1)).await;
    assert_eq!(engine.submit(ask("coder", 1)).await.unwrap_err(), Rejection::Draining);
    assert_eq!(engine.status().health, Health::Stopped);
    assert_eq!(factory.starts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_engine_is_not_restarted_without_the_memory_it_needs() {
    let Ok(mut factory) = Arc::try_unwrap(FlakyFactory::new(true, false)) else {
        panic!("one owner")
    };
    factory.available = Some(Bytes(1_000_000));
    let factory = Arc::new(factory);
    let limits = RestartLimits {
        max_deaths: 2,
        initial_delay: Duration::from_millis(1),
        ..RestartLimits::default()
    };
    let engine = supervised(&factory, limits).await;
    let health = until(
        &engine,
        |health| matches!(health, Health::Died { message } if message.contains("given up")),
    )
    .await;
    let Health::Died { message } = health else { panic!("{health:?}") };
    assert!(message.contains("needs 2.1 MB of memory and 1.0 MB are available"), "{message}");
    assert_eq!(factory.starts.load(Ordering::Relaxed), 1);
}

fn asks(agent: &str, max_tokens: u32) -> ChatRequest {
    ChatRequest {
        model: agent.to_owned(),
        messages: vec![ChatMessage::new("user", "go")],
        max_tokens: Some(max_tokens),
        ignore_eos: Some(true),
        ..ChatRequest::default()
    }
}

/// What a client sees: an error in its stream, then 503 with a retry delay.
#[test]
fn a_death_as_seen_through_the_gateway() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (engines, clients) = (runtime(), runtime());
    let factory = FlakyFactory::new(false, true);
    let factory_handle: Arc<dyn EngineFactory> = Arc::clone(&factory) as _;
    let events = EventStream::default();
    let plan = Arc::new(plan());
    let start = Deployment::start(plan, factory_handle, Bytes(GB), &events, &NoProgress);
    let deployment = engines.block_on(start).unwrap();
    let agents = deployment.agents().map(|agent| RegisteredAgent {
        name: agent.plan.name.clone(),
        role: String::new(),
        model: agent.plan.model.clone(),
        context: agent.plan.context,
        info: AgentInfo::default(),
        engine: agent.engine,
        team: None,
    });
    let models = ModelRegistry::new(agents.collect()).unwrap();
    let listener = clients.block_on(bind(([127, 0, 0, 1], 0).into())).unwrap();
    let client = Client::new(&format!("http://{}", listener.address())).unwrap();
    let _server =
        clients.spawn(serve(listener, models, Access::default(), Config::default(), pending()));

    // No engine starts while this is held.
    let gate = factory.restart_gate.lock().unwrap();
    clients.block_on(async {
        let mut cut = client.chat(&asks("coder", 400)).await.unwrap();
        cut.next().await.unwrap().unwrap();
        let undisturbed = client.chat(&asks("analyst", 400)).await.unwrap();
        factory.fails.store(true, Ordering::Relaxed);
        let last = cut.map(|event| event.map(drop)).collect::<Vec<_>>().await.pop().unwrap();
        assert!(matches!(last, Err(ClientError::BrokenOff { .. })), "{last:?}");
        let refused = client.chat(&asks("coder", 1)).await.unwrap_err();
        let ClientError::Status { status: 503, retry_after: Some(after), .. } = refused else {
            panic!("{refused:?}");
        };
        assert!(after >= Duration::from_secs(1));
        while client.engines().await.unwrap().engines[0].state != "restarting" {}
        let events: Vec<_> = undisturbed.map(|event| event.expect("undisturbed")).collect().await;
        let used = events.iter().find_map(|event| match event {
            ChatEvent::Usage(usage) => Some(usage.completion_tokens),
            _ => None,
        });
        assert_eq!(used, Some(400));
    });
    drop(gate);
    clients.block_on(async {
        while client.engines().await.unwrap().status != "ok" {}
        client.chat(&asks("coder", 1)).await.unwrap();
    });
    engines.block_on(deployment.drain(Duration::ZERO));
}
