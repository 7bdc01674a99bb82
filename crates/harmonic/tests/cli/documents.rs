//! Documents: complete JSON on stdout, and nothing else there.

use serde_json::{Value, json};

use crate::harness::User;

#[test]
fn detect_says_what_this_machine_is() {
    let user = User::new();
    let document = user.run(["detect", "--json"]).json();
    assert_eq!(document["schema"], "harmonic.hardware/1");
    let figure = |name: &str| document[name].as_u64().unwrap();
    assert_eq!(
        figure("memory_budget_bytes"),
        u64::try_from(u128::from(figure("memory_total_bytes")) * 85 / 100).unwrap()
    );
    let people = user.run(["detect"]);
    assert_eq!(people.code, Some(0));
    assert!(people.out.contains(document["name"].as_str().unwrap()), "{people:?}");
}

#[test]
fn plan_places_every_agent_of_the_starter_without_its_model() {
    let user = User::new();
    let plan = user.run(["plan", "--stack", "starter", "--json"]).json();
    assert_eq!(plan["schema"], "harmonic.plan/3");
    let agents = plan["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 7);
    assert!(agents.iter().all(|agent| agent["slots"].as_u64().unwrap() >= 1), "{agents:?}");
    let [engine] = plan["engines"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!(engine["kind"], "llama");
    assert!(engine["attention"].is_string(), "{engine}");
    let simulated = user.run(["plan", "--stack", "starter", "--engine", "sim", "--json"]).json();
    let engine = &simulated["engines"][0];
    assert_eq!((&engine["kind"], engine.get("attention")), (&json!("sim"), None));

    let isolated =
        user.run(["plan", "--stack", "starter", "--sharing", "isolated", "--json"]).json();
    assert_eq!(isolated["engines"].as_array().unwrap().len(), 7);

    let people = user.run_at(80, ["plan", "--stack", "starter"]);
    assert!(people.out.contains("technical_director"), "{people:?}");
    assert!(people.out.lines().all(|line| line.chars().count() <= 80), "{people:?}");
}

#[test]
fn the_stack_comes_from_flag_environment_file_or_default() {
    let user = User::new();
    let name = |command: &mut std::process::Command| {
        crate::harness::ran(command).json()["stack"].as_str().unwrap().to_owned()
    };
    let plan = || user.harmonic(["plan", "--json"]);
    assert_eq!(name(&mut plan()), "standard");
    user.file("stack.toml", "name = \"mine\"\n[[agents]]\nlike = \"coder\"\n");
    assert_eq!(name(&mut plan()), "mine");
    assert_eq!(name(plan().env("HARMONIC_STACK", "dev")), "dev");
    assert_eq!(name(plan().env("HARMONIC_STACK", "dev").args(["--stack", "minimal"])), "minimal");
}

#[test]
fn models_list_shows_the_catalog_and_the_caches() {
    let user = User::new();
    let document = user.run(["models", "list", "--json"]).json();
    assert_eq!(document["schema"], "harmonic.models/1");
    assert_eq!(document["stored"], Value::Array(Vec::new()));
    let names = document["catalog"].as_array().unwrap().iter().map(|entry| &entry["name"]);
    assert!(names.clone().any(|name| name == "smollm2:135m"), "{document}");
    let people = user.run(["models", "list"]);
    assert!(people.out.contains("qwen3:14b") && people.err.contains("store: "), "{people:?}");
}

#[test]
fn models_show_knows_the_catalog() {
    let user = User::new();
    let document = user.run(["models", "show", "qwen3:8b", "--json"]).json();
    assert_eq!(document["shape"]["layers"].as_array().unwrap().len(), 36);
    let people = user.run(["models", "show", "qwen3:8b"]);
    // 8192 tokens of qwen3:8b are 1.21 GB in f16: docs/sources.md#kv-per-token.
    assert!(people.out.contains("8192") && people.out.contains("1.2 GB"), "{people:?}");
    user.run(["models", "show", "llama:7b"]).refuses(&["unknown model `llama:7b`"]);
    let removed = user.run(["models", "rm", "llama:7b"]);
    removed.refuses(&["the model `llama:7b` is not in the store", "harmonic models list"]);
    assert!(
        !removed.err.contains("models pull"),
        "nothing can be pulled by that name: {removed:?}"
    );
    user.run(["models", "rm", "qwen3:8b"]).refuses(&["harmonic models pull qwen3:8b"]);
}

#[test]
fn logging_is_off_by_default() {
    let user = User::new();
    let silent = user.run(["--quiet", "plan", "--stack", "starter", "--json"]);
    assert_eq!(silent.err, "");
    silent.json();
}
