//! `import`: settings of other programs in, a stack file that `plan` accepts out.

use std::fs;

use crate::harness::User;

const CONFIG: &str = "\
logLevel: debug
models:
  \"Coder:Big\":
    cmd: llama-server --port ${PORT} -m /models/coder.gguf -c 8192 -np 2 --temp 0.2
    ttl: 60
";

const MODELFILE: &str = "FROM qwen3:4b\nPARAMETER num_ctx 4096\nSYSTEM You code.\n";

#[test]
fn a_modelfile_becomes_a_stack_file_that_can_be_planned() {
    let user = User::new();
    user.file("coder.Modelfile", MODELFILE);
    let ran = user.run(["import", "modelfile", "coder.Modelfile"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("imported 1: coder\nassumed:\n"), "{ran:?}");
    user.file("team.toml", &ran.out);
    let plan = user.run(["plan", "--stack", "team.toml", "--hardware", "dgx-spark", "--json"]);
    let agent = &plan.json()["agents"][0];
    assert_eq!((&agent["name"], &agent["model"]), (&"coder".into(), &"qwen3:4b".into()));
}

#[test]
fn what_was_not_taken_over_is_listed_with_its_line() {
    let user = User::new();
    user.file("config.yaml", CONFIG);
    let ran = user.run(["import", "llama-swap", "config.yaml"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in
        ["config.yaml:1: logLevel: ", "config.yaml:4: -np of Coder:Big: ", "config.yaml:5: ttl of "]
    {
        assert!(ran.err.contains(line), "`{line}` is missing: {ran:?}");
    }
    assert!(ran.out.contains("model = \"/models/coder.gguf\"\ncontext = 4096\n"), "{ran:?}");
    let document = user.run(["import", "llama-swap", "config.yaml", "--json"]).json();
    assert_eq!(document["schema"], "harmonic.import/1");
    assert_eq!(document["stack_file"].as_str().unwrap().trim_end(), ran.out.trim_end());
    let line = document["notes"].as_array().unwrap().iter().find(|note| note["subject"] == "ttl");
    assert_eq!(line.unwrap()["line"], 5);
}

#[test]
fn a_file_is_overwritten_only_if_that_is_asked_for() {
    let user = User::new();
    user.file("coder.Modelfile", MODELFILE);
    let import = ["import", "modelfile", "coder.Modelfile", "--output", "team.toml"];
    let ran = user.run(import);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.err.contains("harmonic plan --stack team.toml"), "{ran:?}");
    user.file("team.toml", "mine");
    user.run(import).refuses(&["team.toml exists", "--force"]);
    assert_eq!(fs::read_to_string(user.home().join("team.toml")).unwrap(), "mine");
    assert_eq!(user.run(import.into_iter().chain(["--force"])).code, Some(0));
    let written = fs::read_to_string(user.home().join("team.toml")).unwrap();
    assert!(written.contains("[[agents]]"), "{written}");
    user.run(["import", "modelfile", "coder.Modelfile", "--force"]).refuses_usage("--output");
}

#[test]
fn what_gives_no_agent_is_an_error_with_the_reasons() {
    let user = User::new();
    user.file("presets.ini", "[a]\ntop-k = 1\n");
    let ran = user.run(["import", "llama-server", "presets.ini"]);
    ran.refuses(&["presets.ini:1: a: no model is stated", "no agent could be imported"]);
    user.file("broken.ini", "[a\n");
    user.run(["import", "llama-server", "broken.ini"]).refuses(&["broken.ini:1: invalid section"]);
    user.run(["import", "llama-swap", "absent.yaml"]).refuses(&["absent.yaml"]);
    user.run(["import", "ollama"]).refuses(&["no Ollama store in", "--store"]);
    user.run(["import", "ollama", "--store", "nowhere"]).refuses(&["no Ollama store in nowhere"]);
    user.file("binary", [0xff, 0xfe, 0x00]);
    user.run(["import", "modelfile", "binary"]).refuses(&["binary is not UTF-8"]);
}

#[test]
fn modelfiles_that_plan_emits_are_the_same_agents_again() {
    let user = User::new();
    let plan = ["plan", "--stack", "standard", "--hardware", "dgx-spark"];
    let ran = user.run(plan.into_iter().chain(["--emit", "ollama", "--out", "files"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let agents = ["executive", "operator", "technical_director", "research_director"];
    let files = agents.map(|agent| format!("files/{agent}.Modelfile"));
    let import =
        ["import", "modelfile", "--json"].into_iter().chain(files.iter().map(String::as_str));
    let document = user.run(import).json();
    assert_eq!(document["notes"].as_array().unwrap().len(), 0, "{document}");
    let stack = planned_agents(&user);
    for (imported, agent) in document["stack"]["agents"].as_array().unwrap().iter().zip(agents) {
        let planned = stack.iter().find(|planned| planned["name"] == agent).unwrap();
        assert_eq!(imported, &planned["spec"]);
    }
}

/// The agents of the plan of the stack `standard`.
fn planned_agents(user: &User) -> Vec<serde_json::Value> {
    let plan =
        user.run(["plan", "--stack", "standard", "--hardware", "dgx-spark", "--json"]).json();
    plan["agents"].as_array().unwrap().clone()
}
