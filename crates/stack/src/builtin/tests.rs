use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::embedding::EMBEDDING;
use crate::handoff::target;

fn names(stack: &StackSpec) -> Vec<&str> {
    stack.agents.iter().map(|agent| agent.name.0.as_str()).collect()
}

/// The built-in agents with prompts: all but the one for embeddings.
fn prompted() -> impl Iterator<Item = &'static AgentSpec> {
    builtin_agents().iter().filter(|agent| agent.name.0 != EMBEDDING)
}

/// Name, tier, model and context of each agent, which the project's contract fixes.
fn contract(stack: &StackSpec) -> String {
    let line = |agent: &AgentSpec| {
        format!("{} {} {} {}", agent.name, agent.tier.number(), agent.model, agent.context)
    };
    stack.agents.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_built_in_stack_parses_and_has_its_name() {
    for name in builtin_names() {
        assert_eq!(builtin(name).unwrap().name, name);
    }
    assert!(builtin("nonesuch").is_none());
}

#[test]
fn full_has_the_agents_of_the_contract() {
    insta::assert_snapshot!(contract(&builtin("full").unwrap()), @r"
    executive 1 qwen3:4b 4096
    operator 1 qwen3:4b 4096
    technical_director 2 qwen3:8b 8192
    research_director 2 qwen3:8b 8192
    creative_director 2 qwen3:8b 8192
    coder 3 qwen3:14b 16384
    analyst 3 qwen3:8b 8192
    architect 4 qwen3:30b-a3b 16384
    ");
}

#[test]
fn standard_is_full_without_the_architect() {
    let mut full = builtin("full").unwrap();
    assert_eq!(full.agents.pop().unwrap().name.0, "architect");
    assert_eq!(contract(&builtin("standard").unwrap()), contract(&full));
}

#[test]
fn minimal_and_dev_have_the_agents_of_the_contract() {
    let minimal = builtin("minimal").unwrap();
    assert_eq!(names(&minimal), ["executive", "technical_director", "coder"]);
    insta::assert_snapshot!(contract(&builtin("dev").unwrap()), @r"
    operator 1 qwen3:4b 4096
    technical_director 2 qwen3:8b 8192
    coder 3 qwen3:14b 16384
    reviewer 3 qwen3:8b 8192
    ");
}

#[test]
fn starter_is_standard_on_one_small_model() {
    let starter = builtin("starter").unwrap();
    assert_eq!(names(&starter), names(&builtin("standard").unwrap()));
    assert_eq!(starter.models(), ["smollm2:135m"]);
    assert!(starter.agents.iter().all(|agent| agent.context.0 == 8192));
}

#[test]
fn every_handoff_goes_to_an_agent_of_the_same_stack() {
    for stack in builtin_names().filter_map(builtin) {
        let team: BTreeSet<&str> = names(&stack).into_iter().collect();
        for agent in &stack.agents {
            for target in agent.system.lines().filter_map(target) {
                assert!(team.contains(target), "{}: {} → {target}", stack.name, agent.name);
                assert_ne!(target, agent.name.0, "{} hands to itself", agent.name);
            }
        }
    }
}

#[test]
fn every_handoff_in_a_full_prompt_goes_to_a_built_in_agent() {
    let known: BTreeSet<&str> = builtin_agents().iter().map(|a| a.name.0.as_str()).collect();
    for agent in prompted() {
        let targets: Vec<&str> = PROMPTS
            .iter()
            .filter(|(file, _)| *file == format!("{}.md", agent.name))
            .flat_map(|(_, text)| text.lines().filter_map(target))
            .collect();
        assert!(!targets.is_empty(), "{} has no handoff", agent.name);
        for target in targets {
            assert!(known.contains(target), "{} hands to {target}", agent.name);
        }
    }
}

#[test]
fn in_every_stack_every_agent_has_a_handoff() {
    for stack in builtin_names().filter_map(builtin) {
        for agent in &stack.agents {
            let handed = agent.system.lines().filter_map(target).count();
            assert!(handed > 0, "{} in {} has no handoff", agent.name, stack.name);
        }
    }
}

#[test]
fn prompts_are_short_and_state_the_format_of_the_answer() {
    for agent in prompted() {
        let (_, text) =
            PROMPTS.iter().find(|(file, _)| *file == format!("{}.md", agent.name)).unwrap();
        let words = text.split_whitespace().count();
        assert!((80..=200).contains(&words), "{}: {words} words", agent.name);
        assert!(text.lines().any(|line| line.starts_with("Form: ")), "{}", agent.name);
        assert!(!agent.role.is_empty() && !agent.role.contains('\n'), "{}", agent.name);
    }
}

#[test]
fn every_file_beside_the_sources_is_compiled_in() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |directory: &str, extension: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(crate_root.join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(stems("stacks", "toml"), builtin_names().map(str::to_owned).collect());
    let agents = prompted().map(|agent| agent.name.0.clone());
    assert_eq!(stems("agents", "md"), agents.collect());
}
