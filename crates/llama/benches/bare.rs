//! Bare decode loop: throughput of llama.cpp without scheduler, chat, or HTTP.
//!
//! `cargo bench -p harmonic-llama --bench bare -- MODEL.gguf [THREADS] [LEVEL…] [--prompt N]
//! [--output N] [--trials N] [--prefill]` prints a line of JSON per level: sequences of a prompt of
//! N tokens (50), then N decode steps (160) with greedy sampling. With `--prefill` the time of the
//! prompts counts too, as for clients of a server. A reference for `harmonic bench` and the servers
//! of `crates/harmonic/benches/peers`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark program")]

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

/// Tokens of one batch.
const BATCH: i32 = 512;

/// Settings of a run.
struct Protocol {
    threads: i32,
    /// Tokens of each prompt.
    prompt: i32,
    /// Decode steps.
    output: i32,
    trials: usize,
    /// Whether the time includes the prompts.
    prefill: bool,
}

fn main() {
    let mut protocol = Protocol { threads: 2, prompt: 50, output: 160, trials: 5, prefill: false };
    let (mut path, mut numbers) = (None, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|word| word.parse::<i32>().ok()).expect("a number");
        match word.as_str() {
            "--prompt" => protocol.prompt = number(),
            "--output" => protocol.output = number(),
            "--trials" => protocol.trials = usize::try_from(number()).expect("positive"),
            "--prefill" => protocol.prefill = true,
            // Added by `cargo bench`.
            "--bench" => {}
            _ if path.is_none() => path = Some(word),
            _ => numbers.push(word.parse::<i32>().expect("a number")),
        }
    }
    let Some(path) = path else {
        println!(
            "usage: bare MODEL.gguf [THREADS] [LEVEL…] [--prompt N] [--output N] [--trials N] [--prefill]"
        );
        return;
    };
    let mut numbers = numbers.into_iter();
    protocol.threads = numbers.next().unwrap_or(protocol.threads);
    let levels: Vec<i32> = numbers.collect();
    send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
    let backend = LlamaBackend::init().expect("the only one in this program");
    let model = LlamaModel::load_from_file(&backend, &path, &LlamaModelParams::default())
        .expect("a model file");
    // Warm-up: the first pass reads the weights from disk.
    trial(&backend, &model, &Protocol { output: 2, ..protocol }, 1);
    for level in if levels.is_empty() { vec![1, 8, 32] } else { levels } {
        let mut trials: Vec<f64> =
            (0..protocol.trials).map(|_| trial(&backend, &model, &protocol, level)).collect();
        trials.sort_by(f64::total_cmp);
        let [low, median, high] = [0, trials.len() / 2, trials.len() - 1].map(|at| trials[at]);
        println!(
            r#"{{"parallel":{level},"threads":{},"tok_s":{median:.1},"min":{low:.1},"max":{high:.1}}}"#,
            protocol.threads
        );
    }
}

/// Output tokens per second over all sequences.
fn trial(backend: &LlamaBackend, model: &LlamaModel, protocol: &Protocol, sequences: i32) -> f64 {
    let Protocol { threads, prompt, output, .. } = *protocol;
    let cells = u32::try_from(sequences * ((prompt + output + 255) / 256 * 256)).expect("positive");
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(u32::try_from(sequences).expect("positive"))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_kv_unified(false)
        .with_no_perf(true);
    let mut context = model.new_context(backend, params).expect("memory for a context");
    let mut batch = LlamaBatch::new(512, 1);
    let began = Instant::now();
    let mut last = prefill(&mut context, &mut batch, sequences, prompt);
    let prefilled = Instant::now();
    // The first token of each sequence came with its prompt.
    let steps = if protocol.prefill { output - 1 } else { output };
    for step in 0..steps {
        batch.clear();
        for (seq, token) in (0..).zip(&last) {
            batch.add(*token, prompt + step, &[seq], true).expect("room");
        }
        context.decode(&mut batch).expect("decodes");
        last = (0..sequences).map(|at| greedy(&context, at)).collect();
    }
    let counted = if protocol.prefill { began } else { prefilled };
    f64::from(output * sequences) / counted.elapsed().as_secs_f64()
}

/// Computes all prompts in full batches; returns the next token of each.
fn prefill(
    context: &mut LlamaContext<'_>,
    batch: &mut LlamaBatch<'_>,
    sequences: i32,
    prompt: i32,
) -> Vec<LlamaToken> {
    let mut following = Vec::new();
    let mut ends = Vec::new();
    batch.clear();
    for seq in 0..sequences {
        for at in 0..prompt {
            let token = LlamaToken(100 + (at * 37 + seq * 101) % 4000);
            let is_end = at + 1 == prompt;
            if is_end {
                ends.push(batch.n_tokens());
            }
            batch.add(token, at, &[seq], is_end).expect("room");
            if batch.n_tokens() == BATCH || (is_end && seq + 1 == sequences) {
                context.decode(batch).expect("decodes");
                following.extend(ends.drain(..).map(|at| greedy(context, at)));
                batch.clear();
            }
        }
    }
    following
}

/// The most likely token. Sixteen independent maxima, which compilers vectorise, so that the choice
/// does not affect the measurement.
fn greedy(context: &LlamaContext<'_>, at: i32) -> LlamaToken {
    let logits = context.get_logits_ith(at);
    let mut maxima = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = logits.as_chunks::<16>();
    for block in blocks {
        for (most, logit) in maxima.iter_mut().zip(block) {
            *most = if logit > most { *logit } else { *most };
        }
    }
    let best = maxima.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let place = (0..).zip(logits).find(|(_, logit)| **logit >= best);
    LlamaToken(place.expect("a vocabulary").0)
}
