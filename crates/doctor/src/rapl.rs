//! Energy counters of the CPU that this user may not read.

use harmonic_hardware::{RaplMeter, Sysroot};
use harmonic_types::Hardware;

use super::{Advice, Severity};

/// Counters that exist, cannot be read, and are the only meter.
pub(super) fn examine(root: &Sysroot, hardware: &Hardware) -> Option<Advice> {
    if hardware.power.is_some() {
        return None;
    }
    let error = RaplMeter::open(root).err()?;
    Some(Advice::new(
        "energy-unreadable",
        Severity::Note,
        format!("the CPU's energy counter {} cannot be read", error.meter),
        "`harmonic bench` leaves out tok/W, the paper's 8.82; root alone may read the counter since \
         Linux 5.10, because it can betray what other users compute (CVE-2020-8694)",
        "where you trust all users, lastingly: `echo 'ACTION==\"add\", SUBSYSTEM==\"powercap\", \
         RUN+=\"/bin/chmod a+r /sys%p/energy_uj\"' | sudo tee \
         /etc/udev/rules.d/70-rapl.rules && sudo udevadm control --reload && sudo udevadm trigger \
         --subsystem-match=powercap --action=add`",
    ))
}
