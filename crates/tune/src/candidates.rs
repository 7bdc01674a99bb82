//! Candidate settings, each with its plan, or the reason why it cannot run.

use harmonic_planner::PlannedModel;
use harmonic_types::{Divergence, EnginePlan, KvLayout, KvType, Plan, Threads, TuneCandidate};

use crate::error::TuneError;
use crate::target::TuneTarget;

/// Settings of a candidate; `None` leaves the choice to the planner.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CandidateSettings {
    pub(crate) kv_layout: Option<KvLayout>,
    pub(crate) threads: Option<Threads>,
    pub(crate) kv_type: Option<KvType>,
}

/// A candidate with its plan.
#[derive(Clone, Debug)]
pub(crate) struct PlannedCandidate {
    /// Entry in the comparison's record.
    pub(crate) entry: TuneCandidate,
    /// Model file.
    pub(crate) model: PlannedModel,
    /// Plan of this model's agents only, to be measured; `None` where the candidate cannot run.
    pub(crate) plan: Option<Plan>,
}

/// Candidate of these settings. It can run if the whole stack, planned with it, grants every agent
/// at least what the current plan does.
///
/// # Errors
/// When the stack cannot be planned with the current settings.
pub(crate) fn candidate(
    target: &TuneTarget<'_>,
    model: PlannedModel,
    divergence: Option<Divergence>,
    settings: CandidateSettings,
) -> Result<PlannedCandidate, TuneError> {
    let (current, _) = target.current_plans()?;
    let CandidateSettings { kv_layout, threads, .. } = settings;
    let planned = target.plans(&model, settings);
    let (plan, reason) = match planned {
        Err(error) => (None, Some(format!("it does not fit: {error}"))),
        Ok((whole, _))
            if grants_less(&whole, &current) || lacks_layout(&whole, &model, kv_layout) =>
        {
            (None, Some("the memory budget would give an agent less".to_owned()))
        }
        Ok((_, alone)) => (Some(alone), None),
    };
    let described = plan.as_ref().unwrap_or(&current);
    let engine = described.engines.iter().find(|engine| engine.model == model.name);
    let entry = TuneCandidate {
        format: model.shape.format.clone(),
        digest: model.digest.clone(),
        weights_bytes: model.shape.weights_bytes,
        divergence,
        kv_layout: kv_layout.or_else(|| engine.and_then(EnginePlan::kv_layout)).unwrap_or_default(),
        kv_type: settings
            .kv_type
            .or_else(|| engine.and_then(EnginePlan::kv_type))
            .unwrap_or_default(),
        threads: threads
            .map(|threads| threads.engine)
            .or_else(|| engine.and_then(EnginePlan::threads))
            .unwrap_or_default(),
        http_threads: threads.map_or(target.inputs.http_threads, |threads| threads.http),
        tok_s: None,
        reason,
    };
    Ok(PlannedCandidate { entry, model, plan })
}

/// Whether `plan` grants an agent less than `current`.
fn grants_less(plan: &Plan, current: &Plan) -> bool {
    current.agents.iter().zip(&plan.agents).any(|(before, after)| {
        after.slots < before.slots || (before.slots > 0 && after.context < before.context)
    })
}

/// Whether an engine of the model in `plan` has another layout than this.
fn lacks_layout(plan: &Plan, model: &PlannedModel, layout: Option<KvLayout>) -> bool {
    let mut engines = plan.engines.iter().filter(|engine| engine.model == model.name);
    layout.is_some_and(|layout| engines.any(|engine| engine.kv_layout() != Some(layout)))
}

/// Candidates of both layouts, and the index of the one in use.
///
/// # Errors
/// When the stack cannot be planned.
pub(crate) fn layouts(
    target: &TuneTarget<'_>,
) -> Result<(Vec<PlannedCandidate>, usize), TuneError> {
    const LAYOUTS: [KvLayout; 2] = [KvLayout::Streams, KvLayout::Unified];
    let (current, _) = target.current_plans()?;
    let used = current.engines.iter().find(|engine| engine.model == target.model);
    let used = used.and_then(EnginePlan::kv_layout).unwrap_or_default();
    let model = target.planned()?;
    let candidates = LAYOUTS.map(|layout| {
        let settings = CandidateSettings { kv_layout: Some(layout), ..target.settings() };
        candidate(target, model.clone(), None, settings)
    });
    let candidates = candidates.into_iter().collect::<Result<Vec<_>, TuneError>>()?;
    let present = LAYOUTS.iter().position(|layout| *layout == used).unwrap_or_default();
    Ok((candidates, present))
}

/// Candidates of engine thread counts, each with one and two threads for HTTP, and the index of the
/// one in use.
///
/// # Errors
/// When the stack cannot be planned.
pub(crate) fn threads(
    target: &TuneTarget<'_>,
) -> Result<(Vec<PlannedCandidate>, usize), TuneError> {
    let (_, alone) = target.current_plans()?;
    let engine = alone.engines.first().and_then(EnginePlan::threads).unwrap_or(1);
    let http = alone.http_threads.unwrap_or(target.inputs.http_threads);
    let used = Threads { engine, http };
    let mut all: Vec<Threads> = engine_threads(target.inputs.hardware.cpu_threads())
        .into_iter()
        .flat_map(|engine| [1, 2].map(|http| Threads { engine, http }))
        .collect();
    if !all.contains(&used) {
        all.push(used);
    }
    let model = target.planned()?;
    let candidates = all.iter().map(|threads| {
        let settings = CandidateSettings { threads: Some(*threads), ..target.settings() };
        candidate(target, model.clone(), None, settings)
    });
    let candidates = candidates.collect::<Result<Vec<_>, TuneError>>()?;
    let present = all.iter().position(|threads| *threads == used).unwrap_or_default();
    Ok((candidates, present))
}

/// All of `available`, one less, half, a quarter and one, for machines with hyper-threading, with
/// HTTP on one core, and limited by memory.
fn engine_threads(available: u32) -> Vec<u32> {
    let available = available.max(1);
    let mut counts = vec![1, available / 4, available / 2, available - 1, available];
    counts.retain(|count| *count > 0);
    counts.sort_unstable();
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_are_few_and_reach_all_cores() {
        assert_eq!(engine_threads(1), [1]);
        assert_eq!(engine_threads(2), [1, 2]);
        assert_eq!(engine_threads(8), [1, 2, 4, 7, 8]);
        assert_eq!(engine_threads(64), [1, 16, 32, 63, 64]);
    }
}
