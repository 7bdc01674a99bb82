//! Tuned config of a model on a machine.

use harmonic_types::{Hardware, TunedConfig};

use crate::input::PlannedModel;

/// The last tuned config measured on this machine with this very file.
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
