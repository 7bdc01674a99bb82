//! Parallelism of a plan: the peak from which the slot targets are derived, and the maximum number
//! of sequences in flight over all engines. Taken from matching curves, else from the hardware
//! profile.
//!
//! Slots are quotas, not load: the paper grants 84 slots on a machine that peaks at 16.

use harmonic_types::{Curve, Hardware, PlanCurve, Provenance};

use crate::input::PlannedModel;

/// A limit with its provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Sequences; at least 1.
    pub sequences: u32,
    /// Provenance of the curve, else of the hardware's figure; `None` where the hardware states
    /// none.
    pub provenance: Option<Provenance>,
}

/// Parallelism of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parallelism {
    /// Peak parallelism; the tiers' targets are fractions of it.
    pub peak: Limit,
    /// Maximum number of sequences in flight over all engines.
    pub max_in_flight: Limit,
    /// Curves used, in the order of the models.
    pub curves: Vec<PlanCurve>,
}

/// Parallelism of a stack on `models`.
///
/// - `peak`: per model the sweet spot of its curve, measured here before published, else the
///   machine's `peak_parallel`.
/// - `max_in_flight`: per model its measured sweet spot, else the machine's `max_parallel`. A
///   published curve does not lower it: it was measured with another engine.
///
/// The largest figure of all models applies. A sweet spot is the start of a plateau: above its own,
/// an engine loses latency, below it throughput.
pub fn parallelism<'a>(
    hardware: &Hardware,
    models: impl IntoIterator<Item = &'a PlannedModel>,
    curves: &[Curve],
) -> Parallelism {
    let stated = |sequences: u32, pointer: &str| Limit {
        sequences: sequences.max(1),
        provenance: hardware.provenance.get(pointer).copied(),
    };
    let profile_peak = stated(hardware.peak_parallel, "/peak_parallel");
    let profile_max = stated(hardware.max_parallel, "/max_parallel");

    let mut used: Vec<PlanCurve> = Vec::new();
    let (mut peaks, mut maxima) = (Vec::new(), Vec::new());
    for model in models {
        let curve = best_curve(hardware, model, curves);
        let limit = curve
            .as_ref()
            .map(|curve| Limit { sequences: curve.sweet_spot, provenance: Some(curve.provenance) });
        peaks.push(limit.unwrap_or(profile_peak));
        let measured = limit.filter(|limit| limit.provenance == Some(Provenance::Measured));
        maxima.push(measured.unwrap_or(profile_max));
        used.extend(curve.filter(|curve| used.iter().all(|known| known.model != curve.model)));
    }
    let largest = |limits: Vec<Limit>, otherwise: Limit| {
        limits.into_iter().max_by_key(|limit| limit.sequences).unwrap_or(otherwise)
    };
    Parallelism {
        peak: largest(peaks, profile_peak),
        max_in_flight: largest(maxima, profile_max),
        curves: used,
    }
}

/// Curve of `model` on this machine: one measured here, else a published one.
fn best_curve(hardware: &Hardware, model: &PlannedModel, curves: &[Curve]) -> Option<PlanCurve> {
    let last = |fits: fn(&Hardware, &PlannedModel, &Curve) -> bool| {
        // The most recent one: measurements are appended.
        curves.iter().rev().filter(|curve| fits(hardware, model, curve)).find_map(|curve| {
            Some(PlanCurve {
                model: model.name.clone(),
                key: curve.key.clone(),
                sweet_spot: curve.sweet_spot.filter(|sequences| *sequences > 0)?,
                provenance: curve.provenance,
            })
        })
    };
    last(measured_here).or_else(|| last(published_for))
}

/// Whether `curve` was measured on this machine with this very file; false without a digest, because
/// the name alone does not identify a model.
fn measured_here(hardware: &Hardware, model: &PlannedModel, curve: &Curve) -> bool {
    curve.provenance == Provenance::Measured
        && [&hardware.name, &hardware.profile].contains(&&curve.key.machine)
        && model.digest.is_some()
        && curve.key.digest == model.digest
}

/// Whether `curve` was published for this hardware profile and model. Publications name a model and
/// rarely its file.
fn published_for(hardware: &Hardware, model: &PlannedModel, curve: &Curve) -> bool {
    curve.provenance != Provenance::Measured
        && curve.key.machine == hardware.profile
        && curve.key.model == model.name
        && (curve.key.digest.is_none() || curve.key.digest == model.digest)
}
