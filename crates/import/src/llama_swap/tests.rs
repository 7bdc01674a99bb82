use harmonic_types::Tokens;

use super::*;
use crate::note::Note;

const CONFIG: &str = r#"
healthCheckTimeout: 500
startPort: 10001
apiKeys: ["sk-secret"]
nonsense: 1
macros:
  server: >
    /opt/llama-server-b11434
    --port ${PORT}
  ctx: 4096
  models: "${env.HOME}/models"
models:
  "gpt-oss-120b":
    macros:
      ctx: 16384
      temp: 0.7
    cmd: |
      # ${server} is defined above
      ${server}
      --model ${models}/gpt-oss.gguf
      --ctx-size ${ctx} --temperature ${temp}
      -np 2 -ngl 99
    name: "gpt-oss 120B"
    description: "A thinking
      model"
    env:
      - "CUDA_VISIBLE_DEVICES=0"
      - "LLAMA_ARG_TOP_K=20"
      - "LLAMA_ARG_CTX_SIZE=1"
    proxy: http://127.0.0.1:8999
    ttl: 60
    aliases: ["gpt-4o"]
    filters:
      stripParams: "temperature"
      setParams: {top_p: 0.9, seed: 1}
    surprise: yes
  small: {cmd: "env LLAMA_ARG_TEMP=1 LLAMA_ARG_TEMPERATURE=0.1 llama-server -hf a/b:Q4_0", unlisted: true}
  vllm: {cmd: "vllm serve org/model"}
  docker: {cmd: "docker run image --model /m.gguf", cmdStop: "docker stop x"}
  keyed: {cmd: "llama-server -m ${env.WHERE}/m.gguf"}
  broken: {cmd: "llama-server -m 'm.gguf"}
  empty:
groups:
  g: {members: [small]}
"#;

fn import(text: &str) -> Imported {
    let surroundings = Surroundings { home: Some("/home/me"), catalog: &[] };
    llama_swap(text, "config.yaml", &surroundings).unwrap()
}

fn error(text: &str) -> String {
    llama_swap(text, "config.yaml", &Surroundings::default()).unwrap_err().to_string()
}

fn stated(notes: &[Note], kind: NoteKind) -> Vec<(Option<usize>, &str)> {
    let notes = notes.iter().filter(|note| note.kind == kind);
    notes.map(|note| (note.line, note.subject.as_str())).collect()
}

#[test]
fn models_that_start_llama_server_are_agents() {
    let agents = import(CONFIG).stack.unwrap().agents;
    let names: Vec<&str> = agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(names, ["gpt-oss-120b", "small"]);
    let first = &agents[0];
    assert_eq!(first.model, "/home/me/models/gpt-oss.gguf");
    assert_eq!((first.context, first.role.as_str()), (Tokens(8192), "A thinking model"));
    let sampling = &first.sampling;
    assert_eq!((sampling.temperature, sampling.top_k, sampling.top_p), (0.7, 20, 0.9));
    assert_eq!((agents[1].model.as_str(), agents[1].sampling.temperature), ("hf:a/b:Q4_0", 0.1));
}

#[test]
fn everything_else_is_noted_with_its_line_and_no_secret() {
    let notes = import(CONFIG).notes;
    assert_eq!(stated(&notes, NoteKind::Unknown), [(Some(5), "nonsense"), (Some(36), "surprise")]);
    let left_out = stated(&notes, NoteKind::LeftOut);
    let names: Vec<&str> = left_out.iter().map(|(_, name)| *name).collect();
    assert_eq!(names, ["vllm", "docker", "keyed", "broken", "empty"]);
    let unexpressed: Vec<&str> =
        stated(&notes, NoteKind::NotExpressed).into_iter().map(|(_, subject)| subject).collect();
    for subject in [
        "healthCheckTimeout",
        "startPort",
        "apiKeys",
        "groups",
        "name",
        "CUDA_VISIBLE_DEVICES",
        "proxy",
        "ttl",
        "aliases",
        "filters.stripParams",
        "filters.setParams.seed",
        "--port",
        "-np",
        "-ngl",
        "LLAMA_ARG_TEMP",
        "unlisted",
        "cmdStop",
    ] {
        assert!(unexpressed.contains(&subject), "{subject}: {unexpressed:?}");
    }
    assert_eq!(stated(&notes, NoteKind::Invalid), []);
    assert!(notes.iter().all(|note| !note.to_string().contains("sk-secret")));
}

#[test]
fn what_is_no_configuration_is_an_error() {
    assert!(error("a: 1\n").contains("a mapping with `models`"));
    assert!(error("- a\n").contains("a mapping with `models`"));
    assert!(error("models: [a]\n").starts_with("config.yaml:1: invalid models"));
    assert!(error("models: {a: {cmd: x}, a: {cmd: y}}\n").contains("the key `a` is there twice"));
}
