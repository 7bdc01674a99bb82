//! Progress reports of long operations, independent of their display.
//!
//! Invariants: every `begin` is followed by one `end`, also if the operation fails or its future is
//! dropped; between them `advance` is called with the completed part, which never decreases.

use harmonic_types::Bytes;

/// Receiver of the progress of one operation at a time.
pub trait Progress: Send + Sync {
    /// Start of the operation `label`; `total` is `None` if its size is unknown.
    fn begin(&self, label: &str, total: Option<Bytes>);
    /// Completed bytes, those of an earlier interrupted attempt included.
    fn advance(&self, done: Bytes);
    /// End of the operation, successful or not.
    fn end(&self);
    /// A message for the user: the chosen source, the loss of a conversion.
    fn note(&self, line: &str);
}

/// A receiver that ignores all reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _label: &str, _total: Option<Bytes>) {}
    fn advance(&self, _done: Bytes) {}
    fn end(&self) {}
    fn note(&self, _line: &str) {}
}

/// One operation between `begin` and `end`, which is reported on drop, also on an early return.
pub(crate) struct ProgressSpan<'a>(&'a dyn Progress);

impl<'a> ProgressSpan<'a> {
    pub(crate) fn begin(progress: &'a dyn Progress, label: &str, total: Option<Bytes>) -> Self {
        progress.begin(label, total);
        Self(progress)
    }

    pub(crate) fn advance(&self, done: u64) {
        self.0.advance(Bytes(done));
    }
}

impl Drop for ProgressSpan<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
