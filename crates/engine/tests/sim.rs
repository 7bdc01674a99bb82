//! Conformance suite on the simulated machine, and tests that need a simulation.

mod cost_models;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use harmonic_admission::Tick;
use harmonic_engine::clock::VirtualClock;
use harmonic_engine::sampling::Samplers;
use harmonic_engine::scheduler::{Job, ScheduledAgent, SchedulerConfig};
use harmonic_engine::sim::{self, Arrival, RequestOutcome, SimMachine, SimVocabulary, simulate};
use harmonic_engine::{
    Allocation, Batch, CacheOp, Capabilities, Drained, Engine, Forms, Health, Identity, Local,
    LocalConfig, Machine, MachineError, Outcome, ServedAgent, Token, conformance,
};
use harmonic_events::EventStream;
use harmonic_perfmodel::step::{StepLoad, step_time};
use harmonic_types::{
    AgentName, AgentSpec, Bytes, ContentPart, Event, FinishReason, KvLayout, Media, Message,
    Prompt, Rejection, Request, RequestClass, RequestId, Role, Sampling, Tier, Tokens,
};

fn fast(config: LocalConfig) -> Arc<dyn Engine> {
    Arc::new(sim::spawn(config, cost_models::fast()).expect("a simulated engine starts"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_engine_conforms() {
    for kv_layout in [KvLayout::Streams, KvLayout::Unified] {
        let factory = |config| fast(LocalConfig { kv_layout, ..config });
        let differences = conformance::run(&factory).await;
        assert!(differences.is_empty(), "its logits depend on nothing but the sequence");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn siblings_share_what_they_begin_with() {
    for kv_layout in [KvLayout::Streams, KvLayout::Unified] {
        let factory = |config| -> Arc<dyn Engine> {
            let config = LocalConfig { kv_layout, ..config };
            let costs = cost_models::spark_with_small_cache();
            Arc::new(sim::spawn(config, costs).expect("a simulated engine starts"))
        };
        conformance::shared_prefixes(&factory).await;
    }
}

fn job(id: u64, prompt: i32, max_output: u32) -> Job {
    let prompt = (0..prompt).map(|at| Token(at % 200)).collect();
    let class = RequestClass::Interactive;
    Job { id: RequestId(id), agent: 0, class, prompt, shared_prefix: 0, max_output }
}

fn one_agent(slots: u32) -> SchedulerConfig {
    let agent = ScheduledAgent {
        larger: None,
        name: AgentName::from("only"),
        tier: Tier::Executive,
        slots,
        context: Tokens(2048),
    };
    SchedulerConfig::new(vec![agent], slots, u64::from(slots) * 2048)
}

/// Serves `requests` at once on `slots` slots; returns the last tick and all outcomes.
fn load(slots: u32, requests: u64) -> (Tick, BTreeMap<RequestId, RequestOutcome>) {
    let arrivals = (0..requests).map(|id| Arrival { at: Tick(id), job: job(id, 50, 100) });
    let served =
        simulate(one_agent(slots), cost_models::spark(), arrivals.collect()).expect("serves");
    let end = served.values().map(|served| match served {
        RequestOutcome::Completed { finished, .. } => *finished,
        RequestOutcome::Rejected(rejection) => panic!("{rejection}"),
    });
    (end.max().expect("at least one"), served)
}

#[test]
fn virtual_time_repeats_itself() {
    assert_eq!(load(8, 100), load(8, 100));
}

#[test]
fn a_single_stream_takes_the_time_of_its_steps() {
    let (end, served) = load(1, 1);
    let kv = |held: u32| cost_models::spark().kv.read(Tokens(held));
    let prefill = StepLoad { prefill_tokens: 50, decode_sequences: 0, kv_bytes: kv(50) };
    let decodes = (51..150).map(|held| StepLoad {
        prefill_tokens: 0,
        decode_sequences: 1,
        kv_bytes: kv(held),
    });
    let time = |load: StepLoad| {
        step_time(&cost_models::spark().machine, &cost_models::spark().weights, &load)
    };
    let expected: Duration = std::iter::once(prefill).chain(decodes).map(time).sum();
    assert_eq!(end, Tick::default() + expected);
    let RequestOutcome::Completed { usage, reason, first_token, .. } = &served[&RequestId(0)]
    else {
        panic!("rejected");
    };
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (50, 100));
    assert_eq!((*reason, *first_token), (FinishReason::Length, Tick::default() + time(prefill)));
}

/// In a pool of 400 cells, a snapshot of 300 tokens does not fit beside a sequence of 200:
/// restoring it for a prompt that shares 100 tokens would fail.
#[test]
fn a_pool_restores_only_what_it_has_cells_for() {
    let agent = ScheduledAgent {
        larger: None,
        name: AgentName::from("only"),
        tier: Tier::Executive,
        slots: 3,
        context: Tokens(400),
    };
    let mut config = SchedulerConfig::new(vec![agent], 3, 400);
    config.kv_layout = KvLayout::Unified;
    let job = |id: u64, shared: i32, own: i32, max_output: u32| Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt: (0..shared).chain(1000..1000 + own).map(|at| Token(at % 997)).collect(),
        shared_prefix: 0,
        max_output,
    };
    let arrive = |at, job| Arrival { at: Tick(at), job };
    let arrivals = vec![
        arrive(0, job(1, 300, 0, 2)),
        arrive(1_000_000_000_000, job(2, 0, 200, 60)),
        arrive(1_000_000_000_001, job(3, 100, 5, 20)),
        arrive(1_000_000_000_002, job(4, 100, 6, 20)),
    ];
    let served = simulate(config, cost_models::spark(), arrivals).expect("the machine never fails");
    for (id, served) in &served {
        assert!(matches!(served, RequestOutcome::Completed { .. }), "{id:?} {served:?}");
    }
    assert_eq!(served.len(), 4);
}

#[test]
fn more_slots_serve_the_same_load_sooner() {
    let ends: Vec<Tick> = [1, 4, 16].map(|slots| load(slots, 32).0).into();
    assert!(ends[0] > ends[1] && ends[1] > ends[2], "{ends:?}");
}

/// A machine that fails or panics after some steps.
struct Mortal {
    inner: SimMachine,
    steps_left: u32,
    panics: bool,
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
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 {
            assert!(!self.panics, "the machine is made to panic");
            return Err(MachineError::NoLogits);
        }
        self.inner.run(batch, samplers)
    }
}

/// Engine of one agent with one slot of 512 tokens.
fn only() -> LocalConfig {
    let agent = |name: &str| ServedAgent {
        larger: None,
        spec: AgentSpec {
            name: AgentName::from(name),
            tier: Tier::Executive,
            model: "sim".to_owned(),
            context: Tokens(512),
            min_context: None,
            role: String::new(),
            system: String::new(),
            sampling: Sampling::default(),
            thinking: false,
        },
        slots: 1,
        context: Tokens(512),
    };
    LocalConfig {
        id: "only".to_owned(),
        model: "sim".to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![agent("only")],
        threads: 1,
        sequences: 1,
        kv_tokens: 512,
        max_in_flight: 1,
        quota_total: 1,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(32 << 10),
        prefix_bytes: Bytes::ZERO,
        preempted_bytes: Bytes(64 << 20),
        queue_limit: 256,
        form_trial: None,
        events: EventStream::default(),
    }
}

async fn dies(panics: bool) -> String {
    let engine = Local::spawn(only(), Arc::new(SimVocabulary), move |thread| {
        let inner = SimMachine::new(cost_models::spark(), 1, 512);
        thread.drive(Mortal { inner, steps_left: 5, panics }, &mut VirtualClock::default())
    })
    .expect("it starts");
    let request = |id| {
        let messages = vec![Message::new(Role::User, "hello")];
        let mut request = Request::new(RequestId(id), AgentName::from("only"), messages);
        request.ignore_eos = true;
        request
    };
    let mut running = engine.submit(request(1)).await.expect("granted");
    let to_the_end = async {
        let mut last = None;
        while let Some(event) = running.next().await {
            last = Some(event);
        }
        last
    };
    let (last, queued) = tokio::join!(to_the_end, engine.submit(request(2)));
    assert!(matches!(last, Some(Event::Failed { .. })), "{last:?}");
    assert!(matches!(queued, Err(Rejection::EngineDied { .. })), "the queued one is rejected, too");
    let Err(Rejection::EngineDied { message, .. }) = engine.submit(request(3)).await else {
        panic!("a dead engine rejects requests");
    };
    assert!(matches!(engine.status().health, Health::Died { .. }));
    assert_eq!(engine.drain(Duration::ZERO).await, Drained::default());
    message
}

#[tokio::test]
async fn a_machine_that_fails_leaves_nobody_waiting() {
    assert!(dies(false).await.contains("no usable logits"));
}

#[tokio::test]
async fn a_machine_that_panics_leaves_nobody_waiting() {
    assert!(dies(true).await.contains("the machine is made to panic"));
}

/// White space has no lower bound, as a tokenizer may merge any amount of it, so it is tokenised.
#[tokio::test]
async fn no_more_than_sixteen_contexts_are_counted() {
    let engine = fast(only());
    let count = |blanks: usize| {
        let request = Request::new(RequestId(1), AgentName::from("only"), Vec::new());
        engine.count_tokens(Request { prompt: Prompt::Text(" ".repeat(blanks)), ..request })
    };
    assert_eq!(count(16 * 512).await.expect("counted"), Tokens(16 * 512));
    let refused = count(16 * 512 + 1).await.expect_err("more").to_string();
    assert!(refused.contains("8193 tokens") && refused.contains("shorten"), "{refused}");
}

#[tokio::test]
async fn what_a_local_engine_can_do_follows_from_its_memory_and_its_template() {
    let able = |config: LocalConfig| {
        let engine = fast(config);
        assert_eq!(engine.status().capabilities, engine.capabilities());
        engine.capabilities()
    };
    let parks = Capabilities {
        logprobs: true,
        forms: Forms::ALL,
        tools: true,
        strict_tools: true,
        exact_counts: true,
        preemption: true,
        ignore_eos: true,
        own_system_turn: true,
        ..Capabilities::TEXT
    };
    assert_eq!(able(only()), parks);
    let keeps = LocalConfig { prefix_bytes: Bytes(1), preempted_bytes: Bytes::ZERO, ..only() };
    assert_eq!(able(keeps), Capabilities { prefix_cache: true, preemption: false, ..parks });
}

/// Without the gateway, which rejects it first, the image would be ignored silently.
#[tokio::test]
async fn an_image_is_no_part_of_a_prompt() {
    let engine = fast(only());
    let image = ContentPart::Image(Media { media_type: None, base64: "AAAA".to_owned() });
    let messages = vec![Message::of_parts(Role::User, [ContentPart::text("look"), image])];
    let request = Request::new(RequestId(1), AgentName::from("only"), messages);
    let refused = engine.submit(request.clone()).await.expect_err("refused");
    assert_eq!(refused.to_string(), "the model of only accepts text only");
    assert_eq!(engine.check(&request), Err(refused));
    assert!(engine.count_tokens(request).await.is_err());
}
