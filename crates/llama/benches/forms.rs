//! Cost of constrained decoding: of masks alone, and in an engine that computes them while the
//! model computes logits.
//!
//! `cargo bench -p harmonic-llama --bench forms -- MODEL.gguf [THREADS] [LEVEL…]` prints the time
//! of a mask without overlap, then a line of JSON per level: output tokens per second of free
//! answers and of answers under a schema, measured alternately, with the same number of tokens.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark program")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::future::join_all;
use harmonic_engine::chat::Vocabulary;
use harmonic_engine::constraint::Grammars;
use harmonic_engine::sampling::Sampler;
use harmonic_engine::{Engine, Identity, Local, LocalConfig, ServedAgent};
use harmonic_events::EventStream;
use harmonic_llama::{LlamaSetup, Model, spawn};
use harmonic_types::{
    AgentName, AgentSpec, Attention, Bytes, Format, KvLayout, KvType, Message, Request, RequestId,
    Role, Sampling, Tier, Tokens,
};

const OUTPUT: u32 = 96;
const CONTEXT: u32 = 256;
const TRIALS: usize = 5;
const MASKS: u32 = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo bench` adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(path) = words.next().map(PathBuf::from) else {
        println!("usage: forms MODEL.gguf [THREADS] [LEVEL…]");
        return;
    };
    let mut numbers = words.map(|word| word.parse::<u32>().expect("a number"));
    let threads = numbers.next().unwrap_or(2);
    let levels: Vec<u32> = numbers.collect();
    alone(&path);
    for level in if levels.is_empty() { vec![1, 8, 32] } else { levels } {
        let engine = start(&path, threads, level);
        let mut trials = [Vec::new(), Vec::new()];
        // The first round warms up the prefixes and the compiler.
        for round in 0..=TRIALS {
            for (trials, format) in trials.iter_mut().zip([None, Some(endless())]) {
                let rate = trial(&engine, level, round, format.as_ref()).await;
                if round > 0 {
                    trials.push(rate);
                }
            }
        }
        let [free, formed] = trials.map(|mut trials| {
            trials.sort_by(f64::total_cmp);
            trials[TRIALS / 2]
        });
        let step = |rate: f64| f64::from(level) / rate * 1e3;
        println!(
            r#"{{"parallel":{level},"threads":{threads},"free_tok_s":{free:.1},"formed_tok_s":{formed:.1},"ratio":{:.3},"step_ms":[{:.2},{:.2}]}}"#,
            formed / free,
            step(free),
            step(formed),
        );
    }
}

/// A schema whose answers are longer than a trial.
fn endless() -> Format {
    let people = r#"{"type":"array","minItems":500,"items":{"type":"object","properties":{
        "name":{"type":"string"},"age":{"type":"integer"},"retired":{"type":"boolean"}},
        "required":["name","age","retired"],"additionalProperties":false}}"#;
    Format::JsonSchema(people.to_owned())
}

/// Measures masks without overlap.
fn alone(path: &Path) {
    let model = Model::load(path).expect("loads");
    let started = Instant::now();
    let grammars = Grammars::new("model", &model).expect("a vocabulary");
    let read = started.elapsed();
    let started = Instant::now();
    let constraint = grammars.compile(&endless()).expect("a schema");
    let compiled = started.elapsed();
    let mut noise = fastrand::Rng::with_seed(1);
    let logits: Vec<f32> = (0..model.size()).map(|_| noise.f32() * 20.0).collect();
    let time = |mut sampler: Sampler| {
        let started = Instant::now();
        for _ in 0..MASKS {
            let choice = sampler.choose(&logits).expect("a choice");
            assert_eq!(choice.failure, None);
        }
        started.elapsed() / MASKS
    };
    let formed = time(Sampler::new(Sampling::default(), 1).with_constraint(constraint));
    let free = time(Sampler::new(Sampling::default(), 1));
    println!(
        r#"{{"vocabulary":{},"read_ms":{},"compile_ms":{},"choose_us":{},"choose_with_mask_us":{}}}"#,
        model.size(),
        read.as_millis(),
        compiled.as_millis(),
        free.as_micros(),
        formed.as_micros(),
    );
}

fn start(path: &Path, threads: u32, level: u32) -> Local {
    let agent = ServedAgent {
        larger: None,
        spec: AgentSpec {
            name: AgentName::from("agent"),
            tier: Tier::Specialists,
            model: "model".to_owned(),
            context: Tokens(CONTEXT),
            min_context: None,
            role: "answers".to_owned(),
            system: "You answer every question with a list of people in JSON.".to_owned(),
            sampling: Sampling::default(),
            thinking: false,
        },
        slots: level,
        context: Tokens(CONTEXT),
    };
    let config = LocalConfig {
        id: "forms".to_owned(),
        model: "model".to_owned(),
        kind: "bench".to_owned(),
        identity: Identity::default(),
        agents: vec![agent],
        threads,
        sequences: level,
        kv_tokens: u64::from(level * CONTEXT),
        max_in_flight: level,
        quota_total: level,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        // 30 layers × 3 KV heads × 64 × 2 × 2 bytes.
        token_bytes: Bytes(23_040),
        prefix_bytes: Bytes(64 << 20),
        preempted_bytes: Bytes(64 << 20),
        queue_limit: 256,
        form_trial: None,
        events: EventStream::default(),
    };
    let setup = LlamaSetup {
        id: config.id.clone(),
        path: path.to_owned(),
        threads,
        sequences: level,
        kv_tokens: config.kv_tokens,
        kv_layout: KvLayout::Streams,
        kv_type: KvType::F16,
        attention: Attention::Plain,
        batch_tokens: 512,
    };
    spawn(setup, config).expect("the engine starts")
}

/// Output tokens per second of `level` answers of the same length.
async fn trial(engine: &Local, level: u32, round: usize, format: Option<&Format>) -> f64 {
    let started = Instant::now();
    let tokens = join_all((0..level).map(async |id| {
        let question = format!("List people {id} of round {round}.");
        let id = RequestId(id.into());
        let messages = vec![Message::new(Role::User, question)];
        let mut request = Request::new(id, AgentName::from("agent"), messages);
        request.max_tokens = Some(Tokens(OUTPUT));
        request.seed = Some(id.0);
        request.ignore_eos = format.is_none();
        request.format = format.cloned();
        let mut answer = engine.submit(request).await.expect("granted");
        let mut tokens = 0;
        while let Some(event) = answer.next().await {
            if let harmonic_types::Event::Finished { usage, .. } = event {
                tokens = usage.completion_tokens;
            }
        }
        tokens
    }))
    .await;
    f64::from(tokens.iter().sum::<u32>()) / started.elapsed().as_secs_f64()
}
