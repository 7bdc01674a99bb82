//! Planning of a stack: with the machine, its models, and the known throughput.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harmonic_export::{ExportKind, ExportedFile};
use harmonic_models::{ModelError, catalog};
use harmonic_planner::{
    FullContext, MemoryRow, PaperFigures, PlanOptions, PlannedModel, full_contexts, memory_table,
    memory_with_sharing,
};
use harmonic_profiles::{curve, paper_curves, tuned};
use harmonic_types::{
    Bytes, Curve, EngineKind, Finding, Hardware, ModelFile, Plan, Sharing, StackSpec, TunedConfig,
};

use crate::engines;
use crate::error::{AppError, Result};
use crate::event::{Event, Observer, warn_skipped};
use crate::models::check_known;
use crate::settings::Settings;
use crate::team_request::{TeamRequest, check_local};

/// Inputs of the planner: models of a stack, and known throughput of this machine.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// The models, by the names that the agents use.
    pub models: BTreeMap<String, PlannedModel>,
    /// Curves; of several that match, the planner uses the last.
    pub curves: Vec<Curve>,
    /// Tuned configs of this build's engines.
    pub tuned: Vec<TunedConfig>,
}

impl PlanInputs {
    /// Inputs for the models of `stack` and the engines of `team`. An unreadable document is skipped
    /// with a warning.
    ///
    /// # Errors
    /// When a model is unknown, or a folder cannot be read.
    pub fn of(
        stack: &StackSpec,
        team: &TeamRequest,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let kinds = engine_kinds(stack, team);
        Ok(Self {
            models: models(stack, team, settings)?,
            tuned: tuned(settings, &kinds, observer)?,
            curves: curves(settings, &kinds, observer)?,
        })
    }
}

/// Plans `stack` with the models on this machine, or else as the catalog describes them.
///
/// # Errors
/// When a model is unknown, the stack does not fit, or an agent's prompts would leave this machine
/// although that is refused.
pub fn plan(
    hardware: &Hardware,
    stack: &StackSpec,
    team: &TeamRequest,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Plan> {
    let inputs = PlanInputs::of(stack, team, settings, observer)?;
    let plan = plan_with(hardware, stack, &team.options(), &inputs)?;
    if team.local_only {
        check_local(&plan)?;
    }
    for finding in findings(&plan) {
        observer.event(Event::Warning(&finding));
    }
    Ok(plan)
}

/// What a person should know of `plan` before it is used.
pub fn findings(plan: &Plan) -> Vec<Finding> {
    let finding = |FullContext { agent, prompt, context }| {
        Finding::new(
            "system-prompt-long",
            format!(
                "the system prompt of agent `{agent}` has about {prompt} tokens, and its context is \
                 {context}: no request may fit beside it"
            ),
            "shorten the prompt, or raise `context` of the agent",
        )
    };
    full_contexts(plan).into_iter().map(finding).collect()
}

/// Plans `stack` with exactly these inputs.
///
/// # Errors
/// When the stack does not fit.
pub fn plan_with(
    hardware: &Hardware,
    stack: &StackSpec,
    options: &PlanOptions,
    inputs: &PlanInputs,
) -> Result<Plan> {
    let PlanInputs { models, curves, tuned } = inputs;
    let options = PlanOptions { tuned: tuned.clone(), ..options.clone() };
    harmonic_planner::plan(hardware, stack, models, &options, curves).map_err(AppError::context(
        format!("cannot plan the stack `{}` on {}", stack.name, hardware.name),
    ))
}

/// Reads the plan in the file at `path`, as printed by `plan --json`.
///
/// # Errors
/// When it cannot be read, has another schema, or is invalid.
pub fn read(path: &Path) -> Result<Plan> {
    Ok(harmonic_launcher::read_plan(path)?)
}

/// Memory of the models of `stack` at each number of `slots`.
///
/// # Errors
/// When the paper's rule is selected and does not cover a model.
pub fn table(
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    slots: &[u32],
) -> Result<Vec<MemoryRow>> {
    Ok(memory_table(stack, models, options, slots)?)
}

/// Memory of a plan's slots, without that for preempted sequences and kept conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotCosts {
    /// With the sharing of the plan.
    pub planned: Bytes,
    /// With the other sharing.
    pub alternative: Bytes,
}

/// Memory of the slots of `plan`, shared and isolated.
///
/// # Errors
/// When the models cannot be planned with the other sharing.
pub fn slot_costs(plan: &Plan, models: &BTreeMap<String, PlannedModel>) -> Result<SlotCosts> {
    let other = match plan.sharing {
        Sharing::Shared => Sharing::Isolated,
        Sharing::Isolated => Sharing::Shared,
    };
    Ok(SlotCosts {
        planned: memory_with_sharing(plan, models, plan.sharing)?,
        alternative: memory_with_sharing(plan, models, other)?,
    })
}

/// Files that run `plan` with other software; written into `folder` if given.
///
/// # Errors
/// When the plan cannot be expressed, or a file cannot be written.
pub fn export(plan: &Plan, kind: ExportKind, folder: Option<&Path>) -> Result<Vec<ExportedFile>> {
    let files = harmonic_export::files(plan, kind)?;
    if let Some(folder) = folder {
        harmonic_export::write(&files, folder)?;
    }
    Ok(files)
}

/// The models of `stack`, by the names that its agents use.
///
/// # Errors
/// When one is neither on this machine nor in the catalog, and is not on a server elsewhere.
pub fn models(
    stack: &StackSpec,
    team: &TeamRequest,
    settings: &Settings,
) -> Result<BTreeMap<String, PlannedModel>> {
    let named = stack.models().into_iter().map(|name| {
        let model = if team.is_elsewhere(stack, name) {
            PlannedModel::elsewhere(name)
        } else {
            planned_model(name, settings)?
        };
        Ok((name.to_owned(), model))
    });
    named.collect()
}

/// Kinds of the engines of `stack`, and of agents that compute embeddings beside them.
fn engine_kinds(stack: &StackSpec, team: &TeamRequest) -> BTreeSet<EngineKind> {
    let default = team.default_engine();
    let mut kinds: BTreeSet<EngineKind> =
        stack.agents.iter().map(|agent| stack.engine_of(&agent.name, default).kind()).collect();
    if !kinds.contains(&EngineKind::Sim) {
        kinds.insert(EngineKind::Llama);
    }
    kinds
}

/// Configs tuned with this build's engines of `kinds`.
fn tuned(
    settings: &Settings,
    kinds: &BTreeSet<EngineKind>,
    observer: &dyn Observer,
) -> Result<Vec<TunedConfig>> {
    let stored = tuned::stored(&settings.tuned)?;
    warn_skipped(observer, &stored.skipped);
    let is_own = |config: &TunedConfig| is_build_of(kinds, &config.key.engine);
    Ok(stored.documents.into_iter().filter(is_own).collect())
}

/// Whether `build` names an engine build that is used for one of `kinds`.
fn is_build_of(kinds: &BTreeSet<EngineKind>, build: &str) -> bool {
    kinds.iter().any(|kind| engines::is_build(*kind, build))
}

/// The paper's curves, then those measured here with other engine builds, then those of the builds
/// in use: of several that match, the planner uses the last.
fn curves(
    settings: &Settings,
    kinds: &BTreeSet<EngineKind>,
    observer: &dyn Observer,
) -> Result<Vec<Curve>> {
    let stored = curve::stored(&settings.curves)?;
    warn_skipped(observer, &stored.skipped);
    let (own, others): (Vec<_>, Vec<_>) =
        stored.documents.into_iter().partition(|curve| is_build_of(kinds, &curve.key.engine));
    Ok([paper_curves(), others, own].concat())
}

fn planned_model(name: &str, settings: &Settings) -> Result<PlannedModel> {
    let entry = catalog::find(name);
    let paper = entry
        .as_ref()
        .and_then(|entry| entry.declared)
        .map(|declared| PaperFigures { base: declared.base, kv_per_slot: declared.kv_per_slot });
    let located = harmonic_models::locate(&settings.store, &settings.caches, name)?;
    if let Some(ModelFile { path, digest, shape, .. }) = located {
        return Ok(PlannedModel { name: name.to_owned(), path: Some(path), digest, shape, paper });
    }
    if let Some(entry) = entry {
        let shape = entry.shape;
        return Ok(PlannedModel { name: name.to_owned(), path: None, digest: None, shape, paper });
    }
    // An unknown name and a model that was not fetched are different errors.
    check_known(name, settings)?;
    Err(ModelError::NotStored(name.to_owned()).into())
}
