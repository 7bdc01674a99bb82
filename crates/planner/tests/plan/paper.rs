//! The paper's arithmetic, to the digit.

use crate::fixtures::{agent, models, spark, standard, strix};
use harmonic_planner::{PlanError, PlanOptions, memory_table, memory_with_sharing, plan};
use harmonic_types::{AgentStatus, BudgetRule, Bytes, Hardware, Plan, Sharing};

fn by_the_paper(hardware: &Hardware, sharing: Sharing) -> Plan {
    let options = PlanOptions { budget: BudgetRule::Paper, sharing, ..PlanOptions::default() };
    plan(hardware, &standard(), &models(), &options, &[]).expect("the paper covers them")
}

/// Slots and GB of each agent, and the totals, as §5.4 prints them.
fn deployment(plan: &Plan) -> String {
    let agents = plan.agents.iter().map(|agent| {
        let (slots, gb) = (agent.slots, agent.memory_bytes.as_gb());
        format!("{:<19}{slots}x ({gb:.1}GB)", agent.name)
    });
    let (total, budget) = (plan.total_bytes.as_gb(), plan.hardware.memory_budget_bytes.as_gb());
    let total = format!("Total: {total:.1}GB / {budget:.1}GB available");
    agents.chain([total]).collect::<Vec<_>>().join("\n")
}

/// §5.3.
#[test]
fn model_memory_is_base_plus_slots() {
    let options = PlanOptions { budget: BudgetRule::Paper, ..PlanOptions::default() };
    let rows = memory_table(&standard(), &models(), &options, &[8, 12, 16]).unwrap();
    let gb = |bytes: &Bytes| format!("{:.1}", bytes.as_gb());
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let totals: Vec<_> = row.totals.iter().map(gb).collect();
            let (base, kv) = (gb(&row.base), gb(&row.kv_per_slot));
            format!("{} {base} {kv} {}", row.model, totals.join(" "))
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    qwen3:4b 2.5 0.3 4.9 6.1 7.3
    qwen3:8b 5.2 0.5 9.2 11.2 13.2
    qwen3:14b 9.3 0.8 15.7 18.9 22.1
    ");
}

/// §5.4.
#[test]
fn the_example_deployment_comes_out_as_printed() {
    insta::assert_snapshot!(deployment(&by_the_paper(&spark(), Sharing::Isolated)), @"
    executive          16x (7.3GB)
    operator           16x (7.3GB)
    technical_director 12x (11.2GB)
    research_director  12x (11.2GB)
    creative_director  12x (11.2GB)
    coder              8x (15.7GB)
    analyst            8x (9.2GB)
    Total: 73.1GB / 108.8GB available
    ");
}

#[test]
fn the_strix_halo_deployment_follows_the_same_rule() {
    insta::assert_snapshot!(deployment(&by_the_paper(&strix(), Sharing::Isolated)), @"
    executive          12x (6.1GB)
    operator           12x (6.1GB)
    technical_director 9x (9.7GB)
    research_director  9x (9.7GB)
    creative_director  9x (9.7GB)
    coder              6x (14.1GB)
    analyst            6x (8.2GB)
    Total: 63.6GB / 78.2GB available
    ");
}

#[test]
fn sharing_pays_each_base_once() {
    let totals = [spark(), strix()].map(|hardware| {
        let plan = by_the_paper(&hardware, Sharing::Shared);
        assert!(plan.agents.iter().all(|agent| agent.status == AgentStatus::Planned));
        (plan.engines.len(), plan.total_bytes)
    });
    assert_eq!(totals, [(3, Bytes::from_gb(55.0)), (3, Bytes::from_gb(45.5))]);
}

/// The memory under another sharing mode equals that of a plan made in that mode.
#[test]
fn what_sharing_saves_is_the_difference_of_both_plans() {
    let other = |sharing| match sharing {
        Sharing::Shared => Sharing::Isolated,
        Sharing::Isolated => Sharing::Shared,
    };
    for sharing in [Sharing::Shared, Sharing::Isolated] {
        let plan = by_the_paper(&spark(), sharing);
        let regrouped = memory_with_sharing(&plan, &models(), other(sharing)).unwrap();
        assert_eq!(regrouped, by_the_paper(&spark(), other(sharing)).total_bytes);
        assert_eq!(memory_with_sharing(&plan, &models(), sharing).unwrap(), plan.total_bytes);
    }
    // The same with exact figures, where no agent is short of anything.
    let roomy = crate::fixtures::machine("roomy", Bytes::from_gb(512.0), 16, 32);
    let exact = |sharing| {
        let options = PlanOptions { sharing, ..PlanOptions::default() };
        plan(&roomy, &standard(), &models(), &options, &[]).unwrap()
    };
    let [shared, isolated] = [Sharing::Shared, Sharing::Isolated].map(exact);
    for sharing in [Sharing::Shared, Sharing::Isolated] {
        let regrouped = memory_with_sharing(&shared, &models(), sharing).unwrap();
        assert_eq!(regrouped, memory_with_sharing(&isolated, &models(), sharing).unwrap());
    }
}

#[test]
fn a_model_that_the_paper_does_not_cover_is_named() {
    let mut stack = standard();
    stack.agents.push(agent("helper", harmonic_types::Tier::Heavy, "smollm2:135m", 2048));
    let options = PlanOptions { budget: BudgetRule::Paper, ..PlanOptions::default() };
    let error = plan(&spark(), &stack, &models(), &options, &[]).unwrap_err();
    let expected =
        PlanError::NoPaperFigures { agent: "helper".into(), model: "smollm2:135m".to_owned() };
    assert_eq!(error, expected);
}
