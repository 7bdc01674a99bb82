//! `HSA_OVERRIDE_GFX_VERSION`: makes `ROCm` treat a GPU as another model.
//!
//! The paper sets 11.0.0 on the Ryzen AI MAX+ 395, because its version of Ollama did not support
//! gfx1151. Current versions of Ollama and llama.cpp have kernels for it, and AMD almost never
//! recommends the override (`docs/sources.md#hsa-override`). The one known exception: Linux 6.19
//! misidentifies gfx1151, which 11.5.1 corrects.

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::Hardware;

use super::ollama::Ollama;
use super::{Advice, CheckResult, Facts, Severity};

pub(super) const VARIABLE: &str = "HSA_OVERRIDE_GFX_VERSION";

/// The paper's value (section 3.1).
pub(super) const PAPER_VALUE: &str = "11.0.0";

/// Origin of an override that Ollama's server has.
const OF_OLLAMA: &str = "the settings of Ollama";

/// The architecture of the Radeon 8060S in the Ryzen AI MAX+ 395.
pub(super) const STRIX_HALO: &str = "gfx1151";

/// Reports an unnecessary override; with the paper's settings, a missing one.
pub(super) fn check(
    root: &Sysroot,
    hardware: &Hardware,
    facts: &Facts,
    server: Option<&Ollama>,
) -> CheckResult {
    let own = facts.environment.get(VARIABLE).map(|value| (value.as_str(), "this environment"));
    let of_server = server.and_then(|server| server.variable(VARIABLE));
    let set = own.or(of_server.map(|value| (value, OF_OLLAMA)));
    let architectures = architectures(hardware);
    let is_strix_halo = architectures.contains(&STRIX_HALO);
    Ok(match set {
        Some((PAPER_VALUE, _)) if facts.paper => None,
        Some((value, _)) if value == "11.5.1" && kernel_misidentifies(root)? => None,
        Some((value, origin)) => Some(unneeded(value, origin, &architectures)),
        None if facts.paper && is_strix_halo => Some(missing_for_paper()),
        None => None,
    })
}

/// Whether the kernel misidentifies gfx1151, as Linux 6.19 does.
fn kernel_misidentifies(root: &Sysroot) -> Result<bool, HardwareError> {
    let release = root.read("/proc/sys/kernel/osrelease")?.unwrap_or_default();
    Ok(release.starts_with("6.19"))
}

/// `ROCm`'s names of the machine's AMD GPUs.
pub(super) fn architectures(hardware: &Hardware) -> Vec<&str> {
    let features = hardware.devices.iter().flat_map(|device| &device.features);
    features.map(String::as_str).filter(|feature| feature.starts_with("gfx")).collect()
}

fn unneeded(value: &str, origin: &str, architectures: &[&str]) -> Advice {
    let target = value.split('.').collect::<String>();
    let (message, why) = match architectures {
        [] => (
            format!("{VARIABLE}={value} is set in {origin}, but applies to no GPU of this machine"),
            "AMD's compute driver lists 0 GPUs".to_owned(),
        ),
        names => (
            format!("{VARIABLE}={value} is set in {origin}; it is no longer needed"),
            format!(
                "it makes ROCm treat {} as gfx{target} and run kernels built for that, although \
                 current engines have kernels for gfx1150 and gfx1151",
                names.join(" and ")
            ),
        ),
    };
    let hint = if origin == OF_OLLAMA {
        format!(
            "remove {VARIABLE} with `sudo systemctl edit ollama`, then `sudo systemctl restart ollama`"
        )
    } else {
        format!("`unset {VARIABLE}` and remove it from your shell's start files")
    };
    Advice::new("hsa-override-set", Severity::Warning, message, why, hint)
}

fn missing_for_paper() -> Advice {
    Advice::new(
        "hsa-override-paper",
        Severity::Note,
        format!("the paper sets {VARIABLE}={PAPER_VALUE} on this machine"),
        format!(
            "its 222.6 tok/s at 12x were measured with it and Ollama 0.15; current engines support \
             {STRIX_HALO} and do not need it"
        ),
        format!("to reproduce the paper's configuration: `export {VARIABLE}={PAPER_VALUE}`"),
    )
}
