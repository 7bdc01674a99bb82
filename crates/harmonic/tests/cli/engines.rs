//! Choice of engines: arguments, stack files, and agents whose prompts leave the machine.

use serde_json::Value;

use crate::harness::User;

const SPARK: [&str; 3] = ["plan", "--hardware", "dgx-spark"];

/// A stack with a coder on a server elsewhere.
const MIXED: &str = r#"
name = "mixed"
engine = "ollama"
[engines.gpu_box]
kind = "remote"
url = "https://gpu.example.org/v1"
key_env = "GPU_BOX_KEY"
model = "large"
[[agents]]
like = "executive"
model = "smollm2:135m"
[[agents]]
like = "coder"
engine = "gpu_box"
"#;

#[test]
fn an_invalid_engine_is_refused_with_what_was_expected() {
    let user = User::new();
    for (given, words) in [
        ("olama", "(did you mean `ollama`?)"),
        ("mlx", "expected llama, sim, ollama, llama-server, vllm, or remote=URL"),
        ("remote", "missing URL of the engine `remote`"),
        ("remote=ftp://x", "invalid scheme `ftp`"),
        ("remote=http://user:hidden@x", "user or password"),
        ("remote=http://x,speed=9", "invalid option `speed`"),
        ("sim=9", "`sim` takes no value"),
    ] {
        for command in ["plan", "up", "bench"] {
            user.run([command, "--engine", given]).refuses_usage(words);
        }
    }
}

#[test]
fn a_plan_for_each_engine_has_its_kind() {
    let user = User::new();
    for (engine, kind) in [
        ("llama", "llama"),
        ("sim", "sim"),
        ("ollama", "process"),
        ("llama-server", "process"),
        ("vllm", "process"),
        ("remote=http://localhost:8000", "remote"),
    ] {
        let args = ["--stack", "starter", "--json", "--engine", engine];
        let plan: Value = user.run(SPARK.into_iter().chain(args)).json();
        assert_eq!(plan["engines"][0]["kind"], kind, "{engine}");
        if kind == "process" {
            assert_eq!(plan["engines"][0]["program"], engine);
            assert_eq!(plan["engines"][0]["park_bytes"], 0);
        }
    }
}

#[test]
fn agents_whose_prompts_leave_the_machine_are_marked_and_can_be_refused() {
    let user = User::new();
    let stack = user.file("mixed.toml", MIXED).display().to_string();
    let shown = user.run(SPARK.into_iter().chain(["--stack", &stack]));
    for words in [
        "off this machine",
        "prompts and answers of coder leave this machine for https://gpu.example.org",
        "ollama, gpu0",
    ] {
        assert!(shown.out.contains(words), "{words}: {shown:?}");
    }
    assert!(!shown.out.contains("GPU_BOX_KEY"), "{shown:?}");
    let plan: Value = user.run(SPARK.into_iter().chain(["--stack", &stack, "--json"])).json();
    let leaving: Vec<&Value> = plan["agents"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&leaving[0]["leaves_machine"], &leaving[1]["leaves_machine"]),
        (&Value::Null, &Value::Bool(true))
    );
    user.run(SPARK.into_iter().chain(["--stack", &stack, "--local-only"]))
        .refuses(&["--local-only refuses agents whose prompts leave this machine: coder"]);
    let local = ["--stack", "starter", "--engine", "remote=http://localhost:9", "--local-only"];
    let here = user.run(SPARK.into_iter().chain(local));
    assert!(here.out.contains("remote, http://localhost:9"), "{here:?}");
    let file = user.file("plan.json", plan.to_string()).display().to_string();
    user.run(["up", "--plan", &file, "--local-only"]).refuses(&["--local-only", "coder"]);
}

#[test]
fn an_engine_of_the_command_line_overrides_those_of_the_stack() {
    let user = User::new();
    let stack = user.file("mixed.toml", MIXED).display().to_string();
    let args = ["--stack", &stack, "--engine", "sim", "--json"];
    let plan: Value = user.run(SPARK.into_iter().chain(args)).json();
    assert!(plan["engines"].as_array().unwrap().iter().all(|engine| engine["kind"] == "sim"));
}

#[test]
fn a_missing_key_is_named_and_nothing_starts() {
    let user = User::new();
    let engine = "remote=http://127.0.0.1:9,key_env=NOT_SET_HERE";
    user.run(["up", "--port", "0", "--stack", "starter", "--engine", engine])
        .refuses(&["NOT_SET_HERE", "is not set"]);
}

#[test]
fn a_program_that_is_not_there_is_named_with_the_remedy() {
    let user = User::new();
    let engine = "vllm=/absent/vllm";
    user.run(["up", "--port", "0", "--stack", "starter", "--engine", engine])
        .refuses(&["/absent/vllm", "expected an executable file"]);
}
