//! Stacks that no plan can serve: contexts, prompts and numbers of agents beyond what there is.

use harmonic_planner::{PlanError, PlanOptions, full_contexts, plan};
use harmonic_types::{Bytes, Plan, StackSpec, Tier, Tokens};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::fixtures::{agent, machine, models, starter};

fn planned(stack: &StackSpec) -> Result<Plan, PlanError> {
    let hardware = machine("cpu-generic", Bytes::from_gb(24.0), 16, 32);
    plan(&hardware, stack, &models(), &PlanOptions::default(), &[])
}

/// The stack of one agent with that context, least context, and length of the prompt.
fn one(context: u32, least: Option<u32>, prompt: usize) -> StackSpec {
    let mut agent = agent("coder", Tier::Specialists, "smollm2:135m", context);
    agent.min_context = least.map(Tokens);
    agent.system = "word ".repeat(prompt / 5);
    StackSpec::new("one", vec![agent])
}

#[test]
fn a_context_that_the_model_was_not_trained_for_is_an_error() {
    assert_snapshot!(
        planned(&one(100_000, Some(100_000), 0)).unwrap_err(),
        @"agent `coder` requires a context of at least 100000 tokens, and its model `smollm2:135m` was trained for 8192: use 8192 or less, or a model with a longer context"
    );
    assert!(planned(&one(u32::MAX, Some(u32::MAX), 0)).is_err());
    let most = planned(&one(8192, Some(8192), 0)).unwrap();
    assert_eq!(most.agents[0].context, Tokens(8192));
    // Without a stated one, the least context is a part of what the model has.
    assert_eq!(planned(&one(100_000, None, 0)).unwrap().agents[0].context, Tokens(8192));
}

proptest! {
    #[test]
    fn no_planned_agent_is_below_its_stated_minimum(
        context in 1u32..100_000,
        least in 1u32..100_000,
    ) {
        let least = least.min(context);
        if let Ok(plan) = planned(&one(context, Some(least), 0)) {
            prop_assert!(plan.agents[0].context >= Tokens(least), "{:?}", plan.agents[0]);
        }
    }

    #[test]
    fn a_prompt_that_may_fill_its_context_is_an_error_or_found(
        context in 256u32..8192,
        bytes in 0usize..200_000,
    ) {
        match planned(&one(context, None, bytes)) {
            Err(PlanError::PromptTooLong { tokens, .. }) => prop_assert!(tokens.0 >= context),
            Err(error) => prop_assert!(false, "{}", error),
            Ok(plan) => {
                let planned = &plan.agents[0];
                prop_assert!(planned.spec.least_prompt_tokens() < Tokens(context.next_multiple_of(256)));
                let is_found = !full_contexts(&plan).is_empty();
                prop_assert_eq!(is_found, bytes / 5 * 5 >= (planned.context.0 as usize - 64) * 3 - 2);
            }
        }
    }
}

#[test]
fn a_prompt_that_fills_its_context_with_any_tokenizer_is_an_error() {
    assert_snapshot!(
        planned(&one(512, None, 20_000)).unwrap_err(),
        @"the system prompt of agent `coder` has 20000 bytes, at least 1250 tokens, which its context of 512 tokens does not hold: shorten the prompt, or raise `context`, up to what the model was trained for"
    );
}

#[test]
fn more_agents_than_the_limit_are_an_error() {
    let mut stack = starter();
    let of = |number: usize| agent(&format!("a{number}"), Tier::Heavy, "smollm2:135m", 2048);
    stack.agents = (0..StackSpec::MAX_AGENTS).map(of).collect();
    assert!(planned(&stack).is_ok());
    stack.agents.push(of(StackSpec::MAX_AGENTS));
    assert_snapshot!(
        planned(&stack).unwrap_err(),
        @"the stack `starter` has 257 agents: expected at most 256"
    );
}
