//! The built-in stacks on machines of six sizes: what a newcomer gets.

use std::collections::BTreeMap;
use std::fmt::Write;

use harmonic_models::catalog;
use harmonic_planner::{PlanOptions, PlannedModel, plan};
use harmonic_types::{AgentStatus, KvLayout, LargerContext, Plan, StackSpec};

const STACKS: [&str; 5] = ["standard", "full", "minimal", "dev", "starter"];

fn planned(stack: &StackSpec, profile: &str) -> Plan {
    let models = stack.models().into_iter().map(|name| {
        let entry = catalog::find(name).expect("a built-in stack uses catalog models");
        let model = PlannedModel {
            name: name.to_owned(),
            path: None,
            digest: None,
            shape: entry.shape,
            paper: None,
        };
        (name.to_owned(), model)
    });
    let models: BTreeMap<_, _> = models.collect();
    let hardware = harmonic_hardware::profile::named(profile).expect("a known profile");
    plan(&hardware, stack, &models, &PlanOptions::default(), &[]).expect("it fits")
}

/// Slots × context of each agent, and the sequences of each engine.
fn row(plan: &Plan) -> String {
    let agents = plan.agents.iter().map(|agent| match agent.status {
        AgentStatus::Skipped => format!("{:<8}", "–"),
        _ => format!("{:<8}", format!("{}x{}", agent.slots, agent.context)),
    });
    let engines = plan.engines.iter().map(|engine| {
        let pool = match engine.local().expect("an engine of this process").kv_layout {
            KvLayout::Streams => "",
            KvLayout::Unified => " pooled",
        };
        format!("{}{pool}", engine.sequences)
    });
    let (agents, engines) = (agents.collect::<Vec<_>>(), engines.collect::<Vec<_>>());
    format!("{} | {}", agents.join(" "), engines.join(", "))
}

/// The table of plans of issue 15.
#[test]
fn no_agent_of_a_built_in_stack_has_less_than_its_smallest_context() {
    let mut table = String::new();
    for name in STACKS {
        let stack = harmonic_stack::builtin(name).expect("a built-in stack");
        let agents: Vec<_> = stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
        writeln!(table, "{name}: {} | sequences", agents.join(", ")).expect("a string");
        let mut before = 0;
        for gb in [8, 16, 24, 32, 64, 128] {
            let plan = planned(&stack, &format!("generic-{gb}gb"));
            writeln!(table, "{gb:>5} GB  {}", row(&plan)).expect("a string");
            let placed: Vec<_> =
                plan.agents.iter().filter(|agent| agent.engine.is_some()).collect();
            for agent in &placed {
                assert!(
                    agent.context >= agent.spec.least_context(),
                    "{name} on {gb} GB: {agent:?}"
                );
            }
            assert!(placed.len() >= before, "{name} on {gb} GB");
            before = placed.len();
        }
    }
    insta::assert_snapshot!(table);
}

/// The starter's contexts are the longest that its model was trained for, on every machine with 8 GB.
#[test]
fn the_starter_uses_the_memory_that_is_there() {
    let stack = harmonic_stack::builtin("starter").expect("built in");
    for profile in ["generic-8gb", "generic-16gb", "generic-24gb", "dgx-spark"] {
        let plan = planned(&stack, profile);
        assert!(plan.trades.is_empty(), "{profile}: {:?}", plan.trades);
        assert!(plan.agents.iter().all(|agent| agent.context.0 == 8192), "{profile}");
    }
}

/// A prompt that is too long is answered with the command that starts `standard` with more context.
#[test]
fn the_stack_that_rejections_name_holds_the_context_that_they_promise() {
    for model in harmonic_stack::builtin("standard").expect("built in").models() {
        let trained = catalog::find(model).expect("in the catalog").shape.context_trained;
        assert!(trained.0 >= LargerContext::STANDARD, "{model}: {trained}");
    }
}
