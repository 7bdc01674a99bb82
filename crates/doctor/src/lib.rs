//! Advice on a machine's configuration: settings to change and resources to free for full speed.
//!
//! Owns: the findings of `harmonic doctor` and the recommended variables of engines, one file per
//! check. Every finding states the observation, its effect with a figure, and the remedy.
//!
//! Invariants: facts come from a [`Sysroot`], from the description of the machine, and from
//! [`Facts`]; a failed check is a finding of its own and does not suppress others.
//!
//! Does not do: change anything, run a command, or read the environment of this process.
#![forbid(unsafe_code)]

mod diagnosis;
mod disk;
mod governor;
mod gpu_unused;
mod gtt;
mod hsa_override;
mod installed;
mod load;
mod memory;
mod ollama;
mod rapl;
mod setting;
mod swap;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::{Bytes, Finding, Hardware, LoadFigures};
use serde::{Deserialize, Serialize};

pub use crate::diagnosis::{Diagnosis, add_advice};
pub use crate::setting::{EngineSetting, engine_settings};

/// Environment variables that the advice depends on.
pub const VARIABLES: [&str; 2] = [hsa_override::VARIABLE, installed::PATH];

/// Severity of a finding, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information without a present loss.
    Note,
    /// A loss of memory or throughput.
    Warning,
    /// Not even the smallest stack runs.
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

/// One finding with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Stable identifier in kebab-case, for scripts.
    pub code: String,
    /// Severity.
    pub severity: Severity,
    /// Observation.
    pub message: String,
    /// Effect, with a figure.
    pub why: String,
    /// Remedy: a command.
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

/// Facts known only to the calling process. The caller omits those that do not apply to the machine
/// below the root.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The [`VARIABLES`] that are set.
    pub environment: BTreeMap<String, String>,
    /// Location and free space of the model store.
    pub store: Option<StoreSpace>,
    /// GPU back ends of this build, by cargo feature (`cuda` …).
    pub back_ends: Vec<String>,
    /// Load of the machine during a second; `None` where it was not measured.
    pub load: Option<LoadFigures>,
    /// Teams of ours that run, by process, with the command that stops each.
    pub teams: BTreeMap<u32, String>,
    /// Whether the paper's settings are wanted instead of current recommendations.
    pub paper: bool,
}

/// Disk space of the model store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpace {
    /// Folder of the store.
    pub path: PathBuf,
    /// Space available to this user.
    pub free: Bytes,
}

type CheckResult = Result<Option<Advice>, HardwareError>;

/// Findings on the machine below `root`, described by `hardware`, by decreasing severity.
pub fn advise(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> Vec<Advice> {
    let mut found = Vec::new();
    let mut add = |check: &str, result: CheckResult| match result {
        Ok(advice) => found.extend(advice),
        Err(error) => found.push(failed_check(check, &error)),
    };
    add("disk", Ok(disk::check(facts)));
    add("memory", memory::check(root, hardware, facts));
    add("load", Ok(load::check(facts)));
    add("swap", swap::check(root));
    add("GPUs", gpu_unused::check(root, hardware, facts));
    add("GTT limit", gtt::check(root, hardware));
    add("CPU governor", governor::check(root));
    add("energy counters", Ok(rapl::check(root, hardware)));
    let server = match ollama::Ollama::find(root) {
        Ok(server) => server,
        Err(error) => {
            add("Ollama", Err(error));
            None
        }
    };
    add("Ollama", Ok(server.as_ref().and_then(|it| it.check(hardware, facts))));
    add("ROCm override", hsa_override::check(root, hardware, facts, server.as_ref()));
    found.sort_by_key(|advice| std::cmp::Reverse(advice.severity));
    found
}

fn failed_check(check: &str, error: &HardwareError) -> Advice {
    Advice::new(
        "not-examined",
        Severity::Note,
        format!("the check of the {check} failed"),
        format!("1 of 10 checks is missing: {error}"),
        "grant this user read access to the file, or run `harmonic doctor` with sudo",
    )
}

#[cfg(test)]
mod tests;
