//! Logs on stderr, off by default.
//!
//! llama.cpp logs verbosely: its lines have the target `llama` and appear only with `-vv` or a
//! filter that names it.

use std::str::FromStr;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::log_lines::LogLines;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text.
    #[default]
    Text,
    /// One JSON object per line, with the fields of the request's span.
    Json,
}

impl FromStr for LogFormat {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(CliError::new(
                format!("invalid HARMONIC_LOG_FORMAT `{text}`: expected text or json"),
                "correct or unset HARMONIC_LOG_FORMAT",
            )),
        }
    }
}

/// Starts logging in `format`, as set by `filter` (`RUST_LOG` syntax), else by the number of `-v`;
/// without either, logging stays off.
///
/// # Errors
/// When the filter is invalid.
pub fn start(filter: Option<&str>, verbose: u8, format: LogFormat) -> anyhow::Result<()> {
    let filter = match (filter, verbose) {
        (Some(filter), _) => filter,
        (None, 0) => return Ok(()),
        (None, 1) => "warn,harmonic=info,harmonic_gateway=info,harmonic_engine=info,llama=warn",
        (None, 2) => "info,llama=info",
        (None, _) => "debug,hyper=info,reqwest=info",
    };
    let filter = EnvFilter::builder()
        .parse(filter)
        .with_context(|| format!("invalid log filter `{filter}` in HARMONIC_LOG or RUST_LOG"))?;
    // It would report a failed write with `eprintln!`, which panics where stderr is not writable.
    let logs = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let logs = logs.with_writer(LogLines::new(format, std::io::stderr()));
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}
