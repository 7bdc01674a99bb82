//! Detection of this machine, its load, and advice on its settings.
//!
//! Invariant: facts about this process and its disk are used only for the running machine, not for
//! one below another root.

use std::time::Duration;

use harmonic_doctor::{Diagnosis, Facts, StoreSpace, add_advice, advise};
use harmonic_hardware::{EngineDevice, OwnProcesses, Sysroot, load_meter, profile};
use harmonic_launcher::Instance;
use harmonic_perfmodel::{load_between, load_figures};
use harmonic_types::{Hardware, LoadFigures, did_you_mean};

use crate::error::{AppError, Result};
use crate::server_choice::port_option;
use crate::settings::Settings;

/// GPU back ends by their cargo feature, and whether they are built in.
const BACK_ENDS: [(&str, bool); 4] = [
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
];

/// Length of the load measurement of [`diagnose`].
const LOAD_LASTS: Duration = Duration::from_secs(1);

/// Device kind that the engines of this build compute on. [`detect`] always describes the machine's
/// best device; a plan must fit the memory that its engines can use.
pub const ENGINE_DEVICE: EngineDevice =
    if cfg!(any(feature = "cuda", feature = "rocm", feature = "vulkan", feature = "metal")) {
        EngineDevice::Best
    } else {
        EngineDevice::Cpu
    };

/// Detects this machine, with the devices that the engines of this build can use.
///
/// # Errors
/// When the detection fails.
pub fn hardware() -> Result<Hardware> {
    Ok(harmonic_hardware::detect_for(&Sysroot::default(), ENGINE_DEVICE)?)
}

/// The machine of the profile `name`.
///
/// # Errors
/// When there is no such profile.
pub fn machine(name: &str) -> Result<Hardware> {
    profile::named(name).ok_or_else(|| {
        let known = profile::names().collect::<Vec<_>>().join(", ");
        let meant = did_you_mean(name, profile::names());
        let message = format!("there is no machine profile `{name}`{meant}");
        AppError::refused(message, format!("use one of {known}"))
    })
}

/// Detects the machine below `root`, with the advice among its warnings.
///
/// # Errors
/// When the detection fails.
pub fn detect(root: &Sysroot, settings: &Settings) -> Result<Hardware> {
    let mut hardware = harmonic_hardware::detect(root)?;
    let advice = advise(root, &hardware, &facts(root, None, settings, false));
    add_advice(&mut hardware, &advice);
    Ok(hardware)
}

/// Advice for the machine below `root`: settings to change, processes to stop, memory to free. With
/// `paper` also the paper's settings.
///
/// # Errors
/// When the detection fails.
pub fn diagnose(root: &Sysroot, settings: &Settings, paper: bool) -> Result<Diagnosis> {
    let hardware = harmonic_hardware::detect(root)?;
    let load = if root.is_live() { load(root) } else { None };
    Ok(Diagnosis::of(root, &hardware, &facts(root, load, settings, paper)))
}

/// Load of this machine during [`LOAD_LASTS`]; `None` where it cannot be read. Blocks.
fn load(root: &Sysroot) -> Option<LoadFigures> {
    let benchmark = std::process::id();
    let own = OwnProcesses { benchmark, servers: Vec::new(), has_server: true };
    let meter = load_meter(root, own)?;
    let before = meter.read();
    std::thread::sleep(LOAD_LASTS);
    load_figures(&load_between(&before, &meter.read()))
}

fn facts(root: &Sysroot, load: Option<LoadFigures>, settings: &Settings, paper: bool) -> Facts {
    let built = BACK_ENDS.into_iter().filter(|(_, built)| *built);
    let mut facts = Facts {
        back_ends: built.map(|(feature, _)| feature.to_owned()).collect(),
        load,
        paper,
        ..Facts::default()
    };
    if root.is_live() {
        // Without the record of the teams the other advice still holds.
        let teams = settings.instances.running().map(|found| found.documents).unwrap_or_default();
        let stop = |team: &Instance| format!("harmonic down{}", port_option(team.port, settings));
        facts.teams = teams.iter().map(|team| (team.process.pid, stop(team))).collect();
        facts.environment.clone_from(&settings.variables);
        // Without the disk's free space the other advice still holds.
        let free = settings.store.free().ok();
        facts.store = free.map(|free| StoreSpace { path: settings.store.root().to_owned(), free });
    }
    facts
}
