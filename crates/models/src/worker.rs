//! Blocking work on files (hashing, copying, unpacking) off the async threads.
//!
//! Invariants: the work reports what it has done through the progress of the future that waits for
//! it; when that future is dropped the work stops at its next step, and the files it owns go with
//! it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::ModelError;
use crate::progress::ProgressSpan;

/// Read and written at once; a step after which progress is reported and cancelling looked at.
const STEP: usize = 1 << 20;

/// The worker's side: says how far it is and learns whether anybody still waits.
pub(crate) struct Steps {
    done: watch::Sender<u64>,
    cancelled: CancellationToken,
}

impl Steps {
    /// Adds to what is done; an error once nobody waits any more.
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

/// Which side of a copy failed: a full disk is a failure to write.
pub(crate) enum CopyError {
    Read(std::io::Error),
    Write(std::io::Error),
}

/// Runs `work` on a blocking thread; `span` shows what it reports through its [`Steps`].
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
            // Ends for good when the worker drops its sender; then only the task is awaited.
            changed = seen.changed() => if changed.is_err() { break (&mut task).await },
        }
        if let Some(span) = span {
            span.advance(*seen.borrow());
        }
        // A bar needs no more than this.
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
        // The only other way a blocking task ends: it is never aborted here.
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
