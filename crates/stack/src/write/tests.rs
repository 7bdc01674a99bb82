use harmonic_types::{AgentName, EngineChoice, Tier, Tokens};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::{builtin, builtin_names, parse};

fn sampling() -> impl Strategy<Value = Sampling> {
    let penalty = -2.0..=2.0_f32;
    let limits = (0.0..=2.0_f32, any::<u32>(), 0.001..=1.0_f32, 0.0..=1.0_f32, 0.001..=2.0_f32);
    (limits, penalty.clone(), penalty).prop_map(|(limits, presence, frequency)| Sampling {
        temperature: limits.0,
        top_k: limits.1,
        top_p: limits.2,
        min_p: limits.3,
        repeat_penalty: limits.4,
        presence_penalty: presence,
        frequency_penalty: frequency,
    })
}

fn agent() -> impl Strategy<Value = AgentSpec> {
    let numbers = (0..4_usize, 1..=u32::MAX, option::of(1..=u32::MAX), any::<bool>());
    // Any text, with what TOML quotes or ends a string with.
    let text = || prop_oneof![any::<String>(), "[a\"'\\\\\r\n\t#\\[\\]=\u{7f}]{0,40}"];
    (numbers, "\\S{1,30}", text(), text(), sampling()).prop_map(
        |((tier, context, least, thinking), model, role, system, sampling)| AgentSpec {
            name: AgentName(String::new()),
            tier: Tier::ALL[tier],
            model,
            context: Tokens(context),
            min_context: least.map(|least| Tokens(least.min(context))),
            role,
            system,
            sampling,
            thinking,
        },
    )
}

/// Engines as an agent states them.
const ENGINES: [&str; 6] = [
    "llama",
    "sim",
    "ollama",
    "vllm=/opt/my vllm",
    "remote=http://localhost:8000",
    "remote=https://example.org,key_env=KEY,model=m,context=4096,dialect=ollama",
];

fn engine() -> impl Strategy<Value = EngineChoice> {
    proptest::sample::select(ENGINES.to_vec()).prop_map(|form| form.parse().expect(form))
}

proptest! {
    #[test]
    fn a_written_stack_is_read_as_the_same(name in "[a-z0-9_-]{1,64}", agents in vec(agent(), 1..6), engines in vec(option::of(engine()), 6)) {
        let named = agents.into_iter().enumerate().map(|(index, agent)| AgentSpec {
            name: AgentName(format!("agent-{index}")),
            ..agent
        });
        let mut stack = StackSpec::new(name, named.collect());
        for (agent, engine) in stack.agents.iter().zip(engines) {
            stack.engines.extend(engine.map(|engine| (agent.name.clone(), engine)));
        }
        let text = write(&stack);
        let read = parse(&text, "written.toml");
        prop_assert_eq!(read.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?, stack);
    }
}

#[test]
fn the_built_in_stacks_are_written_and_read_as_the_same() {
    for name in builtin_names() {
        let stack = builtin(name).unwrap();
        assert_eq!(parse(&write(&stack), name).unwrap(), stack);
    }
}
