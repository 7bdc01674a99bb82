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
use harmonic_gateway::{Access, AgentCard, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_types::{Bytes, EnginePlan, Event, FinishReason, Plan};

use super::*;
use crate::deployment::Deployment;
use crate::engine_factory::{EngineFactory, Silent};
use crate::fixtures::{GB, ask, paper, plan};

/// Works until it is told to die.
struct Mortal {
    inner: SimMachine,
    dies: Arc<AtomicBool>,
}

impl Machine for Mortal {
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
        assert!(!self.dies.load(Ordering::Relaxed), "the machine is made to panic");
        self.inner.run(batch, samplers)
    }
}

/// Starts engines of which the first is mortal.
struct Hospital {
    device: Option<SharedDevice>,
    dies: Arc<AtomicBool>,
    /// Whether each new engine is healthy.
    heals: bool,
    starts: AtomicUsize,
    available: Option<Bytes>,
    /// Held by who does not want restarts to go on.
    door: Mutex<()>,
}

impl Hospital {
    fn new(dies: bool, heals: bool) -> Arc<Self> {
        Arc::new(Self {
            device: shared_device(&plan()),
            dies: Arc::new(AtomicBool::new(dies)),
            heals,
            starts: AtomicUsize::new(0),
            available: None,
            door: Mutex::new(()),
        })
    }
}

impl EngineFactory for Hospital {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let mut config = LocalConfig::of(plan, engine);
        let index = plan.engines.iter().position(|other| other.id == engine.id);
        config.device = self.device.as_ref().zip(index).map(|(device, index)| device.handle(index));
        let dies = if index == Some(0) {
            self.starts.fetch_add(1, Ordering::Relaxed);
            let _open = self.door.lock().unwrap();
            if self.heals {
                self.dies.store(false, Ordering::Relaxed);
            }
            Arc::clone(&self.dies)
        } else {
            Arc::default()
        };
        let paper = paper(engine.weights_bytes, engine.local().kv_type);
        let (sequences, kv_tokens) = (engine.sequences, engine.local().kv_tokens);
        let engine = Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
            let inner = SimMachine::new(paper, sequences, kv_tokens);
            thread.drive(Mortal { inner, dies }, &mut WallClock::default())
        })?;
        Ok(Arc::new(engine))
    }

    fn available(&self) -> Option<Bytes> {
        self.available
    }
}

async fn supervised(hospital: &Arc<Hospital>, limits: RestartLimits) -> Supervised {
    published(hospital, limits, EventStream::default()).await
}

/// The first engine of the plan, supervised; what happens to it goes to `events`.
async fn published(
    hospital: &Arc<Hospital>,
    limits: RestartLimits,
    events: EventStream,
) -> Supervised {
    let factory = Arc::clone(hospital) as Arc<dyn EngineFactory>;
    let start = Start::new(Arc::new(plan()), 0, factory, events);
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
    tokio::time::timeout(Duration::from_mins(1), reached).await.expect("it comes to that")
}

/// The last word, and how many events came before it.
async fn last_word(mut answer: Generation) -> (usize, Event) {
    let (mut count, mut last) = (0, None);
    while let Some(event) = answer.next().await {
        count += 1;
        last = Some(event);
    }
    (count, last.expect("every answer has a last word"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_comes_back_and_the_other_does_not_notice() {
    let hospital = Hospital::new(false, true);
    let starter: Arc<dyn EngineFactory> = Arc::clone(&hospital) as _;
    let deployment =
        Deployment::start(Arc::new(plan()), starter, Bytes(GB), &EventStream::default(), &Silent)
            .await
            .unwrap();
    let engines: Vec<Arc<dyn Engine>> = deployment.agents().map(|agent| agent.engine).collect();
    let [coder, analyst] = engines.as_slice() else { panic!("two agents") };

    let undisturbed = analyst.submit(ask("analyst", 400)).await.unwrap();
    let mut cut = coder.submit(ask("coder", 400)).await.unwrap();
    cut.next().await.expect("it runs");
    hospital.dies.store(true, Ordering::Relaxed);
    let (_, last) = last_word(cut).await;
    let Event::Failed { message } = last else { panic!("{last:?}") };
    assert!(message.contains("the machine is made to panic"), "{message}");

    // It may be back by the time that this machine comes to ask.
    if let Err(refused) = coder.submit(ask("coder", 1)).await {
        assert!(matches!(refused, Rejection::Restarting { .. }), "{refused}");
    }
    let (_, last) = last_word(undisturbed).await;
    let Event::Finished { reason, usage } = last else { panic!("{last:?}") };
    assert_eq!((reason, usage.completion_tokens), (FinishReason::Length, 400));

    until(coder.as_ref(), |health| *health == Health::Ready).await;
    assert_eq!(hospital.starts.load(Ordering::Relaxed), 2);
    let again = coder.submit(ask("coder", 3)).await.unwrap();
    assert!(matches!(last_word(again).await.1, Event::Finished { .. }));
    let drained = deployment.drain(Duration::from_mins(1)).await;
    assert_eq!(drained.len(), 2);
    assert_eq!(coder.status().health, Health::Stopped);
}

#[tokio::test]
async fn an_engine_that_dies_again_and_again_is_given_up() {
    let hospital = Hospital::new(true, false);
    let limits =
        RestartLimits { most: 3, pause: Duration::from_millis(1), ..RestartLimits::default() };
    let events = EventStream::default();
    let mut listener = events.listen(None).unwrap();
    listener.take().expect("the snapshot");
    let engine = published(&hospital, limits, events).await;
    // Reading the agent's prompt in advance is what it dies of.
    let health = until(
        &engine,
        |health| matches!(health, Health::Died { message } if message.contains("given up")),
    )
    .await;
    let Health::Died { message } = health else { panic!("{health:?}") };
    assert!(message.ends_with("given up after 3 deaths in 10 minutes"), "{message}");
    assert_eq!(hospital.starts.load(Ordering::Relaxed), 3);
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
    let hospital = Hospital::new(true, true);
    // The first start heals, so the sickness comes after it.
    let limits = RestartLimits { pause: Duration::from_hours(1), ..RestartLimits::default() };
    let engine = supervised(&hospital, limits).await;
    hospital.dies.store(true, Ordering::Relaxed);
    let refused = engine.submit(ask("coder", 100)).await;
    drop(refused);
    until(&engine, |health| matches!(health, Health::Restarting { .. })).await;
    let refused = engine.submit(ask("coder", 1)).await.unwrap_err();
    let Rejection::Restarting { retry_after, .. } = refused else { panic!("{refused}") };
    assert!(retry_after > Duration::from_mins(50), "{retry_after:?}");
    engine.drain(Duration::from_mins(1)).await;
    assert_eq!(engine.submit(ask("coder", 1)).await.unwrap_err(), Rejection::Draining);
    assert_eq!(engine.status().health, Health::Stopped);
    assert_eq!(hospital.starts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn memory_that_others_took_meanwhile_is_not_taken_back() {
    let Ok(mut hospital) = Arc::try_unwrap(Hospital::new(true, false)) else {
        panic!("one holder")
    };
    hospital.available = Some(Bytes(1_000_000));
    let hospital = Arc::new(hospital);
    let limits =
        RestartLimits { most: 2, pause: Duration::from_millis(1), ..RestartLimits::default() };
    let engine = supervised(&hospital, limits).await;
    let health = until(
        &engine,
        |health| matches!(health, Health::Died { message } if message.contains("given up")),
    )
    .await;
    let Health::Died { message } = health else { panic!("{health:?}") };
    assert!(message.contains("needs 2.1 MB of memory and 1.0 MB are available"), "{message}");
    assert_eq!(hospital.starts.load(Ordering::Relaxed), 1);
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

/// All that a client hears of a death: the error in its stream, then 503 and when to come back.
#[test]
fn a_death_as_seen_through_the_gateway() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (engines, clients) = (runtime(), runtime());
    let hospital = Hospital::new(false, true);
    let starter: Arc<dyn EngineFactory> = Arc::clone(&hospital) as _;
    let events = EventStream::default();
    let start = Deployment::start(Arc::new(plan()), starter, Bytes(GB), &events, &Silent);
    let deployment = engines.block_on(start).unwrap();
    let agents = deployment.agents().map(|agent| RegisteredAgent {
        name: agent.plan.name.clone(),
        role: String::new(),
        model: agent.plan.model.clone(),
        context: agent.plan.context,
        card: AgentCard::default(),
        engine: agent.engine,
    });
    let models = ModelRegistry::new(agents.collect()).unwrap();
    let listener = clients.block_on(bind(([127, 0, 0, 1], 0).into())).unwrap();
    let client = Client::new(&format!("http://{}", listener.address())).unwrap();
    let _server =
        clients.spawn(serve(listener, models, Access::default(), Config::default(), pending()));

    // Until this is let go, nothing is started.
    let door = hospital.door.lock().unwrap();
    clients.block_on(async {
        let mut cut = client.chat(&asks("coder", 400)).await.unwrap();
        cut.next().await.unwrap().unwrap();
        let undisturbed = client.chat(&asks("analyst", 400)).await.unwrap();
        hospital.dies.store(true, Ordering::Relaxed);
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
    drop(door);
    clients.block_on(async {
        while client.engines().await.unwrap().status != "ok" {}
        client.chat(&asks("coder", 1)).await.unwrap();
    });
    engines.block_on(deployment.drain(Duration::ZERO));
}
