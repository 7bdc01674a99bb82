//! Measurement of this machine's memory bandwidth, for the roof of an engine on the CPU.
//!
//! All threads sum their own buffers concurrently; the best of several rounds counts, because a
//! roof is the possible and not the usual rate.
//!
//! Invariants: the buffers together are far larger than the last-level cache; otherwise the figure
//! is absent.
//!
//! Does not do: measure a GPU's memory, or arithmetic (the benchmark derives that from a target's
//! prefill).

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use harmonic_types::{Bytes, BytesPerSecond};

use crate::host::Host;
use crate::sysroot::Sysroot;

/// Number of rounds, the best of which counts.
const ROUNDS: usize = 8;

/// Total size of the buffers as a multiple of the last-level cache.
const CACHE_MULTIPLE: u64 = 4;

/// Least total size of the buffers in bytes, also for an unknown cache.
const MIN_BUFFERS: u64 = 256 << 20;

/// Result of the probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeResult {
    /// Read bandwidth of all threads together.
    pub read_bandwidth: BytesPerSecond,
    /// Number of threads.
    pub threads: u32,
    /// Size of the last-level cache; zero if not stated.
    pub cache: Bytes,
}

/// Reads memory with `threads` threads for about a second; `None` if too little memory is free for
/// buffers that exceed the cache.
pub fn probe(threads: u32) -> Option<ProbeResult> {
    let root = Sysroot::default();
    let cache = last_level_cache(&root);
    let free = Host::read(&root).ok()?.available().0;
    let wanted = (cache * CACHE_MULTIPLE).max(MIN_BUFFERS);
    // At most half of the free memory, so that no memory of engines is swapped out.
    if wanted > free / 2 {
        return None;
    }
    let threads = threads.max(1);
    let words = usize::try_from(wanted / 8 / u64::from(threads)).ok()?.next_multiple_of(32);
    let best = best_round(threads, words)?;
    let bytes = words as f64 * 8.0 * f64::from(threads);
    let read_bandwidth = BytesPerSecond(bytes / best.as_secs_f64());
    Some(ProbeResult { read_bandwidth, threads, cache: Bytes(cache) })
}

/// The shortest time in which all threads read their buffers of `words` words.
fn best_round(threads: u32, words: usize) -> Option<Duration> {
    let barrier = Barrier::new(threads as usize);
    thread::scope(|scope| {
        let mut threads_of_round = Vec::new();
        for thread in 0..threads {
            let barrier = &barrier;
            threads_of_round.push(scope.spawn(move || {
                // Written, so that each page is allocated and not the shared zero page.
                let buffer: Vec<u64> = (0..words as u64).map(|at| at ^ u64::from(thread)).collect();
                let round = |_| {
                    barrier.wait();
                    let began = Instant::now();
                    black_box(sum(black_box(&buffer)));
                    (began, Instant::now())
                };
                (0..ROUNDS).map(round).collect::<Vec<_>>()
            }));
        }
        // From the first start to the last end over all threads: a thread that wakes late extends
        // the round.
        let rounds: Vec<Vec<(Instant, Instant)>> =
            threads_of_round.into_iter().map(|thread| thread.join().ok()).collect::<Option<_>>()?;
        let lasted = |round: usize| {
            let began = rounds.iter().map(|thread| thread[round].0).min()?;
            let ended = rounds.iter().map(|thread| thread[round].1).max()?;
            Some(ended.saturating_duration_since(began))
        };
        (0..ROUNDS).filter_map(lasted).min().filter(|best| !best.is_zero())
    })
}

/// The sum of all words of a buffer whose length is a multiple of 32.
///
/// Four streams are read in turn: a single one leaves a third of the bandwidth unused, because a
/// core then has too few cache misses outstanding.
fn sum(buffer: &[u64]) -> u64 {
    let (front, back) = buffer.split_at(buffer.len() / 2);
    let (first, second) = front.split_at(front.len() / 2);
    let (third, fourth) = back.split_at(back.len() / 2);
    let mut sums = [[0_u64; 8]; 4];
    let rows = first.chunks_exact(8).zip(second.chunks_exact(8));
    let rows = rows.zip(third.chunks_exact(8).zip(fourth.chunks_exact(8)));
    for ((a, b), (c, d)) in rows {
        for (sums, words) in sums.iter_mut().zip([a, b, c, d]) {
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum = sum.wrapping_add(*word);
            }
        }
    }
    sums.into_iter().flatten().fold(0, u64::wrapping_add)
}

/// Total bytes of all last-level caches, as a processor of several dies has one per die; 0 if not
/// stated.
fn last_level_cache(root: &Sysroot) -> u64 {
    const CPUS: &str = "/sys/devices/system/cpu";
    let text = |path: String| Some(root.read(&path).ok()??.trim().to_owned());
    let mut caches = BTreeMap::new();
    for cpu in root.list(CPUS).unwrap_or_default() {
        let folder = format!("{CPUS}/{cpu}/cache");
        for index in root.list(&folder).unwrap_or_default() {
            let file = |name: &str| text(format!("{folder}/{index}/{name}"));
            let level = file("level").and_then(|level| level.parse::<u32>().ok());
            if let (Some(level), Some(size), Some(shared)) =
                (level, file("size").and_then(|size| bytes(&size)), file("shared_cpu_list"))
            {
                // A cache is listed below each of its CPUs.
                caches.insert((level, shared), size);
            }
        }
    }
    let Some(last) = caches.keys().map(|(level, _)| *level).max() else { return 0 };
    caches.iter().filter(|((level, _), _)| *level == last).map(|(_, size)| size).sum()
}

/// Parses a size such as `32K` or `260M`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_caches_have_the_kernels_format() {
        assert_eq!(
            ["32K", "260M", "1G", "77", "x", "5KM"].map(bytes),
            [Some(32_768), Some(260 << 20), Some(1 << 30), Some(77), None, None,]
        );
    }

    #[test]
    fn caches_of_several_dies_are_added_and_each_counts_once() {
        let home = tempfile::tempdir().unwrap();
        for (cpu, shared) in [(0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3")] {
            for (index, level, size, of) in
                [(0, "1", "32K", cpu.to_string()), (3, "3", "32M", shared.to_owned())]
            {
                let folder = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
                let folder = home.path().join(folder);
                std::fs::create_dir_all(&folder).unwrap();
                for (file, text) in [("level", level), ("size", size), ("shared_cpu_list", &of)] {
                    std::fs::write(folder.join(file), text).unwrap();
                }
            }
        }
        assert_eq!(last_level_cache(&Sysroot::new(home.path())), 64 << 20);
        assert_eq!(last_level_cache(&Sysroot::new("/nonexistent")), 0);
    }

    #[test]
    fn every_word_is_read() {
        let buffer: Vec<u64> = (1..=96).collect();
        assert_eq!(sum(&buffer), 96 * 97 / 2);
        assert!(best_round(2, 1 << 16).is_some());
    }
}
