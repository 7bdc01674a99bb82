//! How many sequences may be in flight over all engines.
//!
//! Slots are rights, not load: the paper grants 84 slots on a machine that peaks at 16.

use harmonic_types::{Curve, Hardware, Provenance};

use crate::input::PlannedModel;

/// A limit with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxInFlight {
    /// Sequences; at least 1.
    pub sequences: u32,
    /// `measured` when it is a sweet spot found here, else that of the profile's maximum; `None`
    /// where the hardware does not state one.
    pub provenance: Option<Provenance>,
}

/// The limit for a stack on `models`.
///
/// Each model allows its measured sweet spot on this machine, or the profile's `max_parallel` while
/// it has none; the largest of these holds for all. A sweet spot is where a plateau begins: an
/// engine that gets more than its own loses latency, and one that gets less loses throughput.
pub fn max_in_flight<'a>(
    hardware: &Hardware,
    models: impl IntoIterator<Item = &'a PlannedModel>,
    curves: &[Curve],
) -> MaxInFlight {
    let by_profile = MaxInFlight {
        sequences: hardware.max_parallel.max(1),
        provenance: hardware.provenance.get("/max_parallel").copied(),
    };
    models
        .into_iter()
        .map(|model| match sweet_spot(hardware, model, curves) {
            Some(sequences) => MaxInFlight { sequences, provenance: Some(Provenance::Measured) },
            None => by_profile,
        })
        .max_by_key(|limit| limit.sequences)
        .unwrap_or(by_profile)
}

/// The measured sweet spot of `model` on this machine; of several curves the last, as measurements
/// are appended. Without a digest nobody knows that it is the same model.
fn sweet_spot(hardware: &Hardware, model: &PlannedModel, curves: &[Curve]) -> Option<u32> {
    let digest = model.digest.as_ref()?;
    curves
        .iter()
        .rev()
        .filter(|curve| curve.provenance == Provenance::Measured)
        .filter(|curve| [&hardware.name, &hardware.profile].contains(&&curve.key.machine))
        .filter(|curve| curve.key.digest.as_ref() == Some(digest))
        .find_map(|curve| curve.sweet_spot.filter(|sequences| *sequences > 0))
}
