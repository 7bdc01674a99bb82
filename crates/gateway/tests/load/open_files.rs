//! Limit of open files of the test process.

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files of a process with both ends of `connections` open, and some of its own.
pub fn count_for(connections: u32) -> u64 {
    2 * u64::from(connections) + 200
}

/// Raises the limit of this process and its children to `files` open files.
pub fn raise_limit(files: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(files), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)
        .with_context(|| format!("cannot open {files} files at once: raise `ulimit -Hn`"))
}
