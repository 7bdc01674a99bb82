//! Leave to open many files.

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files of a process that has both ends of `connections` open, and some of its own.
pub fn of_connections(connections: u32) -> u64 {
    2 * u64::from(connections) + 200
}

/// Allows this process, and those that it starts, to open `files` files.
pub fn allow(files: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(files), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)
        .with_context(|| format!("{files} files have to be open at once: raise `ulimit -Hn`"))
}
