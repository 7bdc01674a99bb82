//! Thread pool that computes masks while the model computes logits.
//!
//! An answer has at most one mask under way, so a FIFO queue is fair. Answers with slow masks have
//! a separate queue, which one thread never serves, so that they do not delay the others.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use harmonic_batching::Token;
use llguidance::Matcher;

use super::grammars::brief;
use super::limits::STACK;
use super::mask::Mask;

/// Threads of an engine; the first serves only answers with quick masks.
const THREADS: usize = 3;
/// Time of a mask above which its answer counts as slow.
const QUICK: Duration = Duration::from_millis(2);

/// Callback for a mask that was not ready when requested.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// State of an answer in its grammar.
pub(super) struct Position {
    pub(super) matcher: Box<Matcher>,
    /// Mask of the next token, or why there is none.
    pub(super) allowed: Result<Mask, String>,
    /// Whether computing the mask was slow.
    pub(super) slow: bool,
}

/// A position under computation.
#[derive(Default)]
pub(super) struct PendingMask {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    position: Option<Position>,
    wake: Option<Wake>,
}

impl PendingMask {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the position if ready; otherwise `wake` is called once it is.
    pub(super) fn take_or(&self, wake: Option<&Wake>) -> Option<Position> {
        let mut state = self.state();
        let position = state.position.take();
        if position.is_none() {
            state.wake = wake.cloned();
        }
        position
    }

    /// Waits for the position.
    pub(super) fn wait(&self) -> Position {
        let mut state = self.state();
        loop {
            if let Some(position) = state.position.take() {
                return position;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, position: Position) {
        let mut state = self.state();
        state.position = Some(position);
        let wake = state.wake.take();
        drop(state);
        self.ready.notify_all();
        if let Some(wake) = wake {
            wake();
        }
    }
}

/// Computation of the position after `token`.
struct Task {
    matcher: Box<Matcher>,
    token: Token,
    pending: Arc<PendingMask>,
}

/// Handle to the threads, which end when it is dropped.
pub(super) struct MaskPool(Arc<Queues>);

#[derive(Default)]
struct Queues {
    tasks: Mutex<Tasks>,
    more: Condvar,
}

#[derive(Default)]
struct Tasks {
    quick: VecDeque<Task>,
    slow: VecDeque<Task>,
    closed: bool,
}

impl MaskPool {
    /// Starts the threads.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let queues = Arc::new(Queues::default());
        // Dropped if a thread cannot be started, which ends the others.
        let pool = Self(Arc::clone(&queues));
        for place in 0..THREADS {
            let queues = Arc::clone(&queues);
            thread::Builder::new()
                .name(format!("masks-{place}"))
                .stack_size(STACK)
                .spawn(move || queues.serve(place > 0))?;
        }
        Ok(Arc::new(pool))
    }

    /// Requests the position after `token`.
    pub(super) fn submit(&self, position: Position, token: Token) -> Arc<PendingMask> {
        let pending = Arc::new(PendingMask::default());
        let Position { matcher, slow, .. } = position;
        let task = Task { matcher, token, pending: Arc::clone(&pending) };
        let mut tasks = self.0.tasks();
        if slow {
            tasks.slow.push_back(task);
        } else {
            tasks.quick.push_back(task);
        }
        drop(tasks);
        // Wake all: a single woken thread might not serve slow tasks.
        self.0.more.notify_all();
        pending
    }
}

impl Drop for MaskPool {
    fn drop(&mut self) {
        self.0.tasks().closed = true;
        self.0.more.notify_all();
    }
}

impl Queues {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, takes_slow: bool) {
        // Alternates between slow and quick tasks, so that neither starves.
        let mut slow_first = takes_slow;
        while let Some(Task { mut matcher, token, pending }) = self.next(takes_slow, slow_first) {
            slow_first = takes_slow && !slow_first;
            let begun = Instant::now();
            let allowed = advance(&mut matcher, token);
            let slow = begun.elapsed() > QUICK;
            pending.put(Position { matcher, allowed, slow });
        }
    }

    /// Waits for the next task; `None` once closed and empty.
    fn next(&self, takes_slow: bool, slow_first: bool) -> Option<Task> {
        let mut tasks = self.tasks();
        loop {
            let task = match (takes_slow, slow_first) {
                (false, _) => tasks.quick.pop_front(),
                (true, true) => tasks.slow.pop_front().or_else(|| tasks.quick.pop_front()),
                (true, false) => tasks.quick.pop_front().or_else(|| tasks.slow.pop_front()),
            };
            if task.is_some() || tasks.closed {
                return task;
            }
            tasks = self.more.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn advance(matcher: &mut Matcher, token: Token) -> Result<Mask, String> {
    matcher.consume_token(token.0.cast_unsigned()).map_err(|error| brief(&error))?;
    let allowed = matcher.compute_mask_or_eos().map_err(|error| brief(&error))?;
    Ok(Mask::from_words(allowed.as_slice()))
}
