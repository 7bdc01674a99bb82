//! How long work reports itself, without this crate knowing what a terminal is.
//!
//! Invariants: every `begin` is followed by one `end`, also when the work fails or its future is
//! dropped; between them `advance` is called with the part done so far, which never decreases.

use harmonic_types::Bytes;

/// Receives the progress of one piece of work at a time.
pub trait Progress: Send + Sync {
    /// Work on `label` begins; `total` is `None` where its size is unknown.
    fn begin(&self, label: &str, total: Option<Bytes>);
    /// `done` bytes of it are done, those of an earlier interrupted attempt included.
    fn advance(&self, done: Bytes);
    /// It has ended, well or not.
    fn end(&self);
    /// One line that the user should read: which source is used, what a conversion changes.
    fn note(&self, line: &str);
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _label: &str, _total: Option<Bytes>) {}
    fn advance(&self, _done: Bytes) {}
    fn end(&self) {}
    fn note(&self, _line: &str) {}
}

/// One `begin` … `end`; ends when dropped, so that an early return cannot leave a bar behind.
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
