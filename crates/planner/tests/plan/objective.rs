//! The allocation against brute force, and properties for any input.

use std::collections::BTreeMap;

use crate::fixtures::{agent, machine, model};
use harmonic_planner::allocation::{Demand, Grant, allocate};
use harmonic_planner::cost_model::{CostModel, SlotsByContext};
use harmonic_planner::{PlanError, PlanOptions, PlannedModel, plan};
use harmonic_types::{
    AgentStatus, BudgetRule, Bytes, KvType, LayerKv, Plan, Sharing, StackSpec, Tier, Tokens,
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
    let one = (1u8..=4, 0..models, 1u32..5000);
    proptest::collection::vec(one, 1..=agents).prop_map(|agents| StackSpec {
        name: "any".to_owned(),
        agents: agents
            .into_iter()
            .enumerate()
            .map(|(index, (tier, model, context))| {
                let tier = Tier::try_from(tier).expect("1 to 4");
                agent(&format!("a{index}"), tier, &format!("m{model}"), context)
            })
            .collect(),
    })
}

type Case = (Vec<PlannedModel>, StackSpec, u64, u32, bool);

fn cases() -> impl Strategy<Value = Case> {
    small_models().prop_flat_map(|models| {
        let stack = stacks(models.len(), 8);
        (Just(models), stack, 10_000_000u64..3_000_000_000, 1u32..20, any::<bool>())
    })
}

fn attempt((models, stack, memory, peak, isolated): &Case) -> Result<Plan, PlanError> {
    let models: BTreeMap<_, _> =
        models.iter().map(|model| (model.name.clone(), model.clone())).collect();
    let sharing = if *isolated { Sharing::Isolated } else { Sharing::Shared };
    let options = PlanOptions { sharing, ..PlanOptions::default() };
    plan(&machine("any", Bytes(*memory), *peak, 2 * peak), stack, &models, &options, &[])
}

/// The objective of a plan, comparable: places, contexts, slots, each from tier 1 down.
fn objective(plan: &Plan) -> [Vec<u32>; 3] {
    let mut agents: Vec<_> = plan.agents.iter().collect();
    agents.sort_by_key(|agent| agent.tier);
    let placed = |agent: &&harmonic_types::AgentPlan| agent.status != AgentStatus::Skipped;
    [
        agents.iter().map(|agent| u32::from(placed(agent))).collect(),
        agents.iter().map(|agent| if placed(agent) { agent.context.0 } else { 0 }).collect(),
        agents.iter().map(|agent| agent.slots).collect(),
    ]
}

proptest! {
    #[test]
    fn a_plan_is_never_over_budget_and_always_the_same(case in cases()) {
        match attempt(&case) {
            Ok(plan) => {
                prop_assert!(plan.total_bytes <= plan.hardware.memory_budget_bytes);
                let ledger: Bytes = plan.ledger.iter().map(|line| line.bytes).sum();
                prop_assert_eq!(ledger, plan.total_bytes);
                prop_assert!(plan.engines.iter().all(|engine| !engine.agents.is_empty()));
                prop_assert!(plan.engines.iter().all(|e| e.sequences <= e.slots.min(256)));
                prop_assert_eq!(attempt(&case).unwrap(), plan);
            }
            Err(PlanError::NothingFits { needed, budget, .. }) => prop_assert!(needed > budget),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn more_memory_never_lowers_the_objective(case in cases(), more in 0u64..2_000_000_000) {
        let mut richer = case.clone();
        richer.2 += more;
        if let Ok(plan) = attempt(&case) {
            let better = attempt(&richer).unwrap();
            prop_assert!(objective(&better) >= objective(&plan));
        }
    }

    /// Where all agents use one model, the objective implies the count.
    #[test]
    fn on_one_model_more_memory_never_places_fewer(case in cases(), more in 0u64..2_000_000_000) {
        let mut case = case;
        for agent in &mut case.1.agents {
            agent.model = "m0".to_owned();
        }
        let mut richer = case.clone();
        richer.2 += more;
        let count = |plan: &Plan| objective(plan)[0].iter().sum::<u32>();
        if let Ok(plan) = attempt(&case) {
            prop_assert!(count(&attempt(&richer).unwrap()) >= count(&plan));
        }
    }
}

/// Every combination of grants (skipped, or context and slots) to the demands.
fn all_grants(demands: &[Demand]) -> Vec<Vec<Option<(u64, u32)>>> {
    let Some((first, rest)) = demands.split_first() else { return vec![Vec::new()] };
    let mut choices = vec![None];
    for &context in &first.contexts {
        choices.extend((first.floor..=first.target).map(|slots| Some((context, slots))));
    }
    let rest = all_grants(rest);
    let extend = |choice| {
        rest.iter().map(move |rest| std::iter::once(choice).chain(rest.iter().copied()).collect())
    };
    choices.into_iter().flat_map(extend).collect()
}

type Objective = (Vec<bool>, Vec<u64>, Vec<u32>);

fn value(grants: &[Option<(u64, u32)>]) -> Objective {
    (
        grants.iter().map(Option::is_some).collect(),
        grants.iter().map(|grant| grant.map_or(0, |(context, _)| context)).collect(),
        grants.iter().map(|grant| grant.map_or(0, |(_, slots)| slots)).collect(),
    )
}

fn cost(cost_models: &[CostModel<'_>], demands: &[Demand], grants: &[Option<(u64, u32)>]) -> u64 {
    let mut engines = vec![SlotsByContext::new(); cost_models.len()];
    let mut prefixes = 0;
    for (demand, grant) in demands.iter().zip(grants) {
        if let Some((context, slots)) = grant {
            prefixes += demand.prefix.0;
            *engines[demand.engine].entry(*context).or_default() += u64::from(*slots);
        }
    }
    let used = cost_models.iter().zip(&engines).filter(|(_, slots)| !slots.is_empty());
    used.map(|(cost_model, slots)| cost_model.engine(slots).total().0).sum::<u64>() + prefixes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_allocation_is_the_best_there_is(
        models in small_models(),
        drawn in proptest::collection::vec((0usize..4, 1u32..4, 1usize..4), 1..4),
        max_in_flight in 1u32..8,
        budget in 30_000_000u64..1_500_000_000,
    ) {
        let cost_models: Vec<_> = models
            .iter()
            .map(|model| {
                CostModel::of(model, BudgetRule::Exact, KvType::F16, max_in_flight).unwrap()
            })
            .collect();
        let demands: Vec<Demand> = drawn
            .into_iter()
            .map(|(engine, target, contexts)| Demand {
                engine: engine % models.len(),
                target,
                floor: harmonic_planner::floor(target),
                contexts: [4096, 2048, 1024][..contexts].to_vec(),
                prefix: Bytes(10_000_000 * u64::from(target)),
            })
            .collect();
        let best = all_grants(&demands)
            .into_iter()
            .filter(|grants| cost(&cost_models, &demands, grants) <= budget)
            .map(|grants| value(&grants))
            .max()
            .unwrap();
        let got: Vec<_> = allocate(&cost_models, &demands, Bytes(budget))
            .grants
            .into_iter()
            .map(|grant| match grant {
                Grant::Placed { slots, context } => Some((context, slots)),
                Grant::Skipped { .. } => None,
            })
            .collect();
        prop_assert_eq!(value(&got), best);
    }
}
