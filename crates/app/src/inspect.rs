//! What this machine is, and what to mend on it.
//!
//! Invariant: what is known of this process and its disk says nothing about a machine below another
//! root, and is left out there.

use harmonic_doctor::{Advice, Diagnosis, Facts, StoreSpace, add_advice, advise};
use harmonic_hardware::{EngineDevice, Sysroot, profile};
use harmonic_types::Hardware;

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// GPU back ends that can be built in, by their cargo feature.
const BACK_ENDS: [(&str, bool); 4] = [
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
];

/// What the engines of this build compute on. [`detect`] describes the machine's best device in any
/// case; a plan must fit the memory that its engines can really use.
pub const ENGINE_DEVICE: EngineDevice =
    if cfg!(any(feature = "cuda", feature = "rocm", feature = "vulkan", feature = "metal")) {
        EngineDevice::Best
    } else {
        EngineDevice::Cpu
    };

/// This machine, as the engines of this build see it.
///
/// # Errors
/// When it cannot be described.
pub fn hardware() -> Result<Hardware> {
    Ok(harmonic_hardware::detect_for(&Sysroot::default(), ENGINE_DEVICE)?)
}

/// The machine that the profile `name` describes.
///
/// # Errors
/// When there is no such profile.
pub fn machine(name: &str) -> Result<Hardware> {
    profile::named(name).ok_or_else(|| {
        let known = profile::names().collect::<Vec<_>>().join(", ");
        let message = format!("there is no machine profile `{name}`");
        AppError::refused(message, format!("use one of {known}"))
    })
}

/// The machine below `root`, with what there is to mend among its warnings.
///
/// # Errors
/// When it cannot be described.
pub fn detect(root: &Sysroot, settings: &Settings) -> Result<Hardware> {
    let mut hardware = harmonic_hardware::detect(root)?;
    let advice = advice(root, &hardware, settings, false);
    add_advice(&mut hardware, &advice);
    Ok(hardware)
}

/// What to set, stop or free on the machine below `root`; with the paper's settings where `paper`.
///
/// # Errors
/// When the machine cannot be described.
pub fn diagnose(root: &Sysroot, settings: &Settings, paper: bool) -> Result<Diagnosis> {
    let hardware = harmonic_hardware::detect(root)?;
    let advice = advice(root, &hardware, settings, paper);
    Ok(Diagnosis::new(&hardware, advice, paper))
}

fn advice(root: &Sysroot, hardware: &Hardware, settings: &Settings, paper: bool) -> Vec<Advice> {
    let built = BACK_ENDS.into_iter().filter(|(_, built)| *built);
    let mut facts = Facts {
        back_ends: built.map(|(feature, _)| feature.to_owned()).collect(),
        paper,
        ..Facts::default()
    };
    if root.is_live() {
        facts.environment.clone_from(&settings.variables);
        // A disk that cannot be measured is no reason to be silent about all else.
        let free = settings.store.free().ok();
        facts.store = free.map(|free| StoreSpace { path: settings.store.root().to_owned(), free });
    }
    advise(root, hardware, &facts)
}
