//! `HSA_OVERRIDE_GFX_VERSION`: makes `ROCm` take a GPU for another one.
//!
//! The paper sets 11.0.0 on the Ryzen AI MAX+ 395, whose Ollama did not know gfx1151. Today's
//! Ollama and llama.cpp build kernels for it, and AMD almost never recommends the override
//! (`docs/sources.md#hsa-override`). The one exception found: Linux 6.19 takes gfx1151 for
//! another, which 11.5.1 corrects.

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::Hardware;

use super::ollama::Ollama;
use super::{Advice, Examined, Facts, Severity};

pub(super) const VARIABLE: &str = "HSA_OVERRIDE_GFX_VERSION";

/// The paper's value (section 3.1).
pub(super) const PAPERS: &str = "11.0.0";

/// The architecture of the Radeon 8060S in the Ryzen AI MAX+ 395.
pub(super) const STRIX_HALO: &str = "gfx1151";

/// An override that is set and should not be; with the paper's settings, one that is not set.
pub(super) fn examine(
    root: &Sysroot,
    hardware: &Hardware,
    facts: &Facts,
    server: Option<&Ollama>,
) -> Examined {
    let here = facts.environment.get(VARIABLE).map(|value| (value.as_str(), "this environment"));
    let of_server = server.and_then(|server| server.variable(VARIABLE));
    let set = here.or(of_server.map(|value| (value, "the settings of Ollama")));
    let architectures = architectures(hardware);
    let is_strix_halo = architectures.contains(&STRIX_HALO);
    Ok(match set {
        Some((PAPERS, _)) if facts.paper => None,
        Some((value, _)) if value == "11.5.1" && is_mistaken(root)? => None,
        Some((value, place)) => Some(unneeded(value, place, &architectures)),
        None if facts.paper && is_strix_halo => Some(as_in_the_paper()),
        None => None,
    })
}

/// Linux 6.19 reports gfx1151 wrongly.
fn is_mistaken(root: &Sysroot) -> Result<bool, HardwareError> {
    let release = root.read("/proc/sys/kernel/osrelease")?.unwrap_or_default();
    Ok(release.starts_with("6.19"))
}

/// `ROCm`'s names of the AMD GPUs here.
pub(super) fn architectures(hardware: &Hardware) -> Vec<&str> {
    let features = hardware.devices.iter().flat_map(|device| &device.features);
    features.map(String::as_str).filter(|feature| feature.starts_with("gfx")).collect()
}

fn unneeded(value: &str, place: &str, architectures: &[&str]) -> Advice {
    let taken_for = value.split('.').collect::<String>();
    let (message, why) = match architectures {
        [] => (
            format!(
                "{VARIABLE}={value} is set in {place} and no GPU is here that it could concern"
            ),
            "0 GPUs are known to AMD's compute driver".to_owned(),
        ),
        names => (
            format!("{VARIABLE}={value} is set in {place}; it is no longer needed"),
            format!(
                "it makes ROCm take {} for gfx{taken_for} and run kernels made for that one, while \
                 Ollama and llama.cpp build kernels for gfx1150 and gfx1151 themselves",
                names.join(" and ")
            ),
        ),
    };
    let hint = format!(
        "`unset {VARIABLE}` and remove it from your shell's start files; for Ollama's service \
         `sudo systemctl edit ollama`, then `sudo systemctl restart ollama`"
    );
    Advice::new("hsa-override-set", Severity::Warning, message, why, hint)
}

fn as_in_the_paper() -> Advice {
    Advice::new(
        "hsa-override-paper",
        Severity::Note,
        format!("the paper sets {VARIABLE}={PAPERS} on this machine"),
        format!(
            "its 222.6 tok/s at 12x were measured so, with Ollama 0.15; today's engines know \
             {STRIX_HALO} and do not need it"
        ),
        format!("to repeat the paper's set-up: `export {VARIABLE}={PAPERS}`"),
    )
}
