//! The advice for a machine as a document, and merged into the machine's description.

use harmonic_hardware::Sysroot;
use harmonic_types::{Finding, Hardware};
use serde::Serialize;

use super::setting::{LLAMA_SERVER, OLLAMA};
use super::{Advice, EngineSetting, Facts, Severity, advise, engine_settings, installed};

/// The document of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// [`Diagnosis::SCHEMA`].
    pub schema: &'static str,
    /// Findings by decreasing severity.
    pub findings: Vec<Advice>,
    /// Recommended environment variables of engines.
    pub settings: Vec<EngineSetting>,
    /// Warnings of the detection, without those that a finding repeats.
    pub warnings: Vec<Finding>,
}

impl Diagnosis {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.doctor/1";

    /// The diagnosis of the machine below `root`, described by `hardware`.
    pub fn of(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> Self {
        let findings = advise(root, hardware, facts);
        let engines = installed::engines(root, facts);
        let mut settings = engine_settings(hardware, facts.paper);
        for setting in &mut settings {
            // Settings of a driver are for every engine, this program's too.
            setting.installed = match setting.engine.as_str() {
                OLLAMA | LLAMA_SERVER => engines.contains(&setting.engine.as_str()),
                _ => true,
            };
        }
        let warnings = without_repeated(&findings, &hardware.warnings);
        Self { schema: Self::SCHEMA, findings, settings, warnings }
    }

    /// Whether not even the smallest stack runs.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|advice| advice.severity == Severity::Error)
    }
}

/// Adds `advice` to the warnings of `hardware`, and recommended variables to its environment.
pub fn add_advice(hardware: &mut Hardware, advice: &[Advice]) {
    hardware.warnings = without_repeated(advice, &hardware.warnings);
    hardware.warnings.extend(advice.iter().map(Finding::from));
    for setting in engine_settings(hardware, false) {
        if let Some(value) = setting.value {
            hardware.environment.entry(setting.variable).or_insert(value);
        }
    }
}

/// The warnings whose code is not among `advice`.
fn without_repeated(advice: &[Advice], warnings: &[Finding]) -> Vec<Finding> {
    let repeated = |code: &str| advice.iter().any(|advice| advice.code == code);
    warnings.iter().filter(|warning| !repeated(&warning.code)).cloned().collect()
}
