//! A server in memory, of known TTFT, ITL and capacity, in tokio's (paused) time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use harmonic_bench::{Answer, Arrival, Ask, Counted, Target, TargetError};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// How the server behaves.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Sequences that run at once; others wait in line.
    pub slots: u32,
    /// From a slot to the first token.
    pub ttft: Duration,
    /// Between tokens, with one sequence running.
    pub itl: Duration,
    /// Added to `itl` for each further sequence running.
    pub itl_slope: Duration,
    /// With more sequences than this running, each token takes three times as long.
    pub crowd: u32,
    /// The first so many requests take three times as long.
    pub cold: u64,
    /// A token comes up to so many milliseconds early or late, at random. Whole ones: tokio's timer
    /// has no finer.
    pub noise_ms: u32,
    /// Every so many requests, one takes two seconds longer; 0 is never.
    pub stalls_every: u64,
    /// Tokens in one delta.
    pub tokens_per_delta: u32,
    /// The server is gone once it has been sent this many requests.
    pub dies_after: u64,
    /// Every so many requests one is refused; 0 is never.
    pub refuses_every: u64,
    /// Prompt tokens it says were cached.
    pub cached: Option<u32>,
    /// Tokens per answer whatever was asked; `None` honours the request.
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
    pub prompts: std::sync::Mutex<Vec<Ask>>,
}

/// Prompt tokens of every request besides its words, each of which is one.
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

    /// What counts them.
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

    async fn ask(&self, ask: Ask) -> Result<Answer, TargetError> {
        let shape = self.shape;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let wanted = shape.own_length.unwrap_or(ask.output_tokens);
        let words = u32::try_from(ask.prompt.split(' ').count()).unwrap();
        self.prompts.lock().unwrap().push(ask);
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
        let mut dice = fastrand::Rng::with_seed(number);
        let answer = granted.flat_map(move |(slot, running)| {
            let mut dice = dice.fork();
            let deltas = wanted.div_ceil(shape.tokens_per_delta);
            stream::unfold((0, slot, running), move |(sent, slot, running)| {
                let late = Duration::from_millis(dice.u32(0..=2 * shape.noise_ms).into());
                async move {
                    if sent > deltas {
                        return None;
                    }
                    if sent == deltas {
                        let counted = Counted {
                            prompt: SYSTEM + words,
                            completion: wanted,
                            cached: shape.cached,
                        };
                        return Some((Ok(Arrival::Finished(counted)), (sent + 1, slot, running)));
                    }
                    let others = running.0.load(Ordering::Relaxed).saturating_sub(1);
                    let slow = if cold || others >= shape.crowd { 3 } else { 1 };
                    let early = Duration::from_millis(shape.noise_ms.into());
                    let itl = (shape.itl + late).saturating_sub(early);
                    let step = (itl + shape.itl_slope * others) * slow;
                    sleep(if sent == 0 { ttft } else { step * shape.tokens_per_delta }).await;
                    Some((Ok(Arrival::Output), (sent + 1, slot, running)))
                }
            })
        });
        Ok(answer.boxed())
    }
}
