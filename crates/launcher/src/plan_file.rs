//! A plan as a file holds it: printed by `harmonic plan --json`, edited by a person, started by
//! `harmonic up --plan`.
//!
//! Invariants: whatever the file holds, the outcome is a plan of this build's schema or an error
//! that names the file and a remedy; a bounded number of bytes is read.
//!
//! Does not do: tell whether the plan can be started ([`crate::Deployment::start`] does).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use harmonic_fsutil::MAX_DOCUMENT;
use harmonic_types::{Bytes, Plan};
use serde::Deserialize;

use crate::error::PlanFileError;

/// Characters of a foreign schema that an error shows.
const SHOWN: usize = 60;

/// What documents of every version have.
#[derive(Deserialize)]
struct Header {
    schema: String,
}

/// The plan in the file at `path`, which may be a pipe.
///
/// # Errors
/// When the file cannot be read, is longer than 16 MiB, has another schema than
/// [`Plan::SCHEMA`], or is not a plan.
pub fn read_plan(path: &Path) -> Result<Plan, PlanFileError> {
    let failed = |source| PlanFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One more than allowed, so that a longer file shows.
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
    // First, and apart: another version's plan has other fields.
    let Header { schema } = serde_json::from_slice(bytes).map_err(not_a_plan)?;
    if schema != Plan::SCHEMA {
        let found = schema.escape_debug().take(SHOWN).collect();
        return Err(PlanFileError::Schema { path: path.to_owned(), found, command: command() });
    }
    serde_json::from_slice(bytes).map_err(not_a_plan)
}

/// What makes a new plan. The name of the file is in it where no shell reads anything into it.
fn command(path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let file = path.to_str().filter(|path| path.chars().all(plain) && !path.starts_with('-'));
    format!("harmonic plan --json > {}", file.unwrap_or("FILE"))
}

#[cfg(test)]
mod tests;
