//! Threads of the HTTP server, apart from those of the program.
//!
//! The engine's threads meet some hundreds of times a token, and a core that serves HTTP is missed
//! by all of them: so few, and as many as the plan says.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Where nothing was measured. One serves thousands of events a second; the second keeps the others
/// going while one is busy with a long prompt.
pub const HTTP_THREADS: u32 = 2;

/// A runtime of its own. Dropping it ends what runs on it without waiting.
#[derive(Debug)]
pub struct HttpThreads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl HttpThreads {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn start(count: u32) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(count.max(1) as usize)
            .thread_name("http")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs `work` on them.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}

impl Drop for HttpThreads {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where async code runs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
