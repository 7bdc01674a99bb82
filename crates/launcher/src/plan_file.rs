//! Plan files: printed by `harmonic plan --json`, perhaps edited, started by `harmonic up --plan`.
//!
//! Invariants: any file yields a plan of this build's schema or an error that names the file and a
//! remedy; a bounded number of bytes is read.
//!
//! Does not do: checking whether the plan can be started ([`crate::Deployment::start`] does).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use harmonic_fsutil::MAX_DOCUMENT;
use harmonic_types::{Bytes, Plan};
use serde::Deserialize;

use crate::error::PlanFileError;

/// Length of an unknown schema in an error, in characters.
const SHOWN_CHARS: usize = 60;

/// Field that documents of every version have.
#[derive(Deserialize)]
struct Header {
    schema: String,
}

/// Reads the plan in the file at `path`, which may be a pipe.
///
/// # Errors
/// When the file cannot be read, is longer than 16 MiB, has another schema than
/// [`Plan::SCHEMA`], or is not a plan.
pub fn read_plan(path: &Path) -> Result<Plan, PlanFileError> {
    let failed = |source| PlanFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte more than allowed, to detect a longer file.
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(PlanFileError::TooLong { path: path.to_owned(), limit: Bytes(MAX_DOCUMENT) });
    }
    parse(path, &bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Plan, PlanFileError> {
    let command = || command(path);
    let not_a_plan =
        |source| PlanFileError::NotAPlan { path: path.to_owned(), command: command(), source };
    // The schema first: another version's plan has other fields.
    let Header { schema } = serde_json::from_slice(bytes).map_err(not_a_plan)?;
    if schema != Plan::SCHEMA {
        let found = schema.escape_debug().take(SHOWN_CHARS).collect();
        return Err(PlanFileError::Schema { path: path.to_owned(), found, command: command() });
    }
    serde_json::from_slice(bytes).map_err(not_a_plan)
}

/// Command that makes a new plan, with the file's name where that needs no shell quoting.
fn command(path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let file = path.to_str().filter(|path| path.chars().all(plain) && !path.starts_with('-'));
    format!("harmonic plan --json > {}", file.unwrap_or("FILE"))
}

#[cfg(test)]
mod tests;
