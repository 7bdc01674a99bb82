//! Properties of plans of any stack under any budget.

use std::collections::BTreeMap;

use crate::fixtures::{agent, machine, model};
use harmonic_planner::{PlanError, PlanOptions, PlannedModel, floor, plan, quotas, target};
use harmonic_types::{
    AgentName, AgentPlan, AgentStatus, Bytes, CurveKey, Divergence, Hardware, KvType, LayerKv,
    Plan, Provenance, QuantisedKv, Sharing, StackSpec, Tier, Tokens, Trade, TunedConfig,
};
use proptest::prelude::*;

/// Models of some MB with caches of some kB per token.
fn small_models() -> impl Strategy<Value = Vec<PlannedModel>> {
    let one = (1u64..400, 1usize..8, proptest::option::of(1u32..2000));
    proptest::collection::vec(one, 1..4).prop_map(|models| {
        let models = models.into_iter().enumerate();
        models
            .map(|(index, (megabytes, layers, window))| {
                let name = format!("m{index}");
                let mut model = model(&name, layers, [2, 64], megabytes * 1_000_000);
                model.shape.vocabulary = 1000;
                model.shape.embedding_length = 64;
                model.shape.feed_forward_length = 256;
                model.shape.layers[0] =
                    LayerKv { window: window.map(Tokens), ..model.shape.layers[0] };
                model
            })
            .collect()
    })
}

fn stacks(models: usize, agents: usize) -> impl Strategy<Value = StackSpec> {
    let one = (1u8..=4, 0..models, 1u32..5000, proptest::option::of(0u32..5000));
    proptest::collection::vec(one, 1..=agents).prop_map(|agents| {
        let agents = agents
            .into_iter()
            .enumerate()
            .map(|(index, (tier, model, context, least))| {
                let tier = Tier::try_from(tier).expect("1 to 4");
                let mut agent = agent(&format!("a{index}"), tier, &format!("m{model}"), context);
                agent.min_context = least.map(|least| Tokens(1 + least % context));
                agent
            })
            .collect();
        StackSpec::new("any", agents)
    })
}

#[derive(Clone, Debug)]
struct Case {
    models: Vec<PlannedModel>,
    stack: StackSpec,
    memory: u64,
    peak: u32,
    isolated: bool,
    /// Slots of the agent of this index, instead of its target.
    slots: Option<(usize, u32)>,
    /// Divergence of a quantised cache of each model, where measured.
    divergence: [Option<f64>; 3],
}

fn cases() -> impl Strategy<Value = Case> {
    small_models().prop_flat_map(|models| {
        let stack = stacks(models.len(), 8);
        let options = (1u32..20, any::<bool>(), proptest::option::of((0usize..8, 1u32..40)));
        let divergence = proptest::array::uniform3(proptest::option::of(0.0..0.02f64));
        (Just(models), stack, 10_000_000u64..3_000_000_000, options, divergence).prop_map(
            |(models, stack, memory, (peak, isolated, slots), divergence)| Case {
                models,
                stack,
                memory,
                peak,
                isolated,
                slots,
                divergence,
            },
        )
    })
}

impl Case {
    fn hardware(&self) -> Hardware {
        machine("any", Bytes(self.memory), self.peak, 2 * self.peak)
    }

    fn options(&self) -> PlanOptions {
        let tuned = self.models.iter().zip(self.divergence).filter_map(|(model, nats)| {
            let measured = QuantisedKv {
                divergence: Divergence { nats_per_token: nats?, tokens: 771 },
                speed: Some(0.9),
                parallel: 8,
            };
            Some(TunedConfig {
                schema: TunedConfig::SCHEMA.to_owned(),
                key: CurveKey {
                    machine: "any".to_owned(),
                    model: model.name.clone(),
                    digest: None,
                    format: None,
                    engine: "an engine".to_owned(),
                    context: None,
                },
                parallel: 8,
                kv_layout: None,
                threads: None,
                quantised_kv: Some(measured),
                comparisons: Vec::new(),
                provenance: Provenance::Measured,
            })
        });
        let slots = self
            .slots
            .and_then(|(index, slots)| Some((self.stack.agents.get(index)?.name.clone(), slots)));
        PlanOptions {
            sharing: if self.isolated { Sharing::Isolated } else { Sharing::Shared },
            tuned: tuned.collect(),
            slots: slots.into_iter().collect(),
            ..PlanOptions::default()
        }
    }

    fn plan_on(&self, hardware: &Hardware) -> Result<Plan, PlanError> {
        let models: BTreeMap<_, _> =
            self.models.iter().map(|model| (model.name.clone(), model.clone())).collect();
        plan(hardware, &self.stack, &models, &self.options(), &[])
    }

    fn plan(&self) -> Result<Plan, PlanError> {
        self.plan_on(&self.hardware())
    }

    /// The same with a budget larger by `more`.
    fn plan_with(&self, more: Bytes) -> Result<Plan, PlanError> {
        let mut hardware = self.hardware();
        hardware.memory_budget_bytes += more;
        hardware.memory_total_bytes += more;
        self.plan_on(&hardware)
    }

    /// Half of each agent's quota.
    fn floors(&self) -> BTreeMap<AgentName, u32> {
        let options = self.options();
        let agents = &self.stack.agents;
        let targets: Vec<u32> = agents
            .iter()
            .map(|agent| {
                let own = options.slots.get(&agent.name).copied();
                own.unwrap_or_else(|| target(agent.tier, self.peak))
            })
            .collect();
        let floors = quotas(&targets, 2 * self.peak).into_iter().map(floor);
        agents.iter().map(|agent| agent.name.clone()).zip(floors).collect()
    }
}

fn placed(plan: &Plan) -> impl Iterator<Item = &AgentPlan> {
    plan.agents.iter().filter(|agent| agent.status != AgentStatus::Skipped)
}

fn names(plan: &Plan) -> Vec<&AgentName> {
    placed(plan).map(|agent| &agent.name).collect()
}

fn kv_types(plan: &Plan) -> Vec<(&str, KvType)> {
    plan.engines
        .iter()
        .map(|engine| {
            (engine.id.as_str(), engine.local().expect("an engine of this process").kv_type)
        })
        .collect()
}

fn same<'a>(plan: &'a Plan, agent: &AgentPlan) -> &'a AgentPlan {
    plan.agents.iter().find(|other| other.name == agent.name).expect("the same stack")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_plan_is_never_over_budget_and_always_the_same(case in cases()) {
        match case.plan() {
            Ok(plan) => {
                prop_assert!(plan.total_bytes <= plan.hardware.memory_budget_bytes);
                let ledger: Bytes = plan.ledger.iter().map(|line| line.bytes).sum();
                prop_assert_eq!(ledger, plan.total_bytes);
                prop_assert!(plan.engines.iter().all(|engine| !engine.agents.is_empty()));
                prop_assert!(plan.engines.iter().all(|e| e.sequences <= plan.max_in_flight));
                prop_assert_eq!(case.plan().unwrap(), plan);
            }
            Err(PlanError::NothingFits { needed, budget, .. }) => prop_assert!(needed > budget),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn no_planned_agent_has_less_than_its_smallest_context_or_no_slot(case in cases()) {
        let Ok(plan) = case.plan() else { return Ok(()) };
        for agent in placed(&plan) {
            prop_assert!(agent.context >= agent.spec.least_context(), "{agent:?}");
            prop_assert!(agent.slots >= 1);
        }
        // What is not as wanted is named.
        let is_whole = plan.agents.iter().all(|agent| agent.status == AgentStatus::Planned);
        let quantised = kv_types(&plan).iter().any(|(_, kv_type)| *kv_type == KvType::Q8_0);
        prop_assert_eq!(plan.trades.is_empty(), is_whole && !quantised);
    }

    /// The acceptance property of issue 15.
    #[test]
    fn with_more_memory_the_team_grows_and_nobody_loses_much(
        case in cases(),
        more in prop_oneof![0u64..20_000_000, 0u64..2_000_000_000],
    ) {
        let Ok(before) = case.plan() else { return Ok(()) };
        let after = case.plan_with(Bytes(more)).unwrap();
        prop_assert!(placed(&before).all(|agent| names(&after).contains(&&agent.name)));
        if names(&after) != names(&before) {
            let floors = case.floors();
            for agent in placed(&before) {
                let kept = same(&after, agent).slots;
                prop_assert!(kept >= floors[&agent.name], "{agent:?} keeps {kept}");
                prop_assert!(kept * 2 >= agent.slots, "{agent:?} keeps {kept}");
            }
        } else if kv_types(&after) == kv_types(&before) {
            for agent in placed(&before) {
                let now = same(&after, agent);
                prop_assert!(now.context >= agent.context, "{agent:?} and {now:?}");
                prop_assert!(now.slots >= agent.slots, "{agent:?} and {now:?}");
            }
        }
    }

    /// A trade's figure is enough to undo it.
    #[test]
    fn what_a_trade_says_would_bring_it_back_does(case in cases()) {
        let Ok(plan) = case.plan() else { return Ok(()) };
        for trade in &plan.trades {
            let (Trade::Slots { more_bytes, .. }
            | Trade::Context { more_bytes, .. }
            | Trade::Agent { more_bytes, .. }
            | Trade::KvType { more_bytes, .. }) = trade
            else {
                continue;
            };
            prop_assert!(*more_bytes > Bytes::ZERO, "{trade}");
            let richer = case.plan_with(*more_bytes).unwrap();
            let same_kind = |other: &&Trade| {
                std::mem::discriminant(*other) == std::mem::discriminant(trade)
                    && other.subject() == trade.subject()
            };
            let again = richer.trades.iter().find(same_kind);
            prop_assert!(again.is_none(), "{trade}, and again {again:?}");
        }
    }

    /// Where a quantised cache was not measured to be close enough, none is taken.
    #[test]
    fn a_quantised_cache_was_measured_and_is_within_bounds(case in cases()) {
        let Ok(plan) = case.plan() else { return Ok(()) };
        for engine in &plan.engines {
            if engine.local().unwrap().kv_type == KvType::Q8_0 {
                let index: usize = engine.model[1..].parse().unwrap();
                prop_assert!(case.divergence[index].is_some_and(|nats| nats < Divergence::BOUND));
            }
        }
    }
}
