//! Cost of a step's sampling: llama.cpp's method, and this engine's on one thread and on two.
//!
//! `cargo bench -p harmonic-engine` prints the median over several steps, in microseconds a row.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark program")]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Instant;

use harmonic_engine::sampling::{Sampler, Samplers};
use harmonic_types::{RequestId, Sampling};

const ROWS: usize = 32;
const TRIALS: usize = 31;

fn main() {
    let settings = [
        ("temperature 0", Sampling { temperature: 0.0, ..Sampling::default() }),
        ("top-k 40, top-p 0.95", Sampling::default()),
        ("top-k 40, penalties", Sampling { repeat_penalty: 1.1, ..Sampling::default() }),
        ("top-p 0.95 of all", Sampling { top_k: 0, ..Sampling::default() }),
        (
            "min-p 0.05 of all",
            Sampling { top_k: 0, top_p: 1.0, min_p: 0.05, ..Sampling::default() },
        ),
        ("top-p 0.999 of all", Sampling { top_k: 0, top_p: 0.999, ..Sampling::default() }),
        (
            "no filter, very hot",
            Sampling { top_k: 0, top_p: 1.0, temperature: 9.0, ..Sampling::default() },
        ),
        ("no filter", Sampling { top_k: 0, top_p: 1.0, temperature: 1.0, ..Sampling::default() }),
    ];
    for vocabulary in [49_152, 262_144] {
        let rows = rows(vocabulary);
        let k = |limit: usize| {
            median(|| {
                for row in &rows {
                    black_box(stock(row, limit));
                }
            })
        };
        println!("{vocabulary} logits, stock, top 40 selected of all: {:8.1} us a row", k(40));
        println!(
            "{vocabulary} logits, stock, all sorted:             {:8.1} us a row",
            k(vocabulary)
        );
        for (name, settings) in &settings {
            let [one, two] = [1, 2].map(|threads| step(&rows, settings, threads, ROWS));
            println!(
                "{vocabulary} logits, {name:21} 1 thread {one:7.1}, 2 threads {two:7.1} us a row"
            );
        }
        for count in [4, 8, 16] {
            let [one, two] = [1, 2].map(|threads| step(&rows, &settings[1].1, threads, count));
            println!(
                "{vocabulary} logits, {count:2} rows:             1 thread {one:7.1}, 2 threads {two:7.1} us a row"
            );
        }
    }
}

/// Logits distributed like a model's: noise, and a few dozen likely tokens above it.
fn rows(vocabulary: usize) -> Vec<Vec<f32>> {
    let mut noise = fastrand::Rng::with_seed(1);
    let mut row = || {
        // A sum of uniform numbers is approximately normal.
        let mut normal = || (0..6).map(|_| noise.f32()).sum::<f32>() - 3.0;
        let mut row: Vec<f32> = (0..vocabulary).map(|_| 3.0 * normal()).collect();
        for rank in 0..48u8 {
            row[noise.usize(..vocabulary)] = 22.0 - f32::from(rank) / 4.0;
        }
        row
    };
    (0..ROWS).map(|_| row()).collect()
}

fn step(rows: &[Vec<f32>], settings: &Sampling, threads: usize, count: usize) -> f64 {
    let mut samplers = Samplers::with_threads(NonZeroUsize::new(threads).expect("positive"));
    for id in 0..count {
        let id = id as u64;
        samplers.insert(RequestId(id), Sampler::new(settings.clone(), id));
    }
    let step: Vec<_> =
        (0..).map(RequestId).zip(rows.iter().map(Vec::as_slice)).take(count).collect();
    median(|| {
        black_box(samplers.choose_all(&step));
    }) * ROWS as f64
        / count as f64
}

/// Microseconds a row.
fn median(mut work: impl FnMut()) -> f64 {
    let mut trials: Vec<f64> = (0..TRIALS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e6 / ROWS as f64
        })
        .collect();
    trials.sort_by(f64::total_cmp);
    trials[TRIALS / 2]
}

/// llama.cpp's chain: every token becomes a candidate, and the best `k` are selected, sorted,
/// filtered and drawn from.
fn stock(logits: &[f32], k: usize) -> u32 {
    let mut candidates: Vec<(u32, f32, f32)> =
        (0..).zip(logits).map(|(id, l)| (id, *l, 0.0)).collect();
    if k < candidates.len() {
        candidates.select_nth_unstable_by(k - 1, |a, b| b.1.total_cmp(&a.1));
        candidates.truncate(k);
    }
    candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
    let best = candidates[0].1;
    let mut total = 0.0;
    for candidate in &mut candidates {
        candidate.2 = ((candidate.1 - best) / 0.7).exp();
        total += candidate.2;
    }
    let mut left = 0.5 * total;
    for candidate in &candidates {
        left -= candidate.2;
        if left < 0.0 {
            return candidate.0;
        }
    }
    candidates[0].0
}
