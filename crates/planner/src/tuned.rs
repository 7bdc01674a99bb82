//! Tuned config of a model on a machine.

use harmonic_types::{Hardware, QuantisedKv, TunedConfig};

use crate::input::{PlanOptions, PlannedModel};

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

/// The measured price of a quantised KV cache, where it may be taken: unless the user chose a type,
/// and if its divergence is within bounds.
pub(crate) fn faithful_kv(
    options: &PlanOptions,
    config: Option<&TunedConfig>,
) -> Option<QuantisedKv> {
    let measured = config.and_then(|config| config.quantised_kv);
    measured.filter(|kv| options.kv_type.is_none() && kv.divergence.is_within_bound())
}
