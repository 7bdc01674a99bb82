//! How parallel a plan is: what the targets derive from, and how many sequences may be in flight
//! over all engines. Curves decide where one fits, the profile where none does.
//!
//! Slots are rights, not load: the paper grants 84 slots on a machine that peaks at 16.

use harmonic_types::{Curve, Hardware, PlanCurve, Provenance};

use crate::input::PlannedModel;

/// A limit with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Sequences; at least 1.
    pub sequences: u32,
    /// That of the curve, else that of the hardware's own figure; `None` where the hardware does
    /// not state one.
    pub provenance: Option<Provenance>,
}

/// How parallel a plan is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parallelism {
    /// What the tiers' targets are shares of.
    pub peak: Limit,
    /// Most sequences in flight over all engines.
    pub max_in_flight: Limit,
    /// The curves behind them, in the order of the models.
    pub curves: Vec<PlanCurve>,
}

/// The parallelism of a stack on `models`.
///
/// - `peak`: each model has the sweet spot of its curve, measured here before published, or the
///   machine's `peak_parallel` while it has none.
/// - `max_in_flight`: each model allows its measured sweet spot, or the machine's `max_parallel`
///   while it has none. A published curve does not lower it: it was taken with another engine.
///
/// Of several models the largest figure holds for all. A sweet spot is where a plateau begins: an
/// engine that gets more than its own loses latency, and one that gets less loses throughput.
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

/// The curve that speaks for `model` on this machine: one measured here, else a published one.
fn best_curve(hardware: &Hardware, model: &PlannedModel, curves: &[Curve]) -> Option<PlanCurve> {
    let last = |fits: fn(&Hardware, &PlannedModel, &Curve) -> bool| {
        // Of several the last, as measurements are appended.
        curves.iter().rev().filter(|curve| fits(hardware, model, curve)).find_map(|curve| {
            Some(PlanCurve {
                model: model.name.clone(),
                key: curve.key.clone(),
                sweet_spot: curve.sweet_spot.filter(|sequences| *sequences > 0)?,
                provenance: curve.provenance,
            })
        })
    };
    last(was_measured).or_else(|| last(was_published))
}

/// Without a digest nobody knows that it is the same model.
fn was_measured(hardware: &Hardware, model: &PlannedModel, curve: &Curve) -> bool {
    curve.provenance == Provenance::Measured
        && [&hardware.name, &hardware.profile].contains(&&curve.key.machine)
        && model.digest.is_some()
        && curve.key.digest == model.digest
}

/// Publications name a model and rarely its file.
fn was_published(hardware: &Hardware, model: &PlannedModel, curve: &Curve) -> bool {
    curve.provenance != Provenance::Measured
        && curve.key.machine == hardware.profile
        && curve.key.model == model.name
        && (curve.key.digest.is_none() || curve.key.digest == model.digest)
}
