//! The shortages of an allocation as trades of the plan document.

use harmonic_perfmodel::{CacheShape, KvCost};
use harmonic_types::{BudgetRule, Bytes, KvType, QuantisedKv, Trade};

use super::{Draft, PlacedEngine};
use crate::allocation::Allocation;
use crate::cost_model::N_UBATCH;
use crate::shortage::Shortage;
use crate::tuned::{best_config, faithful_kv};

impl Draft<'_> {
    /// Trades in the order of [`crate::allocation`]: slots, KV types, contexts, agents.
    pub(super) fn trades(
        &self,
        allocation: &Allocation,
        engines: &[Option<PlacedEngine<'_>>],
    ) -> Vec<Trade> {
        let is_of = |agents: bool| {
            move |shortage: &&Shortage| {
                agents == matches!(shortage, Shortage::Context { .. } | Shortage::Agent { .. })
            }
        };
        let some = |agents: bool| {
            let shortages = allocation.shortages.iter().filter(is_of(agents));
            shortages.filter_map(|shortage| self.trade(shortage, engines))
        };
        let placed = engines.iter().flatten().filter(|_| !allocation.shortages.is_empty());
        let not_taken = placed.filter_map(|engine| self.not_taken(engine));
        some(false).chain(not_taken).chain(some(true)).collect()
    }

    fn trade(&self, shortage: &Shortage, engines: &[Option<PlacedEngine<'_>>]) -> Option<Trade> {
        let name = |agent: usize| self.agents[agent].spec.name.clone();
        Some(match *shortage {
            Shortage::Slots { agent, planned, more } => Trade::Slots {
                agent: name(agent),
                planned,
                wanted: self.demands[agent].target,
                more_bytes: more,
            },
            Shortage::KvType { engine, more } => {
                let engine = engines[engine].as_ref()?;
                Trade::KvType {
                    engine: engine.id.clone(),
                    saved_bytes: saved(engine),
                    measured: self.faithful_kv(engine)?,
                    more_bytes: more,
                }
            }
            Shortage::Context { agent, planned, more } => Trade::Context {
                agent: name(agent),
                planned: super::tokens(planned),
                wanted: super::tokens(self.demands[agent].context),
                more_bytes: more,
            },
            Shortage::Agent { agent, more } => Trade::Agent {
                agent: name(agent),
                slots: 1,
                context: super::tokens(self.demands[agent].min_context),
                more_bytes: more,
            },
        })
    }

    fn faithful_kv(&self, engine: &PlacedEngine<'_>) -> Option<QuantisedKv> {
        let config = best_config(self.hardware, engine.model, &self.options.tuned)
            .filter(|_| engine.is_in_process());
        faithful_kv(self.options, config)
    }

    /// A quantised cache that would save memory, but was not measured or diverges too far.
    fn not_taken(&self, engine: &PlacedEngine<'_>) -> Option<Trade> {
        let is_open = self.options.budget == BudgetRule::Exact && self.options.kv_type.is_none();
        if !is_open || !engine.is_in_process() || self.faithful_kv(engine).is_some() {
            return None;
        }
        let config = best_config(self.hardware, engine.model, &self.options.tuned);
        Some(Trade::KvTypeNotTaken {
            engine: engine.id.clone(),
            saved_bytes: saved(engine),
            divergence: config
                .and_then(|config| config.quantised_kv)
                .map(|measured| measured.divergence),
        })
    }
}

/// KV bytes of the engine in `f16` beyond those in `q8_0`.
fn saved(engine: &PlacedEngine<'_>) -> Bytes {
    let footprint = &engine.footprint;
    let cache = CacheShape {
        layout: footprint.layout,
        cells: footprint.cells(),
        sequences: footprint.sequences,
        n_ubatch: N_UBATCH,
    };
    let bytes = |kv_type| KvCost::of(&engine.model.shape, kv_type).cache(cache);
    bytes(KvType::F16).saturating_sub(bytes(KvType::Q8_0))
}
