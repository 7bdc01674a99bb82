//! `up` and `bench` with the simulated engine: no model is needed, everything else is real.

use futures::StreamExt;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client, ClientError};

use crate::harness::{Server, User, ran};

fn up(user: &User) -> Server {
    Server::start(&mut user.harmonic(["up", "--stack", "starter", "--engine", "sim"]))
}

fn long(agent: &str, tokens: u32) -> ChatRequest {
    ChatRequest {
        model: agent.to_owned(),
        messages: vec![ChatMessage::new("user", "go on")],
        max_tokens: Some(tokens),
        ignore_eos: Some(true),
        ..ChatRequest::default()
    }
}

#[tokio::test]
async fn a_running_answer_finishes_before_the_end() {
    let user = User::new();
    let server = up(&user);
    let client = Client::new(&server.url).unwrap();
    assert!(client.models().await.unwrap().contains(&"coder".to_owned()));
    let mut answer = client.chat(&long("coder", 1200)).await.unwrap();
    let first = answer.next().await.unwrap().unwrap();
    assert!(matches!(first, ChatEvent::Delta(_)), "{first:?}");
    server.signal("TERM");
    // Also on a new connection, until the last answer has ended. The first requests may precede the
    // signal.
    let refused = loop {
        let newcomer = Client::new(&server.url).unwrap();
        if let Err(error) = newcomer.chat(&long("analyst", 1)).await {
            break error;
        }
    };
    assert!(
        matches!(&refused, ClientError::Status { status: 503, retry_after: Some(_), .. }),
        "{refused:?}"
    );
    let mut usage = None;
    while let Some(event) = answer.next().await {
        if let ChatEvent::Usage(counts) = event.unwrap() {
            usage = Some(counts.completion_tokens);
        }
    }
    assert_eq!(usage, Some(1200));
    let ran = server.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains(" finished and 0 were cut off"), "{ran:?}");
}

#[tokio::test]
async fn the_queue_has_the_configured_length() {
    let user = User::new();
    let queue = ["up", "--stack", "starter", "--engine", "sim", "--port", "0", "--queue", "1"];
    let server = Server::start(&mut user.harmonic(queue));
    let client = Client::new(&server.url).unwrap();
    let request = long("coder", 1500);
    // More requests than the engine has sequences for, and one that waits.
    let asked =
        futures::future::join_all((0..60).map(async |_| match client.chat(&request).await {
            Err(ClientError::Status { status, message, .. }) => Some((status, message)),
            _ => None,
        }));
    let refused: Vec<(u16, String)> = asked.await.into_iter().flatten().collect();
    assert!(!refused.is_empty());
    for (status, message) in refused {
        assert_eq!((status, message.contains("(1 waiting)")), (429, true), "{message}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let user = User::new();
    let server = up(&user);
    let client = Client::new(&server.url).unwrap();
    let mut answer = client.chat(&long("coder", 1500)).await.unwrap();
    answer.next().await.unwrap().unwrap();
    server.signal("INT");
    // The first signal has been handled once new requests are refused.
    while client.chat(&long("analyst", 1)).await.is_ok() {}
    server.signal("INT");
    assert_eq!(server.end().code, Some(1));
}

#[test]
fn a_plan_as_printed_is_what_up_starts() {
    let user = User::new();
    let plan = user.run(["plan", "--stack", "minimal", "--engine", "sim", "--json"]);
    let path = user.file("plan.json", &plan.out).display().to_string();
    let server = Server::start(&mut user.harmonic(["up", "--plan", &path]));
    server.signal("TERM");
    let ran = server.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // Which agents fit depends on the machine.
    let plan = plan.json();
    let placed = plan["agents"].as_array().unwrap().iter().filter(|one| !one["engine"].is_null());
    let names: Vec<&str> = placed.map(|agent| agent["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"executive"), "{plan}");
    assert!(ran.err.contains(&format!("\n  {}\n", names.join(", "))), "{ran:?}");
}

#[test]
fn bench_measures_its_own_team_or_the_running_one() {
    let user = User::new();
    let quick = ["bench", "--quick", "--trials", "1", "--levels", "1,4", "--json"];
    let own = ["--stack", "starter", "--engine", "sim"];
    let run = user.run(quick.into_iter().chain(own)).json();
    assert_eq!(run["schema"], "harmonic.bench/1");
    let rate = |run: &serde_json::Value, level: usize| {
        run["series"][0]["levels"][level]["tok_s"]["mean"].as_f64().unwrap()
    };
    assert!(rate(&run, 1) > rate(&run, 0), "the simulated machine scales: {run}");

    let server = up(&user);
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let found = ran(user.harmonic(quick).env("HARMONIC_PORT", &port)).json();
    assert_eq!(found["target"], server.url.as_str());
    let mut other = user.harmonic(quick);
    other.env("HARMONIC_PORT", &port).args(["--stack", "minimal"]);
    ran(&mut other).refuses(&["does not serve the stack minimal"]);
    let mut nobody = user.harmonic(quick);
    nobody.args(["--target", &server.url, "--agent", "plumber"]);
    ran(&mut nobody).refuses(&["there is no agent `plumber`", "executive"]);
}

/// The simulated machine is unaffected by layouts and threads, so nothing changes; the measurement,
/// the stored record, and the following plan are real.
#[test]
fn settings_are_compared_in_alternation_and_the_next_plan_uses_the_selected_ones() {
    let user = User::new();
    let team = ["--stack", "starter", "--engine", "sim", "--json"];
    let plan = |user: &User| user.run(["plan"].into_iter().chain(team)).json();
    let before = plan(&user);
    assert_eq!(before["setups"], serde_json::Value::Null);
    let compare = ["bench", "--layouts", "--trials", "2", "--levels", "4"];
    let ran = user.run(compare.into_iter().chain(team));
    let setups = ran.json();
    assert_eq!(setups["schema"], "harmonic.setups/1");
    let setup = &setups["setups"][0];
    assert_eq!((&setup["schema"], &setup["parallel"]), (&"harmonic.setup/1".into(), &4.into()));
    let comparison = &setup["comparisons"][0];
    assert_eq!((&comparison["axis"], &comparison["present"]), (&"layouts".into(), &0.into()));
    let candidates = comparison["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2);
    assert!(candidates.iter().all(|one| one["tok_s"]["ci95_low"].is_f64()), "{setups}");
    assert!(ran.err.contains("round 2 of 2, 4x: unified"), "{ran:?}");

    let after = plan(&user);
    assert_eq!(after["setups"][0]["kv_layout"], setup["kv_layout"]);
    assert_eq!(after["engines"][0]["kv_layout"], setup["kv_layout"]);
    assert_eq!(after["provenance"]["/engines/0/kv_layout"], "measured");
    let people = user.run(["plan", "--explain"].into_iter().chain(team[..4].iter().copied()));
    assert!(people.out.contains("measured as faster at 4x"), "{people:?}");
    // Only the simulated engine was measured.
    let llama = user.run(["plan", "--stack", "starter", "--json"]).json();
    assert_eq!(llama["setups"], serde_json::Value::Null);
}

#[test]
fn incomparable_settings_are_refused() {
    let user = User::new();
    let team = ["--stack", "starter", "--engine", "sim"];
    user.run(["bench", "--formats"].into_iter().chain(team)).refuses(&["no weights to convert"]);
    let nobody = ["bench", "--threads", "--agent", "plumber"];
    user.run(nobody.into_iter().chain(team)).refuses(&["no agent `plumber`", "executive"]);
    user.run(["bench", "--threads", "--target", "http://127.0.0.1:9"])
        .refuses_usage("cannot be used with");
}

/// The stack of the command in a refusal, and its context.
fn named(refused: &str) -> (Option<String>, u32) {
    let quoted = refused.split('`').skip(1).step_by(2);
    let command = quoted.filter(|text| text.contains("--context ")).last();
    let command = command.unwrap_or_else(|| panic!("no command: {refused}"));
    let words: Vec<&str> = command.split(' ').collect();
    let after = |name: &str| Some(words[words.iter().position(|word| *word == name)? + 1]);
    (after("--stack").map(str::to_owned), after("--context").unwrap().parse().unwrap())
}

/// What fits depends on this machine's memory, so its plan says here whether the command was right.
#[tokio::test]
async fn a_refusal_of_a_long_prompt_names_a_command_whose_plan_keeps_an_agent_with_that_context() {
    let user = User::new();
    let sim = ["up", "--stack", "starter", "--engine", "sim", "--context", "2048", "--port", "0"];
    let server = Server::start(&mut user.harmonic(sim));
    let client = Client::new(&server.url).unwrap();
    for (words, own) in [(700, true), (2500, false), (9000, false), (20_000, false)] {
        let text = "word ".repeat(words);
        let messages = vec![ChatMessage::new("user", text)];
        let refusal = client.chat(&ChatRequest { messages, ..long("coder", 8) }).await;
        let refusal = refusal.err().unwrap().to_string();
        assert!(refusal.contains("status 400"), "{refusal}");
        if refusal.contains("no stack holds a context of") {
            assert!(!own, "{refusal}");
            continue;
        }
        let (stack, context) = named(&refusal);
        assert_eq!(stack.is_none(), own, "{refusal}");
        let kept = match refusal.split_once("but one does for ") {
            Some((_, rest)) => rest.split_once(':').unwrap().0,
            None => "coder",
        };
        let (stack, context) = (stack.as_deref().unwrap_or("starter"), context.to_string());
        let plan = user.run(["plan", "--stack", stack, "--context", &context, "--json"]).json();
        let agents = plan["agents"].as_array().unwrap();
        let agent = |name: &str| agents.iter().find(|agent| agent["name"] == *name);
        let holder = agent(kept).unwrap();
        assert_ne!(holder["status"], "skipped", "{refusal}");
        assert!(holder["context"].as_u64() >= context.parse().ok(), "{refusal}");
        if kept != "coder" {
            let is_kept = agent("coder").is_some_and(|coder| coder["status"] != "skipped");
            assert!(!is_kept, "{refusal}");
        }
    }
}
