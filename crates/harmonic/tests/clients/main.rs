//! Third-party programs and frameworks, as their users run them, with the real engine: Ollama's
//! command line, `llm` with its plugin, coding agents, and the cases of the directories `python` and
//! `node`. `make test-real` installs what they need and runs this.
//!
//! The models' answers are mostly meaningless (`model.rs`): the tests check that each program gets
//! what it requests, and that refusals are shown to its user.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod coding_agents;
mod embeddings;
mod first_requests;
#[path = "../cli/harness.rs"]
#[expect(dead_code, reason = "the command line's tests use the rest of it")]
mod harness;
mod mcp;
mod model;
mod program;
mod team;

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Server, User};
use program::Program;
use team::Team;

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn ollamas_command_line_lists_shows_and_runs_agents() {
    let team = Team::start();
    let ollama = |args: &[&str]| {
        Program::new("../peers/bin/ollama").env("OLLAMA_HOST", team.url()).run(args)
    };
    ollama(&["list"]).succeeds(&["NAME", "coder", "analyst"]);
    ollama(&["ps"]).succeeds(&["coder", "100% CPU", "32768"]);
    ollama(&["show", "coder"]).succeeds(&["llama", "35.39M", "32768", "tools"]);
    ollama(&["show", "analyst"]).succeeds(&["llama", "134.52M", "4096", "Q4_1"]);
    ollama(&["show", "coder", "--system"]).succeeds(&["You write code."]);
    ollama(&["show", "coder", "--template"]).succeeds(&["messages"]);
    ollama(&["show", "coder", "--parameters"]).succeeds(&["temperature"]);
    let modelfile = ollama(&["show", "coder:latest", "--modelfile"]);
    modelfile.succeeds(&["FROM long", "SYSTEM"]);
    assert!(!modelfile.out.contains(".gguf"), "a path of the server: {}", modelfile.out);
    let said = ollama(&["run", "analyst", "Name a day."]);
    said.succeeds(&[]);
    assert!(!said.out.trim().is_empty(), "{said:?}");

    // Changes of models are refused with a message.
    let fixed = "agents cannot be created, copied, removed or pushed over HTTP";
    ollama(&["stop", "coder"]).fails_with("agents stay loaded as long as the server runs");
    ollama(&["cp", "coder", "other"]).fails_with(fixed);
    ollama(&["rm", "coder"]).fails_with(fixed);
    ollama(&["push", "coder"]).fails_with(fixed);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Modelfile");
    fs::write(&file, "FROM coder\nSYSTEM be kind\n").unwrap();
    ollama(&["create", "other", "-f", file.to_str().unwrap()]).fails_with(fixed);
    ollama(&["run", "nobody", "hi"]).fails();
    team.ends_well();
}

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn llm_lists_agents_and_sends_prompts() {
    let team = Team::start();
    let llm = |args: &[&str]| {
        Program::new("python/bin/llm")
            .env("OLLAMA_HOST", team.url())
            .env("LLM_LOAD_PLUGINS", "llm-ollama")
            .run(args)
    };
    llm(&["models"]).succeeds(&["ollama/coder", "ollama/analyst"]);
    llm(&["ollama", "models"]).succeeds(&["coder", "analyst"]);
    let asked =
        ["-m", "ollama/analyst", "-o", "num_predict", "8", "-o", "temperature", "0", "Name a day."];
    for streaming in [None, Some("--no-stream")] {
        let said = llm(&[asked.as_slice(), streaming.as_slice()].concat());
        said.succeeds(&[]);
        assert!(!said.out.trim().is_empty(), "{said:?}");
    }
    let schema = r#"{"type":"object","properties":{"day":{"enum":["Monday"]}},"required":["day"],"additionalProperties":false}"#;
    let formed = llm(&["-m", "ollama/coder", "--schema", schema, "Name a day."]);
    formed.succeeds(&[]);
    let answer: serde_json::Value = serde_json::from_str(formed.out.trim()).unwrap();
    assert_eq!(answer, serde_json::json!({"day": "Monday"}));
    team.ends_well();
}

/// The progress of the team is what these programs show as thinking, and its answer what they print.
/// On the simulated machine: the starter model rarely ends the answers of a vote by itself.
#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn chats_with_the_team_show_its_progress_as_thinking_and_then_its_answer() {
    let user = User::new();
    let server = Server::start(&mut user.harmonic(["up", "--stack", "starter", "--engine", "sim"]));
    let chat = Program::new("../peers/bin/ollama").env("OLLAMA_HOST", &server.url).run(&[
        "run",
        "team:vote",
        "Name a day.",
    ]);
    chat.succeeds(&["Thinking...", " begins", " is done", "...done thinking."]);
    let answer = chat.out.split("...done thinking.").nth(1).unwrap();
    assert!(!answer.trim().is_empty(), "{chat:?}");

    let streamed = Program::new("python/bin/python")
        .env("HARMONIC_URL", &server.url)
        .file("chat.py", CHAT)
        .run(&["chat.py"]);
    streamed.succeeds(&["thinking before the answer"]);

    let said = Program::new("python/bin/llm")
        .env("OLLAMA_HOST", &server.url)
        .env("LLM_LOAD_PLUGINS", "llm-ollama")
        .run(&["-m", "ollama/team:vote", "Name a day."]);
    said.succeeds(&[]);
    assert!(!said.out.trim().is_empty(), "{said:?}");
    server.signal("TERM");
    assert_eq!(server.end().code, Some(0));
}

/// The chat of `LangChain`, streamed: parts of thinking come before those of the answer.
const CHAT: &str = r#"
import os
from langchain_ollama import ChatOllama

model = ChatOllama(model="team:vote", base_url=os.environ["HARMONIC_URL"], reasoning=True)
kinds = []
for chunk in model.stream("Name a day."):
    if chunk.additional_kwargs.get("reasoning_content"):
        kinds.append("thinking")
    if chunk.content:
        kinds.append("answer")
assert len(kinds) > 3 and kinds[0] == "thinking" and kinds[-1] == "answer", kinds
assert kinds == sorted(kinds, key=["thinking", "answer"].index), kinds
print("thinking before the answer")
"#;

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn python_frameworks_work() {
    let team = Team::start();
    let cases = cases("python", "py");
    for case in &cases {
        Program::new("python/bin/python")
            .env("HARMONIC_URL", team.url())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .run(&[case.to_str().unwrap()])
            .succeeds(&[]);
    }
    assert_eq!(cases.len(), 5);
    team.ends_well();
}

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn node_frameworks_work() {
    let team = Team::start();
    let cases = cases("node", "mjs");
    // Node resolves packages next to and above the importing file.
    let place = program::installed("node");
    for case in &cases {
        for file in [case.as_path(), &case.with_file_name("day.mjs")] {
            fs::copy(file, place.join(file.file_name().unwrap())).unwrap();
        }
        let case = place.join(case.file_name().unwrap());
        Program::new("/usr/bin/env")
            .env("HARMONIC_URL", team.url())
            .run(&["node", case.to_str().unwrap()])
            .succeeds(&[]);
    }
    assert_eq!(cases.len(), 2);
    team.ends_well();
}

/// The files `case_*` of a sibling directory.
fn cases(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(folder);
    let is_case = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("case_") && name.ends_with(ending)
    };
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(is_case).collect()
}
