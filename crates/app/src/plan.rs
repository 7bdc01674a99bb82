//! From a stack to a plan: the machine, the models as they are here, and all that is known of
//! throughput.

use std::collections::BTreeMap;
use std::path::Path;

use harmonic_export::{ExportKind, ExportedFile};
use harmonic_models::{ModelError, catalog};
use harmonic_planner::{
    MemoryRow, PaperFigures, PlanOptions, PlannedModel, memory_table, memory_with_sharing,
};
use harmonic_profiles::{curve, paper_curves, tuned};
use harmonic_types::{
    BudgetRule, Bytes, Curve, EngineKind, Hardware, ModelFile, Plan, Sharing, StackSpec,
    TunedConfig,
};

use crate::engines;
use crate::error::{AppError, Result};
use crate::event::{Observer, warn_skipped};
use crate::models::source;
use crate::settings::Settings;

/// A team and the rules of its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRequest {
    /// A built-in stack or a stack file; `None` for [`Settings::stack`].
    pub stack: Option<String>,
    /// Whether agents on one base model share its weights.
    pub sharing: Sharing,
    /// The arithmetic of the memory ledger.
    pub budget: BudgetRule,
    /// What runs the models.
    pub engine: EngineKind,
}

impl TeamRequest {
    /// How the planner is told.
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            sharing: self.sharing,
            budget: self.budget,
            engine_kind: self.engine,
            ..PlanOptions::default()
        }
    }
}

/// Models of a stack, and known throughput of this machine.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The models, by the names that the agents use.
    pub models: BTreeMap<String, PlannedModel>,
    /// Curves; of several that fit, the planner takes the last.
    pub curves: Vec<Curve>,
    /// Tuned configs of this build's engines.
    pub tuned: Vec<TunedConfig>,
}

impl Knowledge {
    /// What is known of the models of `stack` and of engines of `kind`. A document that cannot be
    /// read is warned of and skipped.
    ///
    /// # Errors
    /// When a model is unknown, or a folder cannot be read.
    pub fn of(
        stack: &StackSpec,
        kind: EngineKind,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        Ok(Self {
            models: models(stack, settings)?,
            tuned: tuned(settings, kind, observer)?,
            curves: curves(settings, kind, observer)?,
        })
    }
}

/// The stack that is meant.
///
/// # Errors
/// When there is none of that name, or the file is not valid.
pub fn stack(team: &TeamRequest, settings: &Settings) -> Result<StackSpec> {
    Ok(harmonic_stack::resolve(team.stack.as_deref().unwrap_or(&settings.stack))?)
}

/// The plan of `stack` with the models as they are here, or as the catalog knows them.
///
/// # Errors
/// When a model is unknown or the stack does not fit.
pub fn plan(
    hardware: &Hardware,
    stack: &StackSpec,
    team: &TeamRequest,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Plan> {
    let knowledge = Knowledge::of(stack, team.engine, settings, observer)?;
    plan_with(hardware, stack, &team.options(), &knowledge)
}

/// The plan of `stack` with exactly this knowledge.
///
/// # Errors
/// When the stack does not fit.
pub fn plan_with(
    hardware: &Hardware,
    stack: &StackSpec,
    options: &PlanOptions,
    knowledge: &Knowledge,
) -> Result<Plan> {
    let Knowledge { models, curves, tuned } = knowledge;
    let options = PlanOptions { tuned: tuned.clone(), ..options.clone() };
    harmonic_planner::plan(hardware, stack, models, &options, curves).map_err(AppError::doing(
        format!("cannot plan the stack `{}` on {}", stack.name, hardware.name),
    ))
}

/// The plan in the file at `path`, as `plan --json` prints it.
///
/// # Errors
/// When it cannot be read, is of another schema, or is no plan.
pub fn read(path: &Path) -> Result<Plan> {
    Ok(harmonic_launcher::read_plan(path)?)
}

/// What the models of `stack` need at each number of `slots`.
///
/// # Errors
/// When the paper's rule is asked for and does not cover a model.
pub fn table(
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    slots: &[u32],
) -> Result<Vec<MemoryRow>> {
    Ok(memory_table(stack, models, options, slots)?)
}

/// What the slots of a plan cost, without what is kept for parked sequences and conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotCosts {
    /// As the agents relate in the plan.
    pub planned: Bytes,
    /// If they related the other way.
    pub otherwise: Bytes,
}

/// What the slots of `plan` cost, shared and isolated.
///
/// # Errors
/// When the models cannot be planned the other way.
pub fn slot_costs(plan: &Plan, models: &BTreeMap<String, PlannedModel>) -> Result<SlotCosts> {
    let other = match plan.sharing {
        Sharing::Shared => Sharing::Isolated,
        Sharing::Isolated => Sharing::Shared,
    };
    Ok(SlotCosts {
        planned: memory_with_sharing(plan, models, plan.sharing)?,
        otherwise: memory_with_sharing(plan, models, other)?,
    })
}

/// The files that run `plan` without us; written into `folder` where there is one.
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

/// The models of the stack, by the names that its agents use.
///
/// # Errors
/// When one is neither here nor in the catalog.
pub fn models(stack: &StackSpec, settings: &Settings) -> Result<BTreeMap<String, PlannedModel>> {
    let named = stack.models().into_iter().map(|name| {
        let model = planned_model(name, settings)?;
        Ok((name.to_owned(), model))
    });
    named.collect()
}

/// The configs that were tuned with this build's engines of a kind.
fn tuned(
    settings: &Settings,
    kind: EngineKind,
    observer: &dyn Observer,
) -> Result<Vec<TunedConfig>> {
    let build = engines::build(kind);
    let stored = tuned::stored(&settings.tuned)?;
    warn_skipped(observer, &stored.skipped);
    Ok(stored.documents.into_iter().filter(|config| config.key.engine == build).collect())
}

/// The paper's curves, then those measured here with other builds of engines, then those measured
/// with this build's: of several that fit, the planner takes the last.
fn curves(settings: &Settings, kind: EngineKind, observer: &dyn Observer) -> Result<Vec<Curve>> {
    let build = engines::build(kind);
    let stored = curve::stored(&settings.curves)?;
    warn_skipped(observer, &stored.skipped);
    let (own, others): (Vec<_>, Vec<_>) =
        stored.documents.into_iter().partition(|curve| curve.key.engine == build);
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
    // An unknown name is one error, a model that was not fetched another.
    source(name)?;
    Err(ModelError::NotStored(name.to_owned()).into())
}
