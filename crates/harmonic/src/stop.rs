//! Ctrl-C and SIGTERM: the first asks, the second insists.
//!
//! Invariants: signals are heard on a thread of their own that lives as long as the process, so the
//! second one ends it whatever the rest waits for, the runtime's own end included.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::CliError;

/// How long the exit handlers of libraries get once the user insists.
const LAST_HANDLERS: Duration = Duration::from_millis(500);

/// Whether the user wants an end.
#[derive(Debug)]
pub struct Stop {
    token: CancellationToken,
    /// Signals are the business of somebody else.
    handed_over: Arc<AtomicBool>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn listen() -> io::Result<Self> {
        let stop =
            Self { token: CancellationToken::new(), handed_over: Arc::new(AtomicBool::new(false)) };
        let (asked, handed_over) = (stop.token.clone(), Arc::clone(&stop.handed_over));
        let (ready, started) = mpsc::channel();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let heard = hear(&ready, || {
                if handed_over.load(Ordering::Relaxed) {
                    return;
                }
                if asked.is_cancelled() {
                    end_now();
                }
                asked.cancel();
            });
            // One that comes too late has nobody to hear it.
            let _late = ready.send(heard);
        })?;
        started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the signals' thread has ended")))?;
        Ok(stop)
    }

    /// Signals go to the caller from now on, who has another use for Ctrl-C, until it drops them.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn hand_over(&self) -> io::Result<Signals> {
        let signals = Signals::new(Arc::clone(&self.handed_over))?;
        self.handed_over.store(true, Ordering::Relaxed);
        Ok(signals)
    }

    /// Cancelled when the user wants an end.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Whether the user wants an end.
    pub fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when the user wants an end.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }

    /// What `work` gives, unless the user wants an end before; `work` is dropped then.
    ///
    /// # Errors
    /// [`CliError::stopped`].
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, CliError> {
        tokio::select! {
            biased;
            () = self.asked() => Err(CliError::stopped()),
            done = work => Ok(done),
        }
    }
}

/// Tells `take` of every signal, for ever; tells `ready` when it begins to.
fn hear(ready: &mpsc::Sender<io::Result<()>>, take: impl Fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let mut signals = Signals::new(Arc::default())?;
    // Whoever started this waits for it.
    let _waits = ready.send(Ok(()));
    runtime.block_on(async {
        loop {
            signals.next().await;
            take();
        }
    })
}

/// The user insists. Threads end with the process, and no file has a final name before it is whole.
fn end_now() {
    // What libraries do at an exit may wait for one of the threads that do not answer.
    let killer = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(LAST_HANDLERS);
        kill();
    });
    if killer.is_err() {
        kill();
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "destructors are what the user does not wait for"
    )]
    std::process::exit(1);
}

#[cfg(unix)]
fn kill() {
    let me = rustix::process::getpid();
    // There is nobody left to tell that it failed.
    let _failed = rustix::process::kill_process(me, rustix::process::Signal::KILL);
}

#[cfg(not(unix))]
fn kill() {
    std::process::abort();
}

/// Signals as they come.
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

    /// Resolves to the next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Signals as they come.
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

    /// Resolves to the next one.
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
