//! What `detect` and `doctor` tell the hardware library for its advice, and the document of it.
//!
//! Invariant: what is known of this process and its disk says nothing about a machine below another
//! root, and is left out there.

use harmonic_hardware::advice::{EngineSetting, StoreSpace, engine_settings};
use harmonic_hardware::{Advice, Facts, Sysroot, advise};
use harmonic_types::{Finding, Hardware};
use serde::Serialize;

use crate::settings::Settings;

/// GPU back ends that can be built in, by their cargo feature.
const BACK_ENDS: [(&str, bool); 4] = [
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
];

/// What `doctor --json` prints.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// `harmonic.doctor/1`.
    pub schema: &'static str,
    /// What there is to mend, the worst first.
    pub findings: Vec<Advice>,
    /// What engines should be started with.
    pub settings: Vec<EngineSetting>,
    /// What detection noticed besides.
    pub warnings: Vec<Finding>,
}

impl Diagnosis {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.doctor/1";
}

/// What there is to mend on the machine below `root`.
pub fn of(root: &Sysroot, hardware: &Hardware, settings: &Settings, paper: bool) -> Vec<Advice> {
    let built = BACK_ENDS.into_iter().filter(|(_, built)| *built);
    let mut facts = Facts {
        back_ends: built.map(|(feature, _)| feature.to_owned()).collect(),
        paper,
        ..Facts::default()
    };
    if root.is_live() {
        facts.environment.clone_from(&settings.environment);
        // A disk that cannot be measured is no reason to be silent about all else.
        let free = settings.store.free().ok();
        facts.store = free.map(|free| StoreSpace { path: settings.store.root().to_owned(), free });
    }
    advise(root, hardware, &facts)
}

/// `hardware` with what there is to mend among its warnings, and what engines should have in its
/// environment.
pub fn into(hardware: &mut Hardware, advice: &[Advice]) {
    hardware.warnings = beside(advice, &hardware.warnings);
    hardware.warnings.extend(advice.iter().map(Finding::from));
    for setting in engine_settings(hardware, false) {
        if let Some(value) = setting.value {
            hardware.environment.entry(setting.variable).or_insert(value);
        }
    }
}

/// The warnings that no advice speaks of.
pub fn beside(advice: &[Advice], warnings: &[Finding]) -> Vec<Finding> {
    let said = |code: &str| advice.iter().any(|advice| advice.code == code);
    warnings.iter().filter(|warning| !said(&warning.code)).cloned().collect()
}
