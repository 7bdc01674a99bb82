//! Signal handling: the first Ctrl-C or SIGTERM requests a stop, the second one exits.
//!
//! Invariants: signals are received on a thread that lives as long as the process, so that the
//! second one ends it even while the runtime shuts down.
//!
//! Does not do: decide what a stop leaves behind. Each command hands the token on; how a benchmark keeps
//! what it has measured is in `harmonic_bench::run`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Time for exit handlers of libraries after the second signal.
const EXIT_HANDLER_TIMEOUT: Duration = Duration::from_millis(500);

/// The user requested a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// Stop request by the user.
#[derive(Debug)]
pub struct Stop {
    token: CancellationToken,
    /// Whether another component handles signals.
    handed_over: Arc<AtomicBool>,
}

/// Received signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Stop {
    /// Starts listening.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn listen() -> io::Result<Self> {
        let stop =
            Self { token: CancellationToken::new(), handed_over: Arc::new(AtomicBool::new(false)) };
        let (token, handed_over) = (stop.token.clone(), Arc::clone(&stop.handed_over));
        let (ready, started) = mpsc::channel();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let result = listen(&ready, || {
                if handed_over.load(Ordering::Relaxed) {
                    return;
                }
                if token.is_cancelled() {
                    end_now();
                }
                token.cancel();
            });
            // The receiver is gone if this comes too late.
            let _late = ready.send(result);
        })?;
        started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the signals' thread has ended")))?;
        Ok(stop)
    }

    /// Hands signals over to the caller until it drops them.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn hand_over(&self) -> io::Result<Signals> {
        let signals = Signals::new(Arc::clone(&self.handed_over))?;
        self.handed_over.store(true, Ordering::Relaxed);
        Ok(signals)
    }

    /// Token that a stop request cancels.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when a stop is requested.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Result of `work`, unless a stop is requested first; then `work` is dropped.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.requested() => Err(Stopped),
            done = work => Ok(done),
        }
    }
}

/// Calls `on_signal` for each signal, without end; reports to `ready` when it starts.
fn listen(ready: &mpsc::Sender<io::Result<()>>, on_signal: impl Fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let mut signals = Signals::new(Arc::default())?;
    // The starter waits for this.
    let _waits = ready.send(Ok(()));
    runtime.block_on(async {
        loop {
            signals.next().await;
            on_signal();
        }
    })
}

/// Exits at once. Threads end with the process, and no file has its final name before it is
/// complete.
fn end_now() {
    // Exit handlers of libraries may wait for a thread that does not respond.
    let watchdog = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(EXIT_HANDLER_TIMEOUT);
        kill();
    });
    if watchdog.is_err() {
        kill();
    }
    #[expect(clippy::disallowed_methods, reason = "the user does not wait for destructors")]
    std::process::exit(1);
}

#[cfg(unix)]
fn kill() {
    let me = rustix::process::getpid();
    // A failure cannot be reported any more.
    let _failed = rustix::process::kill_process(me, rustix::process::Signal::KILL);
}

#[cfg(not(unix))]
fn kill() {
    std::process::abort();
}

/// Stream of signals.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    handed_over: Arc<AtomicBool>,
}

#[cfg(unix)]
impl Signals {
    fn new(handed_over: Arc<AtomicBool>) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            handed_over,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Stream of signals.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals {
    handed_over: Arc<AtomicBool>,
}

#[cfg(not(unix))]
impl Signals {
    fn new(handed_over: Arc<AtomicBool>) -> io::Result<Self> {
        Ok(Self { handed_over })
    }

    /// Next signal.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handed_over.store(false, Ordering::Relaxed);
    }
}
