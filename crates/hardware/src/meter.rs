//! Which energy meter this machine has.

use harmonic_types::{EnergyMeter, MeterError};

use crate::rapl::RaplMeter;
use crate::sysroot::Sysroot;

/// The best energy meter below `root`; `None` where there is none.
///
/// # Errors
/// When there is a meter that this process may not read; the message says how to allow it.
pub fn energy_meter(root: &Sysroot) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    Ok(RaplMeter::open(root)?.map(|meter| Box::new(meter) as Box<dyn EnergyMeter>))
}
