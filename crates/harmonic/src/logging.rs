//! Logs: only when asked for, on stderr.
//!
//! llama.cpp is talkative; what it says comes under the target `llama` and only with `-vv` or a
//! filter that names it.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Starts logging where `filter` (`RUST_LOG` syntax) or `-v` asks for it. A filter wins.
///
/// # Errors
/// When the filter cannot be understood.
pub fn start(filter: Option<&str>, verbose: u8) -> anyhow::Result<()> {
    let filter = match (filter, verbose) {
        (Some(filter), _) => filter,
        (None, 0) => return Ok(()),
        (None, 1) => "warn,harmonic=info,harmonic_gateway=info,harmonic_engine=info,llama=warn",
        (None, 2) => "info,llama=info",
        (None, _) => "debug,hyper=info,reqwest=info",
    };
    let filter = EnvFilter::builder().parse(filter).with_context(|| {
        format!("the log filter `{filter}` (HARMONIC_LOG or RUST_LOG) cannot be understood")
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
