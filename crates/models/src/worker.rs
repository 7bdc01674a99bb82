//! Blocking work on files (hashing, copying, unpacking) off the async threads.
//!
//! Invariants: the work reports its progress to the waiting future; if that future is dropped, the
//! work stops at its next step and drops the files it owns.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ModelError;
use crate::progress::ProgressSpan;

/// Bytes per step, after which progress is reported and cancellation is checked.
const STEP: usize = 1 << 20;

/// Progress and cancellation, on the worker's side.
pub(crate) struct Steps {
    done: watch::Sender<u64>,
    cancelled: CancellationToken,
}

impl Steps {
    /// Adds completed bytes; fails if the future was dropped.
    pub(crate) fn advance(&self, bytes: usize) -> std::io::Result<()> {
        if self.cancelled.is_cancelled() {
            return Err(std::io::Error::other("cancelled"));
        }
        self.done.send_modify(|done| *done += bytes as u64);
        Ok(())
    }

    /// Copies all of `from`, step by step.
    pub(crate) fn copy(&self, mut from: impl Read, to: &mut impl Write) -> Result<u64, CopyError> {
        let mut buffer = vec![0; STEP];
        let mut copied = 0;
        loop {
            let read = from.read(&mut buffer).map_err(CopyError::Read)?;
            if read == 0 {
                return Ok(copied);
            }
            to.write_all(&buffer[..read]).map_err(CopyError::Write)?;
            copied += read as u64;
            self.advance(read).map_err(CopyError::Read)?;
        }
    }
}

/// Failed side of a copy.
pub(crate) enum CopyError {
    Read(std::io::Error),
    Write(std::io::Error),
}

/// Runs `work` on a blocking thread; `span` receives the progress of its [`Steps`].
pub(crate) async fn run<T: Send + 'static>(
    span: Option<&ProgressSpan<'_>>,
    work: impl FnOnce(&Steps) -> T + Send + 'static,
) -> T {
    let (done, mut seen) = watch::channel(0);
    let cancelled = CancellationToken::new();
    let _guard = cancelled.clone().drop_guard();
    let steps = Steps { done, cancelled };
    let mut task = tokio::task::spawn_blocking(move || work(&steps));
    let result = loop {
        tokio::select! {
            result = &mut task => break result,
            // Fails after the worker has dropped its sender; then only the task is awaited.
            changed = seen.changed() => if changed.is_err() { break (&mut task).await },
        }
        if let Some(span) = span {
            span.advance(*seen.borrow());
        }
        // Limits the rate of progress reports.
        tokio::select! {
            result = &mut task => break result,
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    };
    if let Some(span) = span {
        span.advance(*seen.borrow());
    }
    match result {
        Ok(value) => value,
        // A blocking task that is never aborted can otherwise only panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// sha256 of a file in lower-case hex.
pub(crate) async fn sha256(
    path: &Path,
    span: Option<&ProgressSpan<'_>>,
) -> Result<String, ModelError> {
    let path: PathBuf = path.to_owned();
    run(span, move |steps| {
        let file = File::open(&path).map_err(ModelError::io("open", &path))?;
        let mut hash = Sha256::new();
        steps.copy(file, &mut hash).map_err(|failure| match failure {
            CopyError::Read(error) | CopyError::Write(error) => {
                ModelError::io("read", &path)(error)
            }
        })?;
        Ok(hex::encode(hash.finalize()))
    })
    .await
}
