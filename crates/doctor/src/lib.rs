//! What the owner of a machine should set, stop or free so that engines run at its ceiling.
//!
//! Owns: the findings of `harmonic doctor` and the variables that an engine should have here, one
//! file for each concern. Every finding says what was seen, why it matters with a figure, and what
//! mends it.
//!
//! Invariants: facts come from a [`Sysroot`], from the description of the machine, and from
//! [`Facts`]; a concern that cannot be examined is a finding of its own and never silences another.
//!
//! Does not do: change anything, run a command, or read the environment of this process.
#![forbid(unsafe_code)]

mod diagnosis;
mod disk;
mod governor;
mod gpu_unused;
mod gtt;
mod hsa_override;
mod memory;
mod ollama;
mod rapl;
mod setting;
mod swap;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::{Bytes, Finding, Hardware};
use serde::{Deserialize, Serialize};

pub use crate::diagnosis::{Diagnosis, describe_with};
pub use crate::setting::{EngineSetting, engine_settings};

/// Variables of this process that the advice rests on: what an engine started from here inherits.
pub const VARIABLES: [&str; 1] = [hsa_override::VARIABLE];

/// How much a finding matters; the larger the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is lost yet.
    Note,
    /// Costs memory or throughput.
    Warning,
    /// Not even the smallest team runs.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Stable, kebab-case; scripts match on it.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen.
    pub message: String,
    /// Why it matters, with a figure.
    pub why: String,
    /// The command that mends it.
    pub hint: String,
}

impl Advice {
    fn new(
        code: &str,
        severity: Severity,
        message: impl Into<String>,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            message: message.into(),
            why: why.into(),
            hint: hint.into(),
        }
    }
}

impl From<&Advice> for Finding {
    fn from(advice: &Advice) -> Self {
        Self::new(&advice.code, format!("{}; {}", advice.message, advice.why), &advice.hint)
    }
}

/// What only the process that asks can know. Facts of another machine than the one below the root
/// are left out by whoever passes them in.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Those of [`VARIABLES`] that are set.
    pub environment: BTreeMap<String, String>,
    /// Where models are stored, and how much fits there.
    pub store: Option<StoreSpace>,
    /// GPU back ends that this build of the engine has, by their cargo feature (`cuda` …).
    pub back_ends: Vec<String>,
    /// Whether the paper's settings are wanted where they differ from what is right today.
    pub paper: bool,
}

/// The disk below the model store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpace {
    /// The store's folder.
    pub path: PathBuf,
    /// Bytes that this user can still write there.
    pub free: Bytes,
}

type Examined = Result<Option<Advice>, HardwareError>;

/// All that there is to mend on the machine below `root`, which `hardware` describes; the worst
/// first.
pub fn advise(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> Vec<Advice> {
    let mut found = Vec::new();
    let mut examined = |concern: &str, result: Examined| match result {
        Ok(advice) => found.extend(advice),
        Err(error) => found.push(unexamined(concern, &error)),
    };
    examined("disk", Ok(disk::examine(facts)));
    examined("memory", memory::examine(root, hardware));
    examined("swap", swap::examine(root));
    examined("GPUs", gpu_unused::examine(root, hardware, facts));
    examined("GTT limit", gtt::examine(root, hardware));
    examined("CPU governor", governor::examine(root));
    examined("energy counters", Ok(rapl::examine(root, hardware)));
    let server = match ollama::Ollama::find(root) {
        Ok(server) => server,
        Err(error) => {
            examined("Ollama", Err(error));
            None
        }
    };
    examined("Ollama", Ok(server.as_ref().and_then(|it| it.examine(hardware, facts))));
    examined("ROCm override", hsa_override::examine(root, hardware, facts, server.as_ref()));
    found.sort_by_key(|advice| std::cmp::Reverse(advice.severity));
    found
}

fn unexamined(concern: &str, error: &HardwareError) -> Advice {
    Advice::new(
        "not-examined",
        Severity::Note,
        format!("the {concern} could not be examined"),
        format!("1 of 9 concerns is left out: {error}"),
        "give this user read access to the file, or run `harmonic doctor` with sudo",
    )
}

#[cfg(test)]
mod tests;
