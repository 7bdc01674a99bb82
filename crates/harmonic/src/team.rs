//! From a stack to a plan with all its models here: what `plan`, `up`, `bench` and `demo` share.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use harmonic_hardware::curve::{self, paper_curves};
use harmonic_hardware::{RunsOn, Sysroot, setup};
use harmonic_models::pull::ConvertAtPull;
use harmonic_models::{ModelError, PullOptions, Source, catalog};
use harmonic_planner::{PaperFigures, PlanOptions, PlannedModel};
use harmonic_types::{
    Bytes, Curve, EngineKind, Hardware, MeasuredSetup, ModelFile, Plan, StackSpec,
};

use crate::agree::agree;
use crate::cli;
use crate::engines::{self, LlamaConverter};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Shown;
use crate::settings::Settings;
use crate::stop::Stop;

/// Above this the user is asked before it is fetched.
const ASK_ABOVE: Bytes = Bytes(1_000_000_000);

/// What the engines of this build compute on. `harmonic detect` describes the machine's best device
/// in any case; a plan must fit the memory that its engines can really use.
pub const RUNS_ON: RunsOn =
    if cfg!(any(feature = "cuda", feature = "rocm", feature = "vulkan", feature = "metal")) {
        RunsOn::Best
    } else {
        RunsOn::Cpu
    };

/// This machine, as the engines of this build see it.
///
/// # Errors
/// When it cannot be described.
pub fn hardware() -> anyhow::Result<Hardware> {
    Ok(harmonic_hardware::detect_for(&Sysroot::default(), RUNS_ON)?)
}

/// The stack that is meant.
///
/// # Errors
/// When there is none of that name, or the file is not valid.
pub fn stack(args: &cli::Team, settings: &Settings) -> anyhow::Result<StackSpec> {
    Ok(harmonic_stack::resolve(args.stack.as_deref().unwrap_or(&settings.stack))?)
}

/// How to fetch models on this machine.
pub fn pull_options(settings: &Settings, hardware: &Hardware) -> PullOptions {
    let features = hardware.devices.iter().flat_map(|device| device.features.clone()).collect();
    let converter = Arc::new(LlamaConverter { threads: hardware.cpu_threads() });
    let convert = ConvertAtPull { quantizer: converter.clone(), meter: converter, features };
    PullOptions { convert: Some(convert), ..settings.pull.clone() }
}

/// Fetches what the stack needs and the store lacks. Asks before a large one, unless `yes`.
///
/// # Errors
/// When a model is unknown, cannot be fetched, or the user does not agree.
pub async fn pull_missing(
    stack: &StackSpec,
    settings: &Settings,
    hardware: &Hardware,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<()> {
    let options = pull_options(settings, hardware);
    let mut missing = Vec::new();
    for model in stack.models() {
        if harmonic_models::locate(&settings.store, &settings.caches, model)?.is_none() {
            missing.push((model, source(model)?));
        }
    }
    for (model, source) in &missing {
        let size = download_size(source);
        let large = size.is_none_or(|size| size > ASK_ABOVE);
        if large && !yes {
            stop.or(agreement(model, size, printer)).await??;
        }
    }
    for (_, source) in &missing {
        let shown = Shown::on(printer);
        stop.or(harmonic_models::pull(&settings.store, source, &options, &shown)).await??;
    }
    Ok(())
}

/// A model's source; a name that the catalog does not have is refused.
fn source(model: &str) -> Result<Source, ModelError> {
    let source: Source = model.parse()?;
    let unknown = match &source {
        Source::Name(name) => catalog::find(name).is_none(),
        // It would have been found.
        Source::Cached { .. } => true,
        _ => false,
    };
    if unknown {
        let (name, known) = (source.to_string(), harmonic_models::CATALOG_NAMES.join(", "));
        return Err(ModelError::UnknownModel { name, known });
    }
    Ok(source)
}

/// Bytes that travel at most; zero from this disk, `None` where nobody says.
fn download_size(source: &Source) -> Option<Bytes> {
    match source {
        Source::Path(_) | Source::Cached { .. } => Some(Bytes::ZERO),
        Source::Hub { .. } | Source::Quant { .. } | Source::Wheel(_) => None,
        Source::Name(name) => {
            let origins = catalog::find(name)?.origins;
            origins.iter().map(|origin| origin.download.max(origin.size)).max().flatten()
        }
    }
}

async fn agreement(model: &str, size: Option<Bytes>, printer: &Printer) -> Result<(), Failure> {
    let size = size.map_or_else(|| "of unknown size".to_owned(), |size| format!("of {size}"));
    let what = format!("the model {model} is not here, and fetching it is a download {size}");
    let command = format!("`harmonic models pull {model}` fetches it, so does --yes here");
    if !printer.can_ask() {
        return Err(Failure::new(what, command));
    }
    if agree(&format!("{what}. Fetch it?")).await {
        return Ok(());
    }
    Err(Failure::new(format!("{model} was not fetched"), command))
}

/// Plans the stack with the models as they are here, or as the catalog knows them.
///
/// # Errors
/// When a model is unknown or the stack does not fit.
pub fn plan(
    stack: &StackSpec,
    settings: &Settings,
    hardware: &Hardware,
    args: &cli::Team,
    printer: &Printer,
) -> anyhow::Result<Plan> {
    plan_with(hardware, stack, &models(stack, settings)?, &options(args), settings, printer)
}

/// How the arguments say to plan.
pub fn options(args: &cli::Team) -> PlanOptions {
    PlanOptions {
        sharing: args.sharing.into(),
        budget: args.budget.into(),
        engine_kind: args.engine.kind(),
        ..PlanOptions::default()
    }
}

/// The models of the stack, by the names that its agents use.
///
/// # Errors
/// When one is neither here nor in the catalog.
pub fn models(
    stack: &StackSpec,
    settings: &Settings,
) -> anyhow::Result<BTreeMap<String, PlannedModel>> {
    let named = stack.models().into_iter().map(|name| {
        let model = planned_model(name, settings)?;
        Ok((name.to_owned(), model))
    });
    named.collect()
}

/// Plans with all that is known of throughput: the paper's curves, what was measured here, and the
/// setups of this build's engines.
///
/// # Errors
/// When the folder of curves or setups cannot be read or the stack does not fit.
pub fn plan_with(
    hardware: &Hardware,
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<Plan> {
    let setups = setups(settings, options.engine_kind, printer)?;
    let curves = curves(settings, options.engine_kind, printer)?;
    let options = PlanOptions { setups, ..options.clone() };
    planned(hardware, stack, models, &options, &curves)
}

/// The setups that were measured with this build's engines of a kind. One that cannot be read is
/// warned of and skipped.
///
/// # Errors
/// When their folder cannot be read.
pub fn setups(
    settings: &Settings,
    engine_kind: EngineKind,
    printer: &Printer,
) -> anyhow::Result<Vec<MeasuredSetup>> {
    let build = engines::build(engine_kind);
    let stored = setup::stored(&settings.setups)?;
    printer.skipped(&stored.skipped);
    Ok(stored.documents.into_iter().filter(|setup| setup.key.engine == build).collect())
}

/// The paper's curves, then those measured here with other builds of engines, then those measured
/// with this build's: of several that fit, the planner takes the last. One that cannot be read is
/// warned of and skipped.
///
/// # Errors
/// When their folder cannot be read.
pub fn curves(
    settings: &Settings,
    engine_kind: EngineKind,
    printer: &Printer,
) -> anyhow::Result<Vec<Curve>> {
    let build = engines::build(engine_kind);
    let stored = curve::stored(&settings.curves)?;
    printer.skipped(&stored.skipped);
    let (own, others): (Vec<_>, Vec<_>) =
        stored.documents.into_iter().partition(|curve| curve.key.engine == build);
    Ok([paper_curves(), others, own].concat())
}

/// Plans with exactly this knowledge.
///
/// # Errors
/// When the stack does not fit.
pub fn planned(
    hardware: &Hardware,
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    curves: &[Curve],
) -> anyhow::Result<Plan> {
    harmonic_planner::plan(hardware, stack, models, options, curves)
        .with_context(|| format!("cannot plan the stack `{}` on {}", stack.name, hardware.name))
}

fn planned_model(name: &str, settings: &Settings) -> anyhow::Result<PlannedModel> {
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
