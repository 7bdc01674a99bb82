//! The table "First requests" of docs/clients.md: the first request of a coding agent either fits the
//! stack `starter` as it comes, and is answered, or is refused with a command, after which it is
//! answered.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::coding_agents::{ALL, CodingAgent};
use crate::harness::{Server, User, binary, ran};
use crate::model::{CONTEXT, long, starter};
use crate::program::Ran;

/// Context of `starter` where memory bears it.
const STARTER: u64 = 8192;

/// Row of the table.
#[derive(Debug)]
struct Row {
    name: String,
    version: String,
    tokens: u64,
    starts: bool,
}

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn coding_agents_start_on_the_starter_stack_or_after_the_command_that_the_refusal_names() {
    let plan = ran(&mut binary(["plan", "--stack", "starter", "--json"])).json();
    assert_eq!(plan["agents"][0]["context"], STARTER, "too little memory is free for this test");
    let rows = table();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ALL.map(|agent| agent.name), "the table and the programs");
    // All are run, so that one run shows the figures of all renewed versions.
    let wrong: Vec<String> =
        ALL.iter().zip(&rows).filter_map(|(agent, row)| differs(agent, row)).collect();
    assert!(wrong.is_empty(), "docs/clients.md: {wrong:#?}");
}

/// What the row should say, if something else.
#[track_caller]
fn differs(agent: &CodingAgent, row: &Row) -> Option<String> {
    let version = pinned(agent.pin);
    let mut up = binary(["up", "--stack", "starter", "--port", "0", "--yes"]);
    let (ran, requests) = watched(&mut up, agent);
    let starts = requests.iter().any(|request| is_first(request, row));
    let tokens = if starts {
        answered(&ran, &requests, row)
    } else {
        let context = named_context(&ran);
        assert!(context <= CONTEXT, "{}: the test's model holds fewer than {context}", agent.name);
        let user = larger_stack();
        let context = context.to_string();
        let mut up = user.harmonic(["up", "--stack", "larger.toml", "--context", &context]);
        let (ran, requests) = watched(&mut up, agent);
        answered(&ran, &requests, row)
    };
    // The prompts contain the date, the folder and the operating system.
    let near = row.tokens.abs_diff(tokens) * 20 <= tokens;
    let same = near && row.starts == starts && row.version == version;
    (!same).then(|| format!("{row:?}: {version}, {tokens} tokens, starts: {starts}"))
}

/// Request as the server's events have it.
#[derive(Debug)]
struct Seen {
    prompt_tokens: u64,
    first_token: bool,
    outcome: Option<String>,
}

/// Whether the request has the program's instructions and tools: others, such as that for a title,
/// are much shorter.
fn is_first(request: &Seen, row: &Row) -> bool {
    request.prompt_tokens * 2 > row.tokens
}

/// Prompt tokens of the first request, which got an answer.
#[track_caller]
fn answered(ran: &Ran, requests: &[Seen], row: &Row) -> u64 {
    let first = requests.iter().find(|request| is_first(request, row));
    let first = first.unwrap_or_else(|| panic!("{}: no request: {requests:?} {ran:?}", row.name));
    assert!(first.first_token, "{}: {first:?} {ran:?}", row.name);
    let outcome = first.outcome.as_deref().unwrap_or("none");
    assert!(["stop", "length", "tool_calls"].contains(&outcome), "{}: {first:?} {ran:?}", row.name);
    first.prompt_tokens
}

/// Context in the command that the program shows its user.
#[track_caller]
fn named_context(ran: &Ran) -> u32 {
    let said = ran.said();
    let (_, rest) = said
        .split_once("`harmonic up --stack ")
        .and_then(|(_, rest)| rest.split_once(" --context "))
        .unwrap_or_else(|| panic!("no command is shown: {ran:?}"));
    rest.split_once('`').unwrap().0.parse().unwrap()
}

/// Runs a program at a server of its own.
#[track_caller]
fn watched(up: &mut std::process::Command, agent: &CodingAgent) -> (Ran, Vec<Seen>) {
    let server = Server::start(up);
    let watch = Watch::start(&server.url);
    let ran = (agent.run)(&server.url);
    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(0), "{}: {ended:?}", agent.name);
    (ran, watch.requests())
}

/// `harmonic ps --watch`, which ends with the server.
struct Watch {
    child: Child,
    lines: JoinHandle<Vec<String>>,
}

impl Watch {
    #[track_caller]
    fn start(url: &str) -> Self {
        let mut watch = binary(["ps", "--watch", "--json", "--url", url]);
        let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let snapshot = lines.next().unwrap().unwrap();
        assert!(snapshot.contains("\"snapshot\""), "{snapshot}");
        Self { child, lines: thread::spawn(move || lines.map_while(Result::ok).collect()) }
    }

    /// All requests, in the order of their arrival.
    #[track_caller]
    fn requests(mut self) -> Vec<Seen> {
        let lines = self.lines.join().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let events: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let queued = events.iter().filter(|event| event["type"] == "request_queued");
        queued
            .map(|queued| {
                let event = |kind: &str| {
                    events.iter().find(|event| {
                        event["type"] == kind && event["request"] == queued["request"]
                    })
                };
                Seen {
                    prompt_tokens: queued["prompt_tokens"].as_u64().unwrap(),
                    first_token: event("first_token").is_some(),
                    outcome: event("request_finished")
                        .and_then(|finished| finished["outcome"].as_str())
                        .map(ToOwned::to_owned),
                }
            })
            .collect()
    }
}

/// User with a stack whose model was trained for more tokens.
#[track_caller]
fn larger_stack() -> User {
    let user = User::new();
    user.file("long.gguf", long(&starter()));
    let pulled = user.run(["models", "pull", "./long.gguf"]);
    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    user.file(
        "larger.toml",
        "name = \"larger\"\n[[agents]]\nlike = \"executive\"\nmodel = \"./long.gguf\"\n\
         context = 4096\nsystem = \"You decide.\"\n",
    );
    user
}

/// Version after that beginning, in one of the files that pin versions.
#[track_caller]
fn pinned(pin: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = [
        "crates/harmonic/tests/clients/node/package.json",
        "crates/harmonic/tests/clients/requirements.txt",
        "scripts/clients.sh",
    ];
    let version = files.iter().find_map(|file| {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let (_, rest) = text.split_once(pin)?;
        Some(rest.split(['"', '\n']).next().unwrap().to_owned())
    });
    version.unwrap_or_else(|| panic!("`{pin}` pins no version"))
}

/// Rows of the table in docs/clients.md.
#[track_caller]
fn table() -> Vec<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, section) = text.split_once("## First requests\n").expect("the section");
    section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, version, tokens, starts] = cells[..] else { panic!("{line}") };
            Row {
                name: name.to_owned(),
                version: version.to_owned(),
                tokens: tokens.replace(',', "").parse().unwrap(),
                starts: match starts {
                    "starts" => true,
                    "is refused" => false,
                    _ => panic!("{line}"),
                },
            }
        })
        .collect()
}
