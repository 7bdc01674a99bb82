//! The plan document of an allocation: named engines, a complete memory ledger, and the provenance
//! of every figure.

use std::collections::BTreeSet;

use harmonic_types::{
    AgentName, AgentSpec, BudgetRule, Bytes, Device, EngineChoice, EnginePlan, Hardware,
    LedgerItem, LedgerLine, Plan, PlanHardware, PlanTuned, Provenance, ProvenanceMap, Sharing,
    StackSpec, Tokens, TunedConfig,
};

use crate::allocation::{Allocation, EngineOptions};
use crate::concurrency::Parallelism;
use crate::cost_model::CostModel;
use crate::demand::Demand;
use crate::footprint::Footprint;
use crate::input::{PlanOptions, PlannedModel};
use crate::plan::Agent;
use crate::runtime::Runtime;
use crate::tuned::best_config;

mod agent;
mod engine;
mod trades;

/// An engine without a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineDraft<'a> {
    /// Its agent of highest priority.
    pub(crate) first: &'a AgentSpec,
    pub(crate) model: &'a PlannedModel,
    pub(crate) choice: &'a EngineChoice,
}

/// Input of the document; agents and demands in order of priority, engines and costs in order of their
/// first agent.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) hardware: &'a Hardware,
    pub(crate) stack: &'a StackSpec,
    pub(crate) options: &'a PlanOptions,
    pub(crate) parallelism: Parallelism,
    pub(crate) device: &'a Device,
    pub(crate) agents: Vec<Agent<'a>>,
    pub(crate) engines: Vec<EngineDraft<'a>>,
    pub(crate) costs: Vec<EngineOptions<'a>>,
    pub(crate) demands: Vec<Demand>,
}

/// A named engine with at least one agent.
#[derive(Debug)]
struct PlacedEngine<'a> {
    id: String,
    model: &'a PlannedModel,
    choice: &'a EngineChoice,
    cost: &'a CostModel<'a>,
    footprint: Footprint,
    agents: Vec<AgentName>,
    slots: u32,
}

impl PlacedEngine<'_> {
    /// Whether it computes in this process.
    fn is_in_process(&self) -> bool {
        self.cost.runtime() == Runtime::InProcess
    }

    /// Context of every sequence, where all agents of the engine have the same one.
    fn common_context(&self) -> Option<u64> {
        matches!(self.cost.runtime(), Runtime::Program(_)).then(|| self.footprint.cells())
    }
}

impl Draft<'_> {
    /// The document of `allocation`.
    pub(crate) fn into_plan(self, allocation: &Allocation) -> Plan {
        let named = self.placed_engines(allocation);
        let trades = self.trades(allocation, &named);
        let tuned = self.tuned(named.iter().flatten());
        let threads = self.threads(named.iter().flatten(), &tuned);
        let engines: Vec<EnginePlan> = named
            .iter()
            .flatten()
            .zip(threads)
            .map(|(engine, threads)| self.engine_plan(engine, threads))
            .collect();
        let ledger: Vec<LedgerLine> = engines.iter().flat_map(ledger_lines).collect();
        let total: Bytes = ledger.iter().map(|line| line.bytes).sum();
        let budget = self.hardware.memory_budget_bytes;
        Plan {
            schema: Plan::SCHEMA.to_owned(),
            stack: self.stack.name.clone(),
            hardware: PlanHardware {
                profile: self.hardware.profile.clone(),
                memory_budget_bytes: budget,
                peak_parallel: self.parallelism.peak.sequences,
            },
            sharing: self.options.sharing,
            budget: self.options.budget,
            max_in_flight: self.parallelism.max_in_flight.sequences,
            curves: self.parallelism.curves.clone(),
            http_threads: tuned.iter().filter_map(|config| Some(config.threads?.http)).max(),
            agents: self.agent_plans(&allocation.shares, &named, &trades),
            trades,
            provenance: self.provenance(&engines, named.iter().flatten(), &tuned),
            tuned,
            engines,
            ledger,
            reserve_bytes: self.hardware.memory_total_bytes.saturating_sub(budget),
            total_bytes: total,
            headroom_bytes: budget.saturating_sub(total),
        }
    }

    /// One entry per engine draft; `None` for an engine without agents.
    fn placed_engines(&self, allocation: &Allocation) -> Vec<Option<PlacedEngine<'_>>> {
        let mut used_ids = BTreeSet::new();
        let drafts = self.engines.iter().zip(&self.costs).zip(&allocation.engines);
        let mut named: Vec<Option<PlacedEngine<'_>>> = drafts
            .map(|((engine, options), grant)| {
                let name = match self.options.sharing {
                    Sharing::Shared => &engine.model.name,
                    Sharing::Isolated => &engine.first.name.0,
                };
                grant.map(|grant| PlacedEngine {
                    id: unique(&slug(name), &mut used_ids),
                    model: engine.model,
                    choice: engine.choice,
                    cost: options.cost_of(grant.is_quantised),
                    footprint: grant.footprint,
                    agents: Vec::new(),
                    slots: 0,
                })
            })
            .collect();
        for ((agent, demand), share) in
            self.agents.iter().zip(&self.demands).zip(&allocation.shares)
        {
            if let (Some(share), Some(engine)) = (share, &mut named[demand.engine]) {
                engine.agents.push(agent.spec.name.clone());
                engine.slots = engine.slots.saturating_add(share.slots);
            }
        }
        named
    }

    /// Tuned configs of the engines' models, without duplicates.
    fn tuned<'a>(&self, engines: impl Iterator<Item = &'a PlacedEngine<'a>>) -> Vec<PlanTuned> {
        let mut tuned: Vec<PlanTuned> = Vec::new();
        for PlacedEngine { model, .. } in engines.filter(|engine| engine.is_in_process()) {
            // A comparison of KV types is a price, stated by the trade that takes it.
            let measured = best_config(self.hardware, model, &self.options.tuned)
                .filter(|config| config.comparisons.is_empty() || config.chooses_settings());
            if let Some(TunedConfig { key, parallel, kv_layout, threads, .. }) = measured
                && tuned.iter().all(|known| known.model != model.name)
            {
                tuned.push(PlanTuned {
                    model: model.name.clone(),
                    key: key.clone(),
                    parallel: *parallel,
                    kv_layout: *kv_layout,
                    threads: *threads,
                });
            }
        }
        tuned
    }

    fn provenance<'a>(
        &self,
        plans: &[EnginePlan],
        engines: impl Iterator<Item = &'a PlacedEngine<'a>>,
        tuned: &[PlanTuned],
    ) -> ProvenanceMap {
        let mut sources = ProvenanceMap::new();
        let mut state = |pointer: String, source: Option<Provenance>| {
            if let Some(source) = source {
                sources.insert(pointer, source);
            }
        };
        let Parallelism { peak, max_in_flight, .. } = &self.parallelism;
        state("/max_in_flight".to_owned(), max_in_flight.provenance);
        state("/hardware/peak_parallel".to_owned(), peak.provenance);
        let budget = self.hardware.provenance.get("/memory_budget_bytes").copied();
        state("/hardware/memory_budget_bytes".to_owned(), budget);
        for (index, engine) in engines.enumerate() {
            if engine.cost.runtime() == Runtime::Elsewhere {
                continue;
            }
            let (weights, rest) = match self.options.budget {
                BudgetRule::Exact => (engine.model.shape.provenance, Provenance::Estimated),
                BudgetRule::Paper => (Provenance::Paper, Provenance::Paper),
            };
            state(format!("/engines/{index}/weights_bytes"), Some(weights));
            for field in [
                "kv_bytes",
                "state_bytes",
                "prefix_bytes",
                "park_bytes",
                "compute_bytes",
                "overhead_bytes",
                "total_bytes",
            ] {
                state(format!("/engines/{index}/{field}"), Some(rest));
            }
        }
        for (index, engine) in plans.iter().enumerate() {
            let config = tuned.iter().find(|config| config.model == engine.model);
            let (Some(config), Some(local)) = (config, engine.local()) else { continue };
            let layout = config.kv_layout == Some(local.kv_layout);
            let threads = config.threads.is_some_and(|measured| measured.engine == local.threads);
            let measured = |is: bool| is.then_some(Provenance::Measured);
            state(format!("/engines/{index}/kv_layout"), measured(layout));
            state(format!("/engines/{index}/threads"), measured(threads));
        }
        if tuned.iter().any(|config| config.threads.is_some()) {
            state("/http_threads".to_owned(), Some(Provenance::Measured));
        }
        sources
    }
}

/// Ledger lines of one engine, without those of zero bytes.
fn ledger_lines(engine: &EnginePlan) -> impl Iterator<Item = LedgerLine> {
    let lines = LedgerItem::ALL.into_iter().zip(engine.memory());
    lines.filter(|(_, bytes)| *bytes > Bytes::ZERO).map(|(item, bytes)| LedgerLine {
        item,
        engine: engine.id.clone(),
        bytes,
    })
}

/// `name` as an identifier: lower case, digits, dots and single dashes.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "engine".to_owned() } else { slug.to_owned() }
}

/// `base`, or `base-2`, `base-3` … where it is already in use.
fn unique(base: &str, used_ids: &mut BTreeSet<String>) -> String {
    let mut id = base.to_owned();
    let mut number = 1u32;
    while !used_ids.insert(id.clone()) {
        number += 1;
        id = format!("{base}-{number}");
    }
    id
}

/// Cells as tokens, saturating; contexts are a rounded-up `u32`, so only the very largest saturates.
fn tokens(cells: u64) -> Tokens {
    Tokens(u32::try_from(cells).unwrap_or(u32::MAX))
}
