//! Unreadable energy counters of the CPU.

use harmonic_hardware::{RaplMeter, Sysroot};
use harmonic_types::Hardware;

use super::{Advice, Severity};

/// Reports counters that exist, cannot be read, and are the only meter.
pub(super) fn check(root: &Sysroot, hardware: &Hardware) -> Option<Advice> {
    if hardware.power.is_some() {
        return None;
    }
    let error = RaplMeter::open(root).err()?;
    Some(Advice::new(
        "energy-unreadable",
        Severity::Note,
        format!("the CPU's energy counter {} cannot be read", error.meter),
        "`harmonic bench` omits tok/W (8.82 in the paper); only root may read the counter since \
         Linux 5.10, because it is a side channel to other users' processes (CVE-2020-8694)",
        "if you trust all users, permanently: `echo 'ACTION==\"add\", SUBSYSTEM==\"powercap\", \
         RUN+=\"/bin/chmod a+r /sys%p/energy_uj\"' | sudo tee \
         /etc/udev/rules.d/70-rapl.rules && sudo udevadm control --reload && sudo udevadm trigger \
         --subsystem-match=powercap --action=add`",
    ))
}
