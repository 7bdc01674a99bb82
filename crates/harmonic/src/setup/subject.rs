//! One base model whose settings are compared, and what is known of them so far.

use std::collections::BTreeMap;

use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_types::{
    AgentName, Curve, CurveKey, Hardware, KvLayout, Plan, Provenance, StackSpec, Threads, TuneAxis,
    TuneComparison, TunedConfig,
};

use crate::failure::Failure;
use crate::setup::Desk;
use crate::{engines, team};

/// The base models to compare: those of `agents`, or all of the stack's where none is named.
pub fn models<'a>(stack: &'a StackSpec, agents: &[AgentName]) -> Result<Vec<&'a str>, Failure> {
    let known = |name: &AgentName| stack.agents.iter().any(|agent| agent.name == *name);
    if let Some(unknown) = agents.iter().find(|name| !known(name)) {
        let names: Vec<&str> = stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
        let message = format!("there is no agent `{unknown}` to measure");
        return Err(Failure::new(message, format!("use one of {}", names.join(", "))));
    }
    let wanted = |model: &str| {
        let mut users = stack.agents.iter().filter(|agent| agent.model == model);
        agents.is_empty() || users.any(|agent| agents.contains(&agent.name))
    };
    Ok(stack.models().into_iter().filter(|model| wanted(model)).collect())
}

/// A base model and its setup.
#[derive(Debug)]
pub struct Subject<'a> {
    pub desk: Desk<'a>,
    /// Its name.
    pub model: String,
    /// What is known: stored before, then what was kept.
    pub setup: TunedConfig,
    /// Sequences in flight.
    pub parallel: u32,
    pub hardware: &'a Hardware,
    stack: &'a StackSpec,
    /// The stack's agents on this model.
    alone: StackSpec,
    models: BTreeMap<String, PlannedModel>,
    curves: Vec<Curve>,
    /// Setups of the other models.
    others: Vec<TunedConfig>,
}

impl<'a> Subject<'a> {
    /// `model` of `stack`, as it is planned now.
    ///
    /// # Errors
    /// When the stack cannot be planned, or a stored setup not be read.
    pub fn of(
        desk: Desk<'a>,
        hardware: &'a Hardware,
        stack: &'a StackSpec,
        model: &str,
    ) -> anyhow::Result<Self> {
        let models = team::models(stack, desk.settings)?;
        let kind = desk.args.team.engine.kind();
        let curves = team::curves(desk.settings, kind, desk.printer)?;
        let engine = engines::build(kind);
        let stored = team::tuned(desk.settings, kind, desk.printer)?;
        let (known, others): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|setup| setup.key.model == model);
        let agents = stack.agents.iter().filter(|agent| agent.model == model).cloned();
        let alone = StackSpec { name: stack.name.clone(), agents: agents.collect() };
        let present = models.get(model);
        let key = CurveKey {
            machine: hardware.name.clone(),
            model: model.to_owned(),
            digest: present.and_then(|model| model.digest.clone()),
            format: present.map(|model| model.shape.format.clone()),
            engine,
            context: None,
        };
        let of_this_file = |setup: &TunedConfig| {
            setup.key.machine == key.machine && setup.key.digest == key.digest
        };
        let known = known.into_iter().rfind(of_this_file);
        let setup = known.unwrap_or_else(|| TunedConfig {
            schema: TunedConfig::SCHEMA.to_owned(),
            key,
            parallel: 0,
            kv_layout: None,
            threads: None,
            comparisons: Vec::new(),
            provenance: Provenance::Measured,
        });
        let model = model.to_owned();
        let mut subject = Self {
            desk,
            model,
            setup,
            parallel: 0,
            hardware,
            stack,
            alone,
            models,
            curves,
            others,
        };
        subject.parallel = subject.planned_parallel()?;
        subject.setup.parallel = subject.parallel;
        Ok(subject)
    }

    /// Sequences that the plan can have in flight on this model; of `--levels` the highest.
    fn planned_parallel(&self) -> anyhow::Result<u32> {
        let (whole, alone) = self.present()?;
        let engines = whole.engines.iter().filter(|engine| engine.model == self.model);
        let sequences: u32 = engines.map(|engine| engine.sequences).sum();
        if sequences == 0 {
            let what = format!("the plan places no agent on {}", self.model);
            return Err(Failure::new(what, "`harmonic plan` says why").into());
        }
        let planned = sequences.min(whole.max_in_flight).min(alone.max_in_flight);
        let asked = self.desk.args.levels.as_ref();
        let highest = asked.and_then(|levels| levels.ascending().last().copied());
        Ok(highest.unwrap_or(planned))
    }

    /// The model as it is used now.
    pub fn planned(&self) -> anyhow::Result<&PlannedModel> {
        let known = self.models.get(&self.model);
        known.ok_or_else(|| anyhow::anyhow!("{} is not among the stack's models", self.model))
    }

    /// The plans with what is known now: of the whole stack, and of this model's agents alone.
    ///
    /// # Errors
    /// When the stack does not fit.
    pub fn present(&self) -> anyhow::Result<(Plan, Plan)> {
        self.plans(self.planned()?, self.setup.kv_layout, self.setup.threads)
    }

    /// The same with other settings of this model.
    ///
    /// # Errors
    /// When the stack does not fit.
    pub fn plans(
        &self,
        model: &PlannedModel,
        kv_layout: Option<KvLayout>,
        threads: Option<Threads>,
    ) -> anyhow::Result<(Plan, Plan)> {
        let mut models = self.models.clone();
        models.insert(self.model.clone(), model.clone());
        let key = CurveKey { digest: model.digest.clone(), ..self.setup.key.clone() };
        let assumed = TunedConfig { key, kv_layout, threads, ..self.setup.clone() };
        let tuned = self.others.iter().cloned().chain([assumed]).collect();
        let options = PlanOptions { tuned, ..team::options(&self.desk.args.team) };
        let plan = |stack| team::planned(self.hardware, stack, &models, &options, &self.curves);
        Ok((plan(self.stack)?, plan(&self.alone)?))
    }

    /// From now on this file is what the model's agents run on.
    pub fn take(&mut self, model: PlannedModel) {
        self.models.insert(self.model.clone(), model);
    }

    /// Keeps what came of a comparison, in place of an earlier one of its kind. What another process
    /// compared of the same file meanwhile is kept too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, comparison: TuneComparison) -> anyhow::Result<()> {
        let own = self.setup.clone();
        let folder = &self.desk.settings.tuned;
        self.setup = harmonic_profiles::tuned::update(folder, &own.key, |stored| {
            let same_file = |stored: &TunedConfig| stored.key == own.key;
            let mut setup = stored.filter(same_file).unwrap_or_else(|| own.clone());
            match comparison.axis {
                TuneAxis::Formats => {}
                TuneAxis::Layouts => setup.kv_layout = own.kv_layout,
                TuneAxis::Threads => setup.threads = own.threads,
            }
            setup.parallel = self.parallel;
            setup.comparisons.retain(|earlier| earlier.axis != comparison.axis);
            setup.comparisons.push(comparison);
            setup
        })?;
        Ok(())
    }
}
