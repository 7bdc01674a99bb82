//! In-memory server of known TTFT, ITL and capacity, in tokio's (paused) time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use harmonic_bench::{
    ReportedUsage, RequestSpec, ResponseStream, StreamEvent, Target, TargetError,
};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Behaviour of the server.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Maximum number of running sequences; others are queued.
    pub slots: u32,
    /// Time from a slot to the first token.
    pub ttft: Duration,
    /// Time between tokens, with one sequence running.
    pub itl: Duration,
    /// Added to `itl` for each further running sequence.
    pub itl_slope: Duration,
    /// Number of running sequences above which each token takes three times as long.
    pub crowd: u32,
    /// Number of initial requests that take three times as long.
    pub cold: u64,
    /// Random deviation of a token, early or late, in whole milliseconds: tokio's timer has no finer
    /// resolution.
    pub noise_ms: u32,
    /// Period, in requests, of one that takes two seconds longer; 0 is never.
    pub stalls_every: u64,
    /// Tokens in one delta.
    pub tokens_per_delta: u32,
    /// Number of requests after which the server cannot be reached.
    pub dies_after: u64,
    /// Period, in requests, of one that is refused; 0 is never.
    pub refuses_every: u64,
    /// Cached prompt tokens reported.
    pub cached: Option<u32>,
    /// Tokens per response, independent of the request; `None` follows the request.
    pub own_length: Option<u32>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            slots: u32::MAX >> 4,
            ttft: Duration::from_millis(200),
            itl: Duration::from_millis(20),
            itl_slope: Duration::ZERO,
            crowd: u32::MAX,
            cold: 0,
            noise_ms: 0,
            stalls_every: 0,
            tokens_per_delta: 1,
            dies_after: u64::MAX,
            refuses_every: 0,
            cached: None,
            own_length: None,
        }
    }
}

#[derive(Debug)]
pub struct Server {
    shape: Shape,
    slots: Arc<Semaphore>,
    running: Arc<AtomicU32>,
    asked: AtomicU64,
    pub prompts: std::sync::Mutex<Vec<RequestSpec>>,
}

/// Prompt tokens of every request in addition to its words, each of which is one token.
pub const SYSTEM: u32 = 60;

impl Server {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            slots: Arc::new(Semaphore::new(shape.slots as usize)),
            running: Arc::default(),
            asked: AtomicU64::new(0),
            prompts: std::sync::Mutex::default(),
        }
    }

    /// Counter of running sequences.
    pub fn count(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.running)
    }

    pub fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }
}

/// Counts a sequence as running until it ends or is dropped.
struct Running(Arc<AtomicU32>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Target for Server {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn send(&self, request: RequestSpec) -> Result<ResponseStream, TargetError> {
        let shape = self.shape;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let wanted = shape.own_length.unwrap_or(request.output_tokens);
        let words = u32::try_from(request.prompt.split(' ').count()).unwrap();
        self.prompts.lock().unwrap().push(request);
        if number > shape.dies_after {
            let message = "connection refused".to_owned();
            return Err(TargetError::Unreachable { target: self.name(), message });
        }
        if shape.refuses_every > 0 && number.is_multiple_of(shape.refuses_every) {
            let message = "429: the queue is full".to_owned();
            return Err(TargetError::Refused { target: self.name(), message });
        }
        let (slots, running) = (Arc::clone(&self.slots), Arc::clone(&self.running));
        let granted = stream::once(async move {
            let slot = slots.acquire_owned().await.unwrap();
            running.fetch_add(1, Ordering::Relaxed);
            (slot, Running(running))
        });
        let stalls = shape.stalls_every > 0 && number.is_multiple_of(shape.stalls_every);
        let ttft = shape.ttft + Duration::from_secs(if stalls { 2 } else { 0 });
        let cold = number <= shape.cold;
        let mut rng = fastrand::Rng::with_seed(number);
        let answer = granted.flat_map(move |(slot, running)| {
            let mut rng = rng.fork();
            let deltas = wanted.div_ceil(shape.tokens_per_delta);
            stream::unfold((0, slot, running), move |(sent, slot, running)| {
                let late = Duration::from_millis(rng.u32(0..=2 * shape.noise_ms).into());
                async move {
                    if sent > deltas {
                        return None;
                    }
                    if sent == deltas {
                        let usage = ReportedUsage {
                            prompt_tokens: SYSTEM + words,
                            completion_tokens: wanted,
                            cached_tokens: shape.cached,
                        };
                        return Some((Ok(StreamEvent::Finished(usage)), (sent + 1, slot, running)));
                    }
                    let others = running.0.load(Ordering::Relaxed).saturating_sub(1);
                    let slow = if cold || others >= shape.crowd { 3 } else { 1 };
                    let early = Duration::from_millis(shape.noise_ms.into());
                    let itl = (shape.itl + late).saturating_sub(early);
                    let step = (itl + shape.itl_slope * others) * slow;
                    sleep(if sent == 0 { ttft } else { step * shape.tokens_per_delta }).await;
                    Some((Ok(StreamEvent::Output), (sent + 1, slot, running)))
                }
            })
        });
        Ok(answer.boxed())
    }
}
