//! The advice for a machine as a document, and as part of the machine's own description.

use harmonic_types::{Finding, Hardware};
use serde::Serialize;

use super::{Advice, EngineSetting, Severity, engine_settings};

/// The document of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// [`Diagnosis::SCHEMA`].
    pub schema: &'static str,
    /// What there is to mend, the worst first.
    pub findings: Vec<Advice>,
    /// Variables that engines should be started with.
    pub settings: Vec<EngineSetting>,
    /// Warnings of the detection that no advice repeats.
    pub warnings: Vec<Finding>,
}

impl Diagnosis {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.doctor/1";

    /// The diagnosis of `hardware` from its `advice`; with the paper's settings where `paper`.
    pub fn new(hardware: &Hardware, advice: Vec<Advice>, paper: bool) -> Self {
        Self {
            schema: Self::SCHEMA,
            warnings: beside(&advice, &hardware.warnings),
            settings: engine_settings(hardware, paper),
            findings: advice,
        }
    }

    /// Whether not even the smallest team runs.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|advice| advice.severity == Severity::Error)
    }
}

/// Adds `advice` to the warnings of `hardware`, and the variables that engines should have to its
/// environment.
pub fn describe_with(hardware: &mut Hardware, advice: &[Advice]) {
    hardware.warnings = beside(advice, &hardware.warnings);
    hardware.warnings.extend(advice.iter().map(Finding::from));
    for setting in engine_settings(hardware, false) {
        if let Some(value) = setting.value {
            hardware.environment.entry(setting.variable).or_insert(value);
        }
    }
}

/// The warnings that no advice repeats.
fn beside(advice: &[Advice], warnings: &[Finding]) -> Vec<Finding> {
    let said = |code: &str| advice.iter().any(|advice| advice.code == code);
    warnings.iter().filter(|warning| !said(&warning.code)).cloned().collect()
}
