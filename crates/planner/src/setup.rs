//! Which measured setup speaks for a model on a machine.

use harmonic_types::{Hardware, MeasuredSetup};

use crate::input::PlannedModel;

/// The setup that was measured on this machine with this very file; of several the last.
pub(crate) fn best_setup<'a>(
    hardware: &Hardware,
    model: &PlannedModel,
    setups: &'a [MeasuredSetup],
) -> Option<&'a MeasuredSetup> {
    setups.iter().rev().find(|setup| {
        [&hardware.name, &hardware.profile].contains(&&setup.key.machine)
            && setup.key.model == model.name
            && setup.key.digest == model.digest
    })
}
