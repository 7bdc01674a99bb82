//! Ctrl-C and SIGTERM: the first asks, the second insists.

use std::io;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::failure::Failure;

/// Whether the user wants an end.
#[derive(Debug)]
pub struct Stop {
    token: CancellationToken,
    listener: AbortOnDropHandle<()>,
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
        let mut signals = Signals::new()?;
        let token = CancellationToken::new();
        let asked = token.clone();
        let listener = async move {
            signals.next().await;
            asked.cancel();
            signals.next().await;
            end_now();
        };
        #[expect(clippy::disallowed_methods, reason = "it is held, and aborted with its holder")]
        let listener = AbortOnDropHandle::new(tokio::spawn(listener));
        Ok(Self { token, listener })
    }

    /// Signals go to the caller from now on, who has another use for Ctrl-C.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn hand_over(&self) -> io::Result<Signals> {
        let signals = Signals::new()?;
        self.listener.abort();
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
    /// [`Failure::stopped`].
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Failure::stopped()),
            done = work => Ok(done),
        }
    }
}

/// The user insists. Threads end with the process, and no file has a final name before it is whole.
fn end_now() {
    #[expect(
        clippy::disallowed_methods,
        reason = "destructors are what the user does not wait for"
    )]
    std::process::exit(1);
}

/// Signals as they come.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
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
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Resolves to the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
