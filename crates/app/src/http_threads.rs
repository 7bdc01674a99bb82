//! Runtime of the HTTP server, separate from that of the program.
//!
//! The engine's threads synchronise some hundreds of times per token, so a core that serves HTTP
//! delays them all: the threads are few, and their number is part of the plan.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Default number of threads. One serves thousands of events per second; the second keeps streams
/// going while the first is busy with a long prompt.
pub const HTTP_THREADS: u32 = 2;

/// The threads. Dropping it cancels their tasks without waiting.
#[derive(Debug)]
pub struct HttpThreads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl HttpThreads {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When the system cannot create them.
    pub fn start(count: u32) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(count.max(1) as usize)
            .thread_name("http")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Spawns `work` on the threads.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}

impl Drop for HttpThreads {
    fn drop(&mut self) {
        // Blocking on the threads is not allowed in async code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
