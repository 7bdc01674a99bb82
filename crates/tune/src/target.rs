//! A base model whose settings are compared, with its tuned config.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use harmonic_models::Store;
use harmonic_models::pull::ConvertAtPull;
use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_types::{
    AgentName, Curve, CurveKey, Hardware, Plan, Provenance, StackSpec, TuneAxis, TuneComparison,
    TunedConfig,
};
use tokio_util::sync::CancellationToken;

use crate::candidates::CandidateSettings;
use crate::error::TuneError;
use crate::trials::TuneObserver;

/// Base models to compare: those of `agents`, or all of the stack if `agents` is empty.
///
/// # Errors
/// When the stack has no such agent.
pub fn models<'a>(stack: &'a StackSpec, agents: &[AgentName]) -> Result<Vec<&'a str>, TuneError> {
    let known = |name: &AgentName| stack.agents.iter().any(|agent| agent.name == *name);
    if let Some(unknown) = agents.iter().find(|name| !known(name)) {
        let names: Vec<&str> = stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
        return Err(TuneError::UnknownAgent { agent: unknown.clone(), known: names.join(", ") });
    }
    let wanted = |model: &str| {
        let mut users = stack.agents.iter().filter(|agent| agent.model == model);
        agents.is_empty() || users.any(|agent| agents.contains(&agent.name))
    };
    Ok(stack.models().into_iter().filter(|model| wanted(model)).collect())
}

/// Inputs of a comparison.
#[derive(Clone, Copy)]
pub struct TuneInputs<'a> {
    /// The machine.
    pub hardware: &'a Hardware,
    /// Stack, whose agents must all keep their slots and contexts.
    pub stack: &'a StackSpec,
    /// The stack's models by name.
    pub models: &'a BTreeMap<String, PlannedModel>,
    /// Curves to plan with.
    pub curves: &'a [Curve],
    /// Stored tuned configs of this engine build.
    pub tuned: &'a [TunedConfig],
    /// Options of the plan; its `tuned` is ignored.
    pub options: &'a PlanOptions,
    /// Engine build, as in the key of curves.
    pub engine: &'a str,
    /// Sequences in flight; `None` for the number in the plan.
    pub parallel: Option<u32>,
    /// Number of turns of each candidate.
    pub rounds: u32,
    /// Threads of the HTTP server without a tuned config.
    pub http_threads: u32,
    /// Model store.
    pub store: &'a Store,
    /// Folder of tuned configs.
    pub folder: &'a Path,
    /// Converter of weights, and meter of their divergence.
    pub converter: &'a ConvertAtPull,
    /// Receiver of progress.
    pub observer: &'a dyn TuneObserver,
    /// Cancelled when the user stops the comparison.
    pub stop: &'a CancellationToken,
}

impl fmt::Debug for TuneInputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TuneInputs").field("stack", &self.stack.name).finish_non_exhaustive()
    }
}

/// A base model and its tuned config.
#[derive(Debug)]
pub(crate) struct TuneTarget<'a> {
    pub(crate) inputs: TuneInputs<'a>,
    /// Name of the model.
    pub(crate) model: String,
    /// Tuned config: the stored one, updated by each comparison.
    pub(crate) config: TunedConfig,
    /// Sequences in flight.
    pub(crate) parallel: u32,
    /// The stack's agents on this model only.
    alone: StackSpec,
    models: BTreeMap<String, PlannedModel>,
    /// Tuned configs of the other models.
    others: Vec<TunedConfig>,
}

impl<'a> TuneTarget<'a> {
    /// Target of `model`, with its current plan.
    ///
    /// # Errors
    /// When the stack cannot be planned.
    pub(crate) fn new(inputs: TuneInputs<'a>, model: &str) -> Result<Self, TuneError> {
        let TuneInputs { hardware, stack, .. } = inputs;
        let models = inputs.models.clone();
        let (known, others): (Vec<_>, Vec<_>) =
            inputs.tuned.iter().cloned().partition(|config| config.key.model == model);
        let agents = stack.agents.iter().filter(|agent| agent.model == model).cloned();
        let alone = StackSpec::new(stack.name.clone(), agents.collect());
        let present = models.get(model);
        let key = CurveKey {
            machine: hardware.name.clone(),
            model: model.to_owned(),
            digest: present.and_then(|model| model.digest.clone()),
            format: present.map(|model| model.shape.format.clone()),
            engine: inputs.engine.to_owned(),
            context: None,
        };
        let of_this_file = |config: &TunedConfig| {
            config.key.machine == key.machine && config.key.digest == key.digest
        };
        let known = known.into_iter().rfind(of_this_file);
        let config = known.unwrap_or_else(|| TunedConfig {
            schema: TunedConfig::SCHEMA.to_owned(),
            key,
            parallel: 0,
            kv_layout: None,
            threads: None,
            quantised_kv: None,
            comparisons: Vec::new(),
            provenance: Provenance::Measured,
        });
        let model = model.to_owned();
        let mut target = Self { inputs, model, config, parallel: 0, alone, models, others };
        target.parallel = target.planned_parallel()?;
        target.config.parallel = target.parallel;
        Ok(target)
    }

    /// Sequences in flight of the inputs, else the plan's maximum for this model.
    fn planned_parallel(&self) -> Result<u32, TuneError> {
        let (whole, alone) = self.current_plans()?;
        let engines = whole.engines.iter().filter(|engine| engine.model == self.model);
        let sequences: u32 = engines.map(|engine| engine.sequences).sum();
        if sequences == 0 {
            return Err(TuneError::NotPlaced { model: self.model.clone() });
        }
        let planned = sequences.min(whole.max_in_flight).min(alone.max_in_flight);
        Ok(self.inputs.parallel.unwrap_or(planned))
    }

    /// The model in use.
    pub(crate) fn planned(&self) -> Result<&PlannedModel, TuneError> {
        let known = self.models.get(&self.model);
        known.ok_or_else(|| TuneError::UnknownModel { model: self.model.clone() })
    }

    /// Plans with the current settings: of the whole stack, and of this model's agents only.
    ///
    /// # Errors
    /// When the stack does not fit.
    pub(crate) fn current_plans(&self) -> Result<(Plan, Plan), TuneError> {
        self.plans(self.planned()?, self.settings())
    }

    /// The current settings.
    pub(crate) fn settings(&self) -> CandidateSettings {
        let TunedConfig { kv_layout, threads, .. } = self.config;
        CandidateSettings { kv_layout, threads, kv_type: self.inputs.options.kv_type }
    }

    /// Plans with other settings of this model.
    ///
    /// # Errors
    /// When the stack does not fit.
    pub(crate) fn plans(
        &self,
        model: &PlannedModel,
        CandidateSettings { kv_layout, threads, kv_type }: CandidateSettings,
    ) -> Result<(Plan, Plan), TuneError> {
        let mut models = self.models.clone();
        models.insert(self.model.clone(), model.clone());
        let key = CurveKey { digest: model.digest.clone(), ..self.config.key.clone() };
        let assumed = TunedConfig { key, kv_layout, threads, ..self.config.clone() };
        let tuned = self.others.iter().cloned().chain([assumed]).collect();
        let TuneInputs { hardware, stack, curves, options, .. } = self.inputs;
        let options = PlanOptions { tuned, kv_type, ..options.clone() };
        let plan = |stack: &StackSpec| {
            harmonic_planner::plan(hardware, stack, &models, &options, curves).map_err(|source| {
                let (stack, machine) = (stack.name.clone(), hardware.name.clone());
                TuneError::Plan { stack, machine, source }
            })
        };
        Ok((plan(stack)?, plan(&self.alone)?))
    }

    /// Sets the file that the model's agents run on.
    pub(crate) fn set_model(&mut self, model: PlannedModel) {
        self.models.insert(self.model.clone(), model);
    }

    /// Stores the result of a comparison, replacing an earlier one of the same axis. Results that
    /// another process has stored meanwhile for the same file are preserved.
    ///
    /// # Errors
    /// When the config cannot be written.
    pub(crate) fn keep(&mut self, comparison: TuneComparison) -> Result<(), TuneError> {
        let own = self.config.clone();
        self.config = harmonic_profiles::tuned::update(self.inputs.folder, &own.key, |stored| {
            let same_file = |stored: &TunedConfig| stored.key == own.key;
            let mut config = stored.filter(same_file).unwrap_or_else(|| own.clone());
            match comparison.axis {
                TuneAxis::Formats => {}
                TuneAxis::Layouts => config.kv_layout = own.kv_layout,
                TuneAxis::Threads => config.threads = own.threads,
                TuneAxis::KvTypes => config.quantised_kv = own.quantised_kv,
            }
            config.parallel = self.parallel;
            config.comparisons.retain(|earlier| earlier.axis != comparison.axis);
            config.comparisons.push(comparison);
            config
        })?;
        Ok(())
    }
}
