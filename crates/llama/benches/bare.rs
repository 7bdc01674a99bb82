//! A bare decode loop: what llama.cpp gives without scheduler, chat, or HTTP.
//!
//! `cargo bench -p harmonic-llama --bench bare -- MODEL.gguf [THREADS] [LEVEL…]` prints one line of
//! JSON per level: sequences of a 50-token prompt, then 160 decode steps with a greedy choice.
//! `harmonic bench` is to be held against it.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for people who measure")]

use std::num::NonZeroU32;
use std::time::Instant;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

const PROMPT: i32 = 50;
const OUTPUT: i32 = 160;
const TRIALS: usize = 5;

fn main() {
    // `cargo bench` adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(path) = words.next() else {
        println!("usage: bare MODEL.gguf [THREADS] [LEVEL…]");
        return;
    };
    let mut numbers = words.map(|word| word.parse::<i32>().expect("a number"));
    let threads = numbers.next().unwrap_or(2);
    let levels: Vec<i32> = numbers.collect();
    send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
    let backend = LlamaBackend::init().expect("the only one in this program");
    let model = LlamaModel::load_from_file(&backend, &path, &LlamaModelParams::default())
        .expect("a model file");
    for level in if levels.is_empty() { vec![1, 8, 32] } else { levels } {
        let mut trials: Vec<f64> =
            (0..TRIALS).map(|_| trial(&backend, &model, threads, level)).collect();
        trials.sort_by(f64::total_cmp);
        let [low, median, high] = [0, TRIALS / 2, TRIALS - 1].map(|at| trials[at]);
        println!(
            r#"{{"parallel":{level},"threads":{threads},"tok_s":{median:.1},"min":{low:.1},"max":{high:.1}}}"#
        );
    }
}

/// Output tokens per second over all sequences, prefill not counted.
fn trial(backend: &LlamaBackend, model: &LlamaModel, threads: i32, sequences: i32) -> f64 {
    let cells = u32::try_from(sequences * 256).expect("positive");
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(u32::try_from(sequences).expect("positive"))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_kv_unified(false)
        .with_no_perf(true);
    let mut context = model.new_context(backend, params).expect("memory for a context");
    let mut batch = LlamaBatch::new(512, 1);
    let mut last = Vec::new();
    for seq in 0..sequences {
        batch.clear();
        for at in 0..PROMPT {
            let token = LlamaToken(100 + (at * 37 + seq * 101) % 4000);
            batch.add(token, at, &[seq], at + 1 == PROMPT).expect("room");
        }
        context.decode(&mut batch).expect("decodes");
        last.push(greedy(&context, PROMPT - 1));
    }
    let started = Instant::now();
    for step in 0..OUTPUT {
        batch.clear();
        for (seq, token) in (0..).zip(&last) {
            batch.add(*token, PROMPT + step, &[seq], true).expect("room");
        }
        context.decode(&mut batch).expect("decodes");
        last = (0..sequences).map(|at| greedy(&context, at)).collect();
    }
    f64::from(OUTPUT * sequences) / started.elapsed().as_secs_f64()
}

fn greedy(context: &LlamaContext<'_>, at: i32) -> LlamaToken {
    let logits = context.get_logits_ith(at).iter().zip(0..);
    let best = logits.max_by(|(a, _), (b, _)| a.total_cmp(b)).expect("a vocabulary");
    LlamaToken(best.1)
}
