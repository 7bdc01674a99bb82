//! Comparison of a KV cache in `q8_0` with one in `f16`: divergence, then throughput.
//!
//! The result is a price, not a choice: `f16` stays, and the planner takes `q8_0` where the memory
//! budget requires it and the divergence is within bounds.

use std::sync::Arc;

use harmonic_models::{DIVERGENCE_BOUND, measure_kv_divergence};
use harmonic_types::{Divergence, Interval, KvType, QuantisedKv};

use crate::candidates::{CandidateSettings, PlannedCandidate, candidate};
use crate::error::TuneError;
use crate::target::TuneTarget;

/// Candidates in `f16` and `q8_0`.
///
/// # Errors
/// When the stack cannot be planned, the divergence cannot be measured, or the user stops.
pub(crate) async fn candidates(
    target: &TuneTarget<'_>,
) -> Result<(Vec<PlannedCandidate>, Divergence), TuneError> {
    let model = target.planned()?;
    let failed = |reason| TuneError::KvDivergence { model: target.model.clone(), reason };
    let path = model.path.as_ref().ok_or_else(|| failed("the model has no file".to_owned()))?;
    let (meter, observer) = (Arc::clone(&target.inputs.converter.meter), target.inputs.observer);
    let measuring = measure_kv_divergence(path, KvType::Q8_0, meter, observer);
    let measured = target.inputs.stop.run_until_cancelled(measuring).await;
    let divergence = measured.ok_or(TuneError::Stopped)?.map_err(failed)?;
    let with = |kv_type, divergence| {
        let settings = CandidateSettings { kv_type: Some(kv_type), ..target.settings() };
        candidate(target, model.clone(), divergence, settings)
    };
    let plain = with(KvType::F16, None)?;
    let mut quantised = with(KvType::Q8_0, Some(divergence))?;
    quantised.entry.reason.get_or_insert_with(|| {
        if divergence.is_within_bound() {
            "plans take it where memory is short".to_owned()
        } else {
            format!("KL divergence is not below {DIVERGENCE_BOUND}: plans never take it")
        }
    });
    Ok((vec![plain, quantised], divergence))
}

/// The price of the quantised cache.
pub(crate) fn price(
    divergence: Divergence,
    [plain, quantised]: [Option<Interval>; 2],
    parallel: u32,
) -> QuantisedKv {
    let rates = plain.zip(quantised).filter(|(plain, _)| plain.mean > 0.0);
    let speed = rates.map(|(plain, quantised)| quantised.mean / plain.mean);
    QuantisedKv { divergence, speed, parallel }
}
