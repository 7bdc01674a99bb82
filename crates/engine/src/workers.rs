//! A pool of threads for work on what came from outside: too long for threads that serve others, and
//! of a size that a stranger chose.
//!
//! Invariants: a small job never waits for a large one, each kind has a thread of its own; in a
//! queue the job with the earliest deadline is next, which is its arrival and a time in proportion
//! to its size, so that short jobs pass long ones and none waits for ever; the bytes that wait are
//! bounded; a job that nobody waits for any more leaves the queue at once, or learns of it at its
//! next look at [`CancelFlag`]; a job that panics ends alone.
//!
//! Does not do: end a job by force. One that is long must look whether it is cancelled.

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

/// What a job's size adds to its deadline, for each byte: a second for a megabyte, slower than any
/// work here, so that a long job lets short ones pass for a while.
const PER_BYTE: Duration = Duration::from_micros(1);
/// Stack of each thread, in bytes. Memory is taken as it is used: llama.cpp splits text with regular
/// expressions that recurse.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// How much the thread for large jobs yields to others, as `nice` counts it: threads of an engine
/// meet after each layer, and wait for the one whose core it takes.
#[cfg(target_os = "linux")]
const LARGE_NICENESS: i32 = 10;

/// Whether nobody waits for a job any more. `Default` is never.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Whether it is so now.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`JobCancelled`] when nobody waits any more.
    pub fn check(&self) -> Result<(), JobCancelled> {
        if self.is_set() { Err(JobCancelled) } else { Ok(()) }
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A job was left half done because nobody waited for it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for it any more")]
pub struct JobCancelled;

/// Too many bytes wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{jobs} jobs of {bytes} bytes wait already")]
pub struct Full {
    /// Jobs that wait.
    pub jobs: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The job panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a thread panicked over it: this is a bug, please report it")]
pub struct Panicked;

/// A pool. Dropping it lets its threads end after what waits.
#[derive(Debug)]
pub struct Workers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Largest small job.
    small_bytes: usize,
    /// Most bytes of jobs that wait in each queue.
    waiting_bytes: usize,
    queues: Mutex<Queues>,
    arrived: [Condvar; 2],
    started: Instant,
}

#[derive(Debug, Default)]
struct Queues {
    queues: [JobQueue; 2],
    next: u64,
    closed: bool,
}

/// The jobs of one kind that wait.
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
    /// Starts the threads, called `name`. Jobs of up to `small_bytes` are small; in each queue wait
    /// `waiting_bytes` at most.
    ///
    /// # Errors
    /// When the system refuses them.
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

    /// Runs `work` on about `bytes` of input. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`Full`] when too much waits already.
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
            // Who waited may have gone.
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
    /// No job runs under the lock, so it is whole even after a panic.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, queue: usize, bytes: usize, job: Job) -> Result<QueueKey, Full> {
        let allowance = PER_BYTE * u32::try_from(bytes).unwrap_or(u32::MAX);
        let deadline = self.started.elapsed() + allowance;
        let mut queues = self.lock();
        let key = (deadline, queues.next);
        queues.next += 1;
        let waiting = &mut queues.queues[queue];
        // One always may wait, however large.
        if waiting.bytes > 0 && waiting.bytes + bytes > self.waiting_bytes {
            return Err(Full { jobs: waiting.jobs.len(), bytes: waiting.bytes });
        }
        waiting.bytes += bytes;
        waiting.jobs.insert(key, (bytes, job));
        drop(queues);
        self.arrived[queue].notify_one();
        Ok(key)
    }

    /// Takes a job out of the queue, unless it runs already.
    fn withdraw(&self, queue: usize, key: QueueKey) {
        let mut queues = self.lock();
        let waiting = &mut queues.queues[queue];
        let job = waiting.jobs.remove(&key);
        if let Some((bytes, _)) = &job {
            waiting.bytes -= bytes;
        }
        drop(queues);
        // Not under the lock: a job may hold much.
        drop(job);
    }

    fn serve(&self, queue: usize) {
        if queue == LARGE {
            yield_to_others();
        }
        let mut queues = self.lock();
        loop {
            let waiting = &mut queues.queues[queue];
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
    // Of this thread alone, as Linux has it. Where it is refused, the thread is like the others.
    let thread = rustix::thread::gettid();
    let _refused = rustix::process::setpriority_process(Some(thread), LARGE_NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

/// A job that waits or runs. Dropping it cancels the job.
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
        // A job that is dropped without a word was withdrawn, which only `Running` does.
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
