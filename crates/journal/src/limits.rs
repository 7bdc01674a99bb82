//! Limits of what a run may leave on the disk.

/// Limits of one run, in bytes. What is longer is refused before it is written, and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One line of the journal.
    pub line: u64,
    /// The journal.
    pub journal: u64,
    /// One artifact.
    pub artifact: u64,
    /// All artifacts.
    pub artifacts: u64,
}

impl Default for Limits {
    /// Some hundred times what a run of a team on one machine writes.
    fn default() -> Self {
        Self { line: 1 << 20, journal: 64 << 20, artifact: 16 << 20, artifacts: 256 << 20 }
    }
}
