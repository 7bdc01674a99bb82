//! Which tuned config speaks for a model on a machine.

use harmonic_types::{Hardware, TunedConfig};

use crate::input::PlannedModel;

/// The tuned config that was measured on this machine with this very file; of several the last.
pub(crate) fn best_config<'a>(
    hardware: &Hardware,
    model: &PlannedModel,
    tuned: &'a [TunedConfig],
) -> Option<&'a TunedConfig> {
    tuned.iter().rev().find(|config| {
        [&hardware.name, &hardware.profile].contains(&&config.key.machine)
            && config.key.model == model.name
            && config.key.digest == model.digest
    })
}
