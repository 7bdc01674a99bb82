use harmonic_types::{Tier, Work};

use super::*;

fn agent(name: &str, tier: Tier) -> AgentProfile {
    AgentProfile {
        name: name.into(),
        tier,
        role: String::new(),
        prompt: String::new(),
        prompt_tokens: 0,
        overhead_tokens: 0,
        context: 8_192,
        parameters: None,
        tools: Vec::new(),
    }
}

fn values<'a>(agents: &'a [AgentProfile], numbers: &[(&str, u32)]) -> RecipeValues<'a> {
    RecipeValues {
        goal: "Compare tea and coffee.",
        parts: &[],
        agents,
        tools: &[],
        places: 4,
        numbers: numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    }
}

#[test]
fn split_serves_a_benchmark_of_equal_tasks() {
    let agents = [agent("boss", Tier::Executive), agent("w", Tier::Specialists)];
    let split = Recipe::named("split").unwrap();
    let graph = split.fill(&values(&agents, &[("width", 8), ("max_tokens", 64)])).unwrap();
    assert_eq!(graph.tasks.len(), 9);
    assert!(graph.tasks.iter().all(|task| task.max_tokens == Some(64)));
    assert_eq!(graph.tasks[8].after.len(), 8);
    let lengths = graph.tasks[..8].iter().map(|task| match &task.work {
        Work::Ask { instruction, .. } => instruction.len(),
        _ => 0,
    });
    assert!(lengths.clone().min() == lengths.max(), "the tasks are equal");
}

#[test]
fn split_follows_the_parts_that_a_goal_lists() {
    let agents = [
        agent("boss", Tier::Executive),
        agent("a", Tier::Specialists),
        agent("b", Tier::Directors),
    ];
    let values = RecipeValues { goal: "- {tea}\n- coffee\n- milk", ..values(&agents, &[]) };
    let graph = Recipe::named("split").unwrap().fill(&values).unwrap();
    let agents: Vec<_> =
        graph.tasks.iter().map(|task| task.work.agent().unwrap().0.as_str()).collect();
    assert_eq!(agents, ["a", "b", "a", "boss"]);
    assert!(
        matches!(&graph.tasks[0].work, Work::Ask { instruction, .. } if instruction.ends_with("Your part: {tea}"))
    );
}

#[test]
fn a_reviewer_is_another_agent_than_the_writer_where_there_is_one() {
    let recipe = Recipe::named("write-check").unwrap();
    let names = |agents: &[AgentProfile]| {
        let graph = recipe.fill(&values(agents, &[])).unwrap();
        graph.tasks.iter().map(|task| task.work.agent().unwrap().0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&[agent("coder", Tier::Specialists), agent("boss", Tier::Executive)]),
        ["coder", "boss"]
    );
    assert_eq!(names(&[agent("only", Tier::Heavy)]), ["only", "only"]);
}

#[test]
fn values_out_of_range_unknown_ones_and_no_agents_are_refused() {
    let agents = [agent("a", Tier::Specialists)];
    let split = Recipe::named("split").unwrap();
    let error = |numbers| split.fill(&values(&agents, numbers)).unwrap_err().to_string();
    assert_eq!(
        error(&[("width", 33)]),
        "invalid width `33` for the recipe `split`: expected 2 to 32 (parts, where the goal lists none)"
    );
    assert!(error(&[("widht", 3)]).ends_with("expected one of the numbers max_tokens, width"));
    assert!(split.fill(&values(&[], &[])).unwrap_err().to_string().contains("needs an agent"));
    assert!(Recipe::named("spilt").unwrap_err().to_string().contains("did you mean `split`?"));
}

const VALID: &str = r#"
schema = "harmonic.recipe/1"
name = "mine"
description = "Does it"
[numbers.n]
default = 2
min = 1
max = 9
[numbers.free]
min = 1
max = 9
[roles.worker]
tiers = [3]
[[tasks]]
id = "a"
kind = "ask"
each = "n"
title = "A {number}"
agent = "worker"
instruction = "Do {number} of {count} with {{braces}}."
[[tasks]]
id = "b"
kind = "ask"
title = "B"
agent = "worker"
after = ["a"]
instruction = "Join {count}."
max_tokens = "free"
"#;

#[test]
fn faults_of_a_file_name_line_key_and_remedy() {
    let agents = [agent("a", Tier::Specialists)];
    let graph = Recipe::parse("mine.toml", VALID).unwrap().fill(&values(&agents, &[])).unwrap();
    assert_eq!(graph.tasks.len(), 3);
    let cases = [
        ("recipe/1", "recipe/2"),
        ("name = \"mine\"", "name = \"My recipe\""),
        ("default = 2", "default = \"slots\""),
        ("default = 2", "default = 12"),
        ("default = 2", "default = -5"),
        ("min = 1", "min = 0"),
        ("tiers = [3]", "tiers = [5]"),
        ("tiers = [3]", "tires = [3]"),
        ("tiers = [3]", "not = \"boss\""),
        ("kind = \"ask\"", "kind = \"aks\""),
        ("each = \"n\"", "each = \"parts\""),
        ("each = \"n\"", "each = \"m\""),
        ("each = \"n\"", "each = \"free\""),
        ("agent = \"worker\"", "agent = \"worke\""),
        ("Do {number}", "Do {nubmer}"),
        ("{{braces}}", "{braces"),
        ("after = [\"a\"]", "after = [\"c\"]"),
        ("after = [\"a\"]", "after = [\"a\"]\nsamples = 3"),
        ("id = \"b\"", "id = \"a\""),
        ("instruction = \"Join {count}.\"\n", ""),
        ("[[tasks]]\nid = \"b\"", "[[task]]\nid = \"b\""),
    ];
    let shown = cases.map(|(from, to)| {
        assert!(VALID.contains(from), "{from}");
        let error = Recipe::parse("mine.toml", &VALID.replacen(from, to, 1)).unwrap_err();
        format!("{}: {error}", to.replace('\n', " "))
    });
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_recipe_that_is_too_wide_is_a_clear_error() {
    let wide = VALID.replace("max = 9", "max = 4000000000");
    let agents = [agent("a", Tier::Specialists)];
    let recipe = Recipe::parse("wide.toml", &wide).unwrap();
    let error = recipe.fill(&values(&agents, &[("n", 4_000_000_000)])).unwrap_err();
    assert!(error.to_string().contains("expected 1 to 64"), "{error}");
}
