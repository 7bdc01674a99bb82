//! Logs: only when asked for, on stderr.
//!
//! llama.cpp is talkative; what it says comes under the target `llama` and only with `-vv` or a
//! filter that names it.

use std::str::FromStr;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::error::CliError;

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line, with the fields of the request's span.
    Json,
}

impl FromStr for LogFormat {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(CliError::new(
                format!("HARMONIC_LOG_FORMAT is `{text}`, which is no format of logs"),
                "set it to text or json, or remove it",
            )),
        }
    }
}

/// Starts logging where `filter` (`RUST_LOG` syntax) or `-v` asks for it, written as `format` says. A filter wins.
///
/// # Errors
/// When the filter cannot be understood.
pub fn start(filter: Option<&str>, verbose: u8, format: LogFormat) -> anyhow::Result<()> {
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
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}
