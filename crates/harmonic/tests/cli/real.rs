//! End-to-end tests with llama.cpp and the starter model, which `make test` has pulled into the
//! user's store.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use futures::StreamExt;
use futures::future::join_all;
use harmonic_api::openai::{ChatMessage, ChatRequest, NamedSchema, ResponseFormat};
use harmonic_api::{ChatEvent, Client};
use harmonic_types::Event;

use crate::harness::{Server, binary, ran, signal};

const AGENTS: [&str; 7] = [
    "executive",
    "operator",
    "technical_director",
    "research_director",
    "creative_director",
    "coder",
    "analyst",
];

/// The team as a model, by itself and by each recipe.
const TEAM: [&str; 6] =
    ["team", "team:split", "team:vote", "team:write-check", "team:research", "team:code"];

/// File of the starter model.
fn starter_model() -> PathBuf {
    let stored = ran(&mut binary(["models", "list", "--json"])).json();
    let here = |model: &&serde_json::Value| model["record"]["name"] == "smollm2:135m";
    let found = stored["stored"].as_array().unwrap().iter().find(here);
    let found = found.expect(
        "the starter model is not in the store: `make test` pulls it, so does `harmonic models pull \
         smollm2:135m`",
    );
    found["path"].as_str().unwrap().into()
}

/// One test with one server, which covers everything that needs a server.
fn up() -> Server {
    starter_model();
    let mut command: Command = binary(["up", "--stack", "starter", "--port", "0"]);
    Server::start(&mut command)
}

fn ask(agent: &str, text: &str, max_tokens: u32) -> ChatRequest {
    ChatRequest {
        model: agent.to_owned(),
        messages: vec![ChatMessage::new("user", text)],
        max_tokens: Some(max_tokens),
        temperature: Some(0.0),
        seed: Some(1),
        ..ChatRequest::default()
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    text: String,
    pieces: usize,
    reason: String,
    tokens: u32,
    prompt_tokens: u32,
}

async fn hear(client: &Client, request: ChatRequest) -> Heard {
    let mut answer = client.chat(&request).await.unwrap();
    let mut heard = Heard::default();
    while let Some(event) = answer.next().await {
        match event.unwrap() {
            ChatEvent::Delta(Event::Text { text, .. }) => {
                heard.text.push_str(&text);
                heard.pieces += 1;
            }
            ChatEvent::Delta(_) => {}
            ChatEvent::Finish { reason } => heard.reason = reason,
            ChatEvent::Usage(usage) => {
                heard.tokens = usage.completion_tokens;
                heard.prompt_tokens = usage.prompt_tokens;
            }
        }
    }
    heard
}

#[tokio::test]
async fn a_team_on_the_real_engine() {
    let server = up();
    let client = Client::new(&server.url).unwrap();
    assert_eq!(client.models().await.unwrap(), [AGENTS.as_slice(), &TEAM].concat());

    // Streamed, counted, and repeatable at temperature 0: alone both times, so in batches of equal
    // shapes.
    let question = || ask("operator", "Name the days of the week.", 24);
    let once = hear(&client, question()).await;
    assert!(once.pieces > 1 && !once.text.trim().is_empty(), "{once:?}");
    assert!(once.tokens <= 24 && once.prompt_tokens > 10, "{once:?}");
    assert_eq!(hear(&client, question()).await, once);

    // Answer in an output format, through OpenAI's dialect.
    let schema = serde_json::json!({
        "type": "object",
        "properties": {"days": {
            "type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 7,
        }},
        "required": ["days"], "additionalProperties": false,
    });
    let named = NamedSchema { name: Some("week".to_owned()), schema: Some(schema) };
    let format = ResponseFormat {
        kind: "json_schema".to_owned(),
        json_schema: Some(named),
        ..ResponseFormat::default()
    };
    let mut request = ask("operator", "Name the days of the week.", 200);
    request.response_format = Some(format);
    let formed = hear(&client, request).await;
    assert_eq!(formed.reason, "stop", "{formed:?}");
    let week: serde_json::Value = serde_json::from_str(&formed.text).unwrap();
    assert!(week["days"].is_array(), "{week}");

    // A tool of a run, under the name that models see, is called by that name.
    let path = serde_json::json!({"type": "object", "properties": {"path": {"type": "string",
        "maxLength": 20}}, "required": ["path"], "additionalProperties": false});
    let body = serde_json::json!({
        "model": "coder", "max_tokens": 100, "temperature": 0.0,
        "messages": [{"role": "user", "content": "Read the file notes.txt."}],
        "tools": [{"type": "function", "function": {"name": "workspace_read", "parameters": path}}],
        "tool_choice": {"type": "function", "function": {"name": "workspace_read"}},
    });
    let url = format!("{}/v1/chat/completions", server.url);
    let answer = reqwest::Client::new().post(url).body(body.to_string()).send().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "workspace_read", "{answer}");
    let arguments: serde_json::Value =
        serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["path"].is_string(), "{answer}");

    // Seven concurrent requests.
    let all = AGENTS.map(|agent| hear(&client, ask(agent, "What do you do?", 16)));
    for (agent, heard) in AGENTS.iter().zip(join_all(all).await) {
        assert!(heard.tokens > 0 && !heard.reason.is_empty(), "{agent}: {heard:?}");
    }

    // More clients disconnect in the middle of a long answer than there are sequences; if their
    // slots stayed occupied, the next request would wait forever.
    for _ in 0..2 {
        let begun = (0..32).map(|_| async {
            let endless = ChatRequest { ignore_eos: Some(true), ..ask("coder", "Count.", 1500) };
            let mut answer = client.chat(&endless).await.unwrap();
            answer.next().await.unwrap().unwrap();
        });
        join_all(begun).await;
    }
    let after = hear(&client, question()).await;
    assert!(after.tokens > 0, "{after:?}");

    // A prompt that does not fit is refused with figures, never truncated silently.
    let long = "word ".repeat(20_000);
    let refused = client.chat(&ask("coder", &long, 8)).await.err().unwrap().to_string();
    assert!(refused.contains("status 400") && refused.contains("8192"), "{refused}");
    assert!(refused.contains("`harmonic up --stack standard --context"), "{refused}");
    let stranger = client.chat(&ask("plumber", "Hello", 8)).await.err().unwrap().to_string();
    assert!(stranger.contains("status 404") && stranger.contains("analyst"), "{stranger}");

    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // llama.cpp logs nothing.
    assert!(!ended.err.contains("llama_"), "{ended:?}");
}

/// Interrupts a demo after a line that starts with `moment`; returns the output so far.
fn stop_demo_at(moment: &str) -> String {
    let mut child = binary(["demo", "--no-bench"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    while !printed.lines().any(|line| line.trim_start().starts_with(moment)) {
        assert!(out.read_line(&mut printed).unwrap() > 0, "it ended before `{moment}`: {printed}");
    }
    signal(&child, "INT");
    out.read_to_string(&mut printed).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{printed}");
    assert!(!printed.contains("7  Summary"), "{printed}");
    printed
}

#[test]
fn an_interrupted_demo_leaves_nothing_running() {
    stop_demo_at("2  Its model");
    let printed = stop_demo_at("executive          │");
    let served = printed.lines().find_map(|line| line.trim().strip_prefix("serving at http://"));
    let address = served.and_then(|rest| rest.split(',').next()).unwrap();
    assert!(TcpStream::connect(address).is_err(), "somebody still listens on {address}");
}

/// Measurements become the basis of the next plan. The curve is saved in a directory of the test.
#[test]
fn the_next_plan_uses_a_saved_curve() {
    let home = tempfile::tempdir().unwrap();
    let store = starter_model().ancestors().nth(2).unwrap().to_owned();
    let mine = |args: &[&str]| {
        let mut command = binary(args.iter().copied().chain(["--stack", "starter", "--json"]));
        command.env("XDG_DATA_HOME", home.path()).env("HARMONIC_MODELS", &store);
        command.env("HARMONIC_PORT", "0");
        ran(&mut command)
    };
    let before = mine(&["plan"]).json();
    assert_eq!(before["curves"], serde_json::Value::Null, "{before}");
    let out = home.path().join("run").display().to_string();
    // Forced, because other tests run on this machine meanwhile.
    let save = ["--save", "--force", "--out", &out];
    let quick = [&["bench", "--quick", "--levels", "1,2", "--trials", "2"][..], &save].concat();
    let ran = mine(&quick);
    let run = ran.json();
    assert!(ran.err.contains("the next plan uses the curve"), "{ran:?}");
    let key = &run["series"][0]["key"];
    assert!(
        key["digest"].is_string() && key["engine"].as_str().unwrap().contains("llama"),
        "{run}"
    );
    let after = mine(&["plan"]).json();
    let curve = &after["curves"][0];
    assert_eq!((&curve["provenance"], &curve["key"]), (&"measured".into(), key));
    let spot = curve["sweet_spot"].as_u64().unwrap();
    assert!([1, 2].contains(&spot), "{curve}");
    assert_eq!(after["max_in_flight"].as_u64(), Some(spot));
}
