use harmonic_types::Tier;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::{StackError, builtin_agents, parse};

/// A complete agent; tests replace or add single lines.
const AGENT: &str = r#"
[[agents]]
name = "poet"
tier = 3
model = "smollm2:135m"
context = 2048
role = "writes verse"
system = "You write verse."
"#;

fn error(text: &str) -> StackError {
    parse(text, "team.toml").expect_err("an invalid stack")
}

/// The error of a stack whose only agent is [`AGENT`] with its line `from` replaced by `to`.
fn with(from: &str, to: &str) -> StackError {
    assert!(AGENT.contains(from), "{from} is not in the agent");
    error(&format!("name = \"team\"\n{}", AGENT.replace(from, to)))
}

#[test]
fn a_complete_agent_needs_no_built_in_one() {
    let text =
        format!("name = \"team\"\n{AGENT}thinking = true\n\n[agents.sampling]\ntemperature = 1\n");
    let stack = parse(&text, "team.toml").unwrap();
    let poet = &stack.agents[0];
    assert_eq!((poet.name.0.as_str(), poet.tier), ("poet", Tier::Specialists));
    assert_eq!(poet.system, "You write verse.");
    assert!(poet.thinking);
    assert!((poet.sampling.temperature - 1.0).abs() < f32::EPSILON, "an integer is accepted");
    assert_eq!(poet.sampling.top_k, harmonic_types::Sampling::default().top_k);
}

#[test]
fn a_stack_has_at_most_as_many_agents_as_the_limit() {
    let team = |count: usize| {
        let agent = |number| AGENT.replace("\"poet\"", &format!("\"poet{number}\""));
        let agents: String = (0..count).map(agent).collect();
        parse(&format!("name = \"team\"\n{agents}"), "team.toml")
    };
    let most = harmonic_types::StackSpec::MAX_AGENTS;
    assert_eq!(team(most).unwrap().agents.len(), most);
    assert_snapshot!(team(most + 1).unwrap_err(), @"team.toml:2051: 257 agents: expected at most 256, as an engine has at most as many sequences; split the stack, and start each part with its own --port");
}

#[test]
fn like_provides_the_fields_absent_from_the_table() {
    let text = r#"
        name = "team"
        [[agents]]
        like = "analyst"
        name = "auditor"
        context = 512
        sampling = { top_p = 0.5 }
    "#;
    let auditor = &parse(text, "team.toml").unwrap().agents[0];
    let analyst = builtin_agents().iter().find(|a| a.name.0 == "analyst").unwrap();
    assert_eq!(auditor.name.0, "auditor");
    assert_eq!(auditor.context.0, 512);
    assert_eq!(auditor.sampling.top_p.to_bits(), 0.5_f32.to_bits());
    assert_eq!(auditor.sampling.temperature.to_bits(), analyst.sampling.temperature.to_bits());
    assert_eq!((&auditor.model, auditor.tier), (&analyst.model, analyst.tier));
    assert_eq!(auditor.thinking, analyst.thinking);
}

#[test]
fn the_smallest_context_is_half_unless_stated_and_belongs_to_its_context() {
    let least = |lines: &str| {
        let text = format!("name = \"team\"\n[[agents]]\nlike = \"coder\"\n{lines}");
        parse(&text, "team.toml").unwrap().agents[0].least_context().0
    };
    assert_eq!(least(""), 8192);
    assert_eq!(least("context = 4096"), 2048);
    assert_eq!(least("min_context = 16384"), 16_384);
    assert_eq!(least("context = 1"), 1);
}

#[test]
fn an_inherited_prompt_hands_off_only_within_the_stack_and_an_own_one_stays() {
    let own = "Hand to nobody_here: everything.";
    let text = format!(
        "name = \"team\"\n[[agents]]\nlike = \"coder\"\n[[agents]]\nlike = \"analyst\"\n\
         [[agents]]\nlike = \"operator\"\nsystem = \"{own}\"\n"
    );
    let stack = parse(&text, "team.toml").unwrap();
    let coder = &stack.agents[0].system;
    assert!(coder.contains("Hand to analyst:"), "{coder}");
    assert!(!coder.contains("Hand to technical_director:"), "{coder}");
    assert_eq!(stack.agents[2].system, own);
}

#[test]
fn unknown_keys_are_reported_with_the_known_ones() {
    assert_snapshot!(with("tier = 3", "teir = 3"), @"team.toml:5: unknown field `teir` (did you mean `tier`?), expected one of `like`, `name`, `tier`, `model`, `engine`, `context`, `min_context`, `role`, `system`, `system_file`, `sampling`, `thinking`, at `teir = 3`");
    assert_snapshot!(error("name = \"x\"\nport = 1\n"), @"team.toml:2: unknown field `port`, expected one of `name`, `engine`, `engines`, `models`, `agents`, at `port = 1`");
    assert_snapshot!(with("tier = 3", "tier = 3\nsampling = { temprature = 1 }"), @"team.toml:6: unknown field `temprature` (did you mean `temperature`?), expected one of `temperature`, `top_k`, `top_p`, `min_p`, `repeat_penalty`, `presence_penalty`, `frequency_penalty`, at `sampling = { temprature = 1 }`");
}

#[test]
fn invalid_toml_or_a_wrong_type_is_reported_with_its_line() {
    assert_snapshot!(error("name = poets\n"), @"team.toml:1: string values must be quoted, expected literal string, at `name = poets`");
    assert_snapshot!(error(""), @r#"team.toml: missing stack name: add `name = "my_team"` as the first line"#);
    assert_snapshot!(with("context = 2048", "context = \"2048\""), @r#"team.toml:7: invalid type: string "2048", expected a whole number, at `context = "2048"`"#);
    assert_snapshot!(with("tier = 3", "tier = 3\nsampling.top_p = \"1\""), @r#"team.toml:6: invalid type: string "1", expected a number, at `sampling.top_p = "1"`"#);
    assert_snapshot!(with("tier = 3", "tier = 3\ntier = 2"), @"team.toml:6: duplicate key, at `tier = 2`");
}

#[test]
fn a_stack_without_agents_is_refused() {
    assert_snapshot!(error("name = \"team\"\n"), @r#"
    team.toml: missing agents: add at least one, for instance
    [[agents]]
    like = "coder"
    "#);
}

#[test]
fn an_agent_of_the_same_name_is_refused() {
    let twice = "name = \"team\"\n\n[[agents]]\nlike = \"coder\"\n\n[[agents]]\nlike = \"coder\"\n";
    assert_snapshot!(error(twice), @"team.toml:6: duplicate agent name `coder`, first used on line 3: give one of the agents another `name`");
}

#[test]
fn values_outside_their_limits_are_refused() {
    assert_snapshot!(error("name = \"My team\"\nagents = []"), @r#"team.toml:1: invalid name `"My team"`: expected 1 to 64 lowercase letters, digits, `_` and `-`"#);
    assert_snapshot!(with("poet", ""), @r#"team.toml:4: invalid name `""`: expected 1 to 64 lowercase letters, digits, `_` and `-`"#);
    assert_snapshot!(with("poet", "Poet"), @r#"team.toml:4: invalid name `"Poet"`: expected 1 to 64 lowercase letters, digits, `_` and `-`"#);
    assert_snapshot!(with("tier = 3", "tier = 0"), @"team.toml:5: invalid tier `0`: expected 1 (executive), 2 (directors), 3 (specialists), 4 (heavy)");
    assert_snapshot!(with("tier = 3", "tier = 300"), @"team.toml:5: invalid tier `300`: expected 1 (executive), 2 (directors), 3 (specialists), 4 (heavy)");
    assert_snapshot!(with("context = 2048", "context = 0"), @"team.toml:7: invalid context `0`: expected the number of tokens of prompt and answer together, 1 to 4294967295, for instance 8192");
    assert_snapshot!(with("context = 2048", "context = 4294967296"), @"team.toml:7: invalid context `4294967296`: expected the number of tokens of prompt and answer together, 1 to 4294967295, for instance 8192");
    assert_snapshot!(with("context = 2048", "context = 2048\nmin_context = 2049"), @"team.toml:8: invalid min_context `2049`: expected a number of tokens from 1 to the context of 2048");
    assert_snapshot!(with("context = 2048", "context = 2048\nmin_context = 0"), @"team.toml:8: invalid min_context `0`: expected a number of tokens from 1 to the context of 2048");
    assert_snapshot!(with("smollm2:135m", " "), @r#"team.toml:6: invalid model `" "`: expected a model of the catalog such as "qwen3:8b", a model of the hub as "hf:ORG/REPO:QUANT", or the path of a GGUF file"#);
    assert_snapshot!(with("name = \"poet\"", "like = \"poet\""), @r#"team.toml:4: invalid like `"poet"`: expected one of the built-in agents executive, operator, technical_director, research_director, creative_director, coder, analyst, architect, reviewer, embedding"#);
}

#[test]
fn sampling_outside_its_limits_is_refused() {
    let sampling = |table: &str| with("tier = 3", &format!("tier = 3\nsampling = {{ {table} }}"));
    assert_snapshot!(sampling("temperature = -0.1"), @"team.toml:6: invalid sampling.temperature `-0.1`: expected 0 (always the most likely token) to 2");
    assert_snapshot!(sampling("temperature = nan"), @"team.toml:6: invalid sampling.temperature `NaN`: expected 0 (always the most likely token) to 2");
    assert_snapshot!(sampling("top_k = -1"), @"team.toml:6: invalid sampling.top_k `-1`: expected 0 (all tokens) or the number of most likely tokens to consider");
    assert_snapshot!(sampling("top_p = 0.0"), @"team.toml:6: invalid sampling.top_p `0`: expected more than 0 and at most 1 (all tokens)");
    assert_snapshot!(sampling("min_p = 1.5"), @"team.toml:6: invalid sampling.min_p `1.5`: expected 0 (all tokens) to 1");
    assert_snapshot!(sampling("repeat_penalty = 0"), @"team.toml:6: invalid sampling.repeat_penalty `0`: expected more than 0 and at most 2; 1 is off");
    assert_snapshot!(sampling("presence_penalty = 3"), @"team.toml:6: invalid sampling.presence_penalty `3`: expected -2 to 2; 0 is off");
    assert_snapshot!(sampling("frequency_penalty = -inf"), @"team.toml:6: invalid sampling.frequency_penalty `-inf`: expected -2 to 2; 0 is off");
}

#[test]
fn a_field_without_a_value_is_missing() {
    assert_snapshot!(with("model = \"smollm2:135m\"\n", ""), @r#"team.toml:3: missing `model` of an agent: add `model = "qwen3:8b"`, or inherit it from a built-in agent with `like = "coder"`"#);
    assert_snapshot!(with("system = \"You write verse.\"\n", ""), @r#"team.toml:3: missing `system` of an agent: add `system = "You are …"` or `system_file = "agent.md"`, or inherit it from a built-in agent with `like = "coder"`"#);
    for line in ["name = \"poet\"", "tier = 3", "context = 2048", "role = \"writes verse\""] {
        let key = line.split(' ').next().unwrap();
        assert!(with(line, "").to_string().contains(&format!("missing `{key}`")), "{key}");
    }
}

#[test]
fn a_prompt_has_one_source() {
    let both = "system = \"a\"\nsystem_file = \"b.md\"";
    assert_snapshot!(with("system = \"You write verse.\"", both), @"team.toml:10: `system` and `system_file` exclude each other: remove one of them");
    assert_snapshot!(with("system = \"You write verse.\"", "system_file = \"b.md\""), @r#"team.toml:9: cannot read `system_file = "b.md"` (relative to the stack file): `system_file` requires a stack file, this stack is text: use `system` instead"#);
}

fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "name",
        "like",
        "tier",
        "model",
        "context",
        "role",
        "system",
        "system_file",
        "sampling",
        "thinking",
        "agents",
        "port",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "0",
        "-1",
        "99999999999",
        "0.5",
        "nan",
        "true",
        "\"coder\"",
        "\"\"",
        "\"é\"",
        "[]",
        "{}",
        "{ top_p = 2 }",
        "{ top_k = 1 }",
        "[{ like = \"coder\" }]",
        "",
    ]);
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => Just("[[agents]]".to_owned()),
        1 => Just("[agents.sampling]".to_owned()),
        1 => "\\PC{0,12}",
    ]
}

proptest! {
    /// Any text yields a valid stack or an error, never a panic.
    #[test]
    fn any_text_is_a_valid_stack_or_an_error(text in "(?s).{0,200}") {
        check(&text);
    }

    /// The same for texts that resemble stack files.
    #[test]
    fn any_likely_text_is_a_valid_stack_or_an_error(lines in prop::collection::vec(line(), 0..16)) {
        check(&format!("name = \"x\"\n{}", lines.join("\n")));
    }
}

fn check(text: &str) {
    match parse(text, "any.toml") {
        Ok(stack) => {
            let mut names: Vec<_> = stack.agents.iter().map(|agent| &agent.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), stack.agents.len(), "names are unique");
            assert!(!stack.agents.is_empty());
            assert!(stack.agents.iter().all(|agent| agent.context.0 > 0));
        }
        Err(error) => assert!(error.to_string().contains("any.toml"), "{error}"),
    }
}
