//! Thread pool for work on untrusted input, whose size the client chooses and which would block an
//! async runtime for too long.
//!
//! Invariants: small jobs never wait for large ones, as each kind has its own thread; a queue is
//! ordered by deadline, which is arrival plus a time proportional to size, so that short jobs
//! overtake long ones and none starves; queued bytes are bounded; a cancelled job leaves the queue
//! at once, or sees its [`CancelFlag`] at its next check; a panic ends only its own job.
//!
//! Does not do: ending a running job by force. Long jobs must check their flag.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Deadline extension per byte of a job: a second per megabyte, more than any work here takes, so
/// that short jobs overtake long ones for a while.
const PER_BYTE: Duration = Duration::from_micros(1);
/// Stack size of each thread, in bytes, of which only the used part takes memory: llama.cpp splits
/// text with recursive regular expressions.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Nice value of the thread for large jobs: an engine's threads synchronise after each layer, and
/// would wait for the one whose core it occupies.
#[cfg(target_os = "linux")]
const LARGE_NICENESS: i32 = 10;

/// Cancellation flag of a job. Never set by `Default`.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Whether the job is cancelled.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns an error if the job is cancelled.
    ///
    /// # Errors
    /// [`JobCancelled`].
    pub fn check(&self) -> Result<(), JobCancelled> {
        if self.is_set() { Err(JobCancelled) } else { Ok(()) }
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A job ended early because it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job was cancelled")]
pub struct JobCancelled;

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{jobs} jobs of {bytes} bytes wait already")]
pub struct Full {
    /// Queued jobs.
    pub jobs: usize,
    /// Their total size.
    pub bytes: usize,
}

/// The job panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a thread panicked over it: this is a bug, please report it")]
pub struct Panicked;

/// A thread pool. When dropped, its threads end after the queued jobs.
#[derive(Debug)]
pub struct Workers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Largest size of a small job.
    small_bytes: usize,
    /// Limit on queued bytes per queue.
    waiting_bytes: usize,
    queues: Mutex<Queues>,
    arrived: [Condvar; 2],
    started: Instant,
}

#[derive(Debug, Default)]
struct Queues {
    by_kind: [JobQueue; 2],
    next: u64,
    closed: bool,
}

/// Queued jobs of one kind.
#[derive(Default)]
struct JobQueue {
    jobs: BTreeMap<QueueKey, (usize, Job)>,
    bytes: usize,
}

impl std::fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobQueue")
            .field("jobs", &self.jobs.len())
            .field("bytes", &self.bytes)
            .finish()
    }
}

/// Deadline, then arrival.
type QueueKey = (Duration, u64);
type Job = Box<dyn FnOnce() + Send>;

const SMALL: usize = 0;
const LARGE: usize = 1;

impl Workers {
    /// Starts the threads, named `name`. Jobs of up to `small_bytes` are small; each queue holds at
    /// most `waiting_bytes`.
    ///
    /// # Errors
    /// The error of starting a thread.
    pub fn start(name: &str, small_bytes: usize, waiting_bytes: usize) -> io::Result<Self> {
        let pool = Arc::new(Pool {
            small_bytes,
            waiting_bytes,
            queues: Mutex::default(),
            arrived: [Condvar::new(), Condvar::new()],
            started: Instant::now(),
        });
        let workers = Self(Arc::clone(&pool));
        for queue in [SMALL, LARGE] {
            let pool = Arc::clone(&pool);
            thread::Builder::new()
                .name(name.to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || pool.serve(queue))?;
        }
        Ok(workers)
    }

    /// Queues `work` on about `bytes` of input. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`Full`] if the queue is full.
    pub fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<Running<T>, Full> {
        let (done, result) = oneshot::channel();
        let cancelled = CancelFlag::default();
        let seen = cancelled.clone();
        let job = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&seen)));
            // The receiver may be gone.
            let _gone = done.send(result.map_err(|_| Panicked));
        });
        let queue = if bytes <= self.0.small_bytes { SMALL } else { LARGE };
        let key = self.0.queue(queue, bytes, job)?;
        Ok(Running { result, cancelled, pool: Arc::clone(&self.0), queue, key })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.arrived.iter().for_each(Condvar::notify_all);
    }
}

impl Pool {
    /// Locks the queues. No job runs under the lock, so they are consistent even after a panic.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, queue: usize, bytes: usize, job: Job) -> Result<QueueKey, Full> {
        let allowance = PER_BYTE * u32::try_from(bytes).unwrap_or(u32::MAX);
        let deadline = self.started.elapsed() + allowance;
        let mut queues = self.lock();
        let key = (deadline, queues.next);
        queues.next += 1;
        let waiting = &mut queues.by_kind[queue];
        // An empty queue accepts a job of any size.
        if waiting.bytes > 0 && waiting.bytes + bytes > self.waiting_bytes {
            return Err(Full { jobs: waiting.jobs.len(), bytes: waiting.bytes });
        }
        waiting.bytes += bytes;
        waiting.jobs.insert(key, (bytes, job));
        drop(queues);
        self.arrived[queue].notify_one();
        Ok(key)
    }

    /// Removes a job from the queue, unless it runs already.
    fn withdraw(&self, queue: usize, key: QueueKey) {
        let mut queues = self.lock();
        let waiting = &mut queues.by_kind[queue];
        let job = waiting.jobs.remove(&key);
        if let Some((bytes, _)) = &job {
            waiting.bytes -= bytes;
        }
        drop(queues);
        // Not under the lock: dropping a large job takes time.
        drop(job);
    }

    fn serve(&self, queue: usize) {
        if queue == LARGE {
            yield_to_others();
        }
        let mut queues = self.lock();
        loop {
            let waiting = &mut queues.by_kind[queue];
            if let Some((_, (bytes, job))) = waiting.jobs.pop_first() {
                waiting.bytes -= bytes;
                drop(queues);
                job();
                queues = self.lock();
            } else if queues.closed {
                return;
            } else {
                let woken = self.arrived[queue].wait(queues);
                queues = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn yield_to_others() {
    // On Linux this affects the calling thread only. If refused, the priority stays normal.
    let thread = rustix::thread::gettid();
    let _refused = rustix::process::setpriority_process(Some(thread), LARGE_NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

/// A queued or running job. Dropping it cancels the job.
#[derive(Debug)]
pub struct Running<T> {
    result: oneshot::Receiver<Result<T, Panicked>>,
    cancelled: CancelFlag,
    pool: Arc<Pool>,
    queue: usize,
    key: QueueKey,
}

impl<T> Future for Running<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The sender is dropped without a result only on withdrawal, which only `Running` does.
        Pin::new(&mut self.result).poll(cx).map(|result| result.unwrap_or(Err(Panicked)))
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.cancelled.set();
        self.pool.withdraw(self.queue, self.key);
    }
}

#[cfg(test)]
mod tests;
