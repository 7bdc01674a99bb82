//! `up` where models are missing: one question with every download, or an error that lists them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::background::{Owner, TEAM};
use crate::harness::{User, binary, ran};
use crate::pseudo_terminal::Dialogue;

/// A hub that states `size` for every file, and sends zeros for as long as it is read. It ends with
/// the test's process.
fn hub(size: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            // The client may close the connection at any time.
            std::thread::spawn(move || drop(serve(connection, size)));
        }
    });
    endpoint
}

fn serve(connection: TcpStream, size: u64) -> std::io::Result<()> {
    let mut request = BufReader::new(connection.try_clone()?);
    let mut first = String::new();
    request.read_line(&mut first)?;
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut answer = connection;
    write!(answer, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n")?;
    if first.starts_with("GET") {
        std::io::copy(&mut std::io::repeat(0).take(size), &mut answer)?;
    }
    Ok(())
}

/// `text` without what differs between machines: home, free space, rate and time.
fn masked(user: &User, text: &str) -> String {
    let text = text.replace(&user.home().display().to_string(), "HOME");
    let lines = text.lines().map(|line| match line.trim_start().split_once(' ') {
        Some(("free", rest)) => {
            let place = rest.split_once(" in ").map_or("", |(_, place)| place);
            format!("  free       FREE in {place}")
        }
        Some(("time", rest)) => {
            let measured = if rest.contains("measured now over 1") { "measured" } else { rest };
            format!("  time       {measured}")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A stack whose models are placed on any machine that runs these tests, and are not small.
const SMALL_TEAM: &str = "name = \"mine\"
[[agents]]
like = \"executive\"
model = \"qwen3:4b\"
context = 2048
[[agents]]
like = \"operator\"
model = \"smollm2:135m\"
context = 2048
";

#[test]
fn without_a_terminal_the_error_lists_every_download_and_both_ways() {
    let user = User::new();
    user.file("team.toml", SMALL_TEAM);
    let mut up = user.harmonic(["up", "--stack", "team.toml"]);
    let refused = ran(up.env("HF_ENDPOINT", hub(4_000_000_000)));
    refused.refuses(&[]);
    insta::assert_snapshot!(masked(&user, &refused.err), @"
    error: the stack mine needs 2 models that are not in the store:
      qwen3:4b        2.5 GB
      smollm2:135m   98.4 MB
      total           2.6 GB
      free       FREE in HOME/models
      time       measured
    hint: add --yes to fetch them; or use --stack starter (98.4 MB)
    ");
    assert!(user.has_no_model());
    // Without a hub the time is unknown, and nothing is invented.
    let unreachable = user.run(["bench", "--stack", "team.toml", "--levels", "1"]);
    unreachable.refuses(&[
        "time          unknown: ",
        "cannot be reached",
        "--yes",
        "--stack starter",
    ]);
    let small = user.run(["up", "--stack", "starter"]);
    small.refuses(&["all sources of smollm2:135m failed"]);
}

#[test]
fn on_a_terminal_one_question_is_asked_and_no_is_the_default() {
    let user = User::new();
    let endpoint = hub(4_000_000_000);
    user.file("team.toml", SMALL_TEAM);
    let asked = |columns| {
        let mut up = user.harmonic(["up", "--stack", "team.toml"]);
        up.env("HF_ENDPOINT", &endpoint);
        let mut dialogue = Dialogue::start(up, columns);
        dialogue.until(&["the stack mine"]);
        let question = dialogue.before("[y/s/n] ");
        for line in question.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
        (dialogue, masked(&user, &question))
    };
    let (mut dialogue, question) = asked(80);
    insta::assert_snapshot!(question, @"
     needs 2 models that are not in the store:
      qwen3:4b        2.5 GB
      smollm2:135m   98.4 MB
      total           2.6 GB
      free       FREE in HOME/models
      time       measured

      y  fetch them
      s  use the stack starter instead (a download of 98.4 MB)
      n  stop
    Fetch them?
    ");
    dialogue.enter("perhaps\r");
    dialogue.until(&["invalid answer `perhaps`"]);
    dialogue.until(&["[y/s/n] "]);
    dialogue.enter("\r");
    let (code, shown) = dialogue.end();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("nothing was fetched") && shown.contains("--yes"), "{shown}");

    let (mut dialogue, question) = asked(120);
    insta::assert_snapshot!(question, @"
     needs 2 models that are not in the store:
      qwen3:4b        2.5 GB
      smollm2:135m   98.4 MB
      total           2.6 GB
      free       FREE in HOME/models
      time       measured

      y  fetch them
      s  use the stack starter instead (a download of 98.4 MB)
      n  stop
    Fetch them?
    ");
    // The starter's file of this hub is not the one of the catalog, and there is no other source.
    dialogue.enter("s\r");
    let (code, shown) = dialogue.end();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("all sources of smollm2:135m failed"), "{shown}");
    assert!(!shown.contains("qwen3"), "{shown}");
    let (mut dialogue, _) = asked(80);
    dialogue.enter("\u{4}");
    assert_eq!(dialogue.end().0, Some(1));
    assert!(user.has_no_model());
}

/// What is left out depends on this machine's memory, so the plan of this machine says it here, too.
#[test]
fn only_the_models_of_agents_that_the_plan_keeps_are_fetched() {
    for stack in ["full", "standard", "minimal"] {
        let user = User::new();
        let plan = user.run(["plan", "--stack", stack, "--json"]).json();
        let (kept, left_out): (Vec<_>, Vec<_>) = plan["agents"]
            .as_array()
            .unwrap()
            .iter()
            .partition(|agent| agent["status"] != "skipped");
        let asked = user.run(["up", "--stack", stack]).err;
        let (models, rest) = asked.split_once("\n  free").unwrap();
        let names = |agents: &[&serde_json::Value], field: &str| {
            agents.iter().map(|agent| agent[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (kept, skipped) = (names(&kept, "model"), names(&left_out, "model"));
        for model in &kept {
            assert!(models.contains(&format!("\n  {model} ")), "{stack} {model}: {asked}");
        }
        for model in skipped.iter().filter(|model| !kept.contains(model)) {
            assert!(!models.contains(&format!("\n  {model} ")), "{stack} {model}: {asked}");
        }
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!(": {}", names(&left_out, "name").join(", "));
        assert_eq!(rest.contains("left out, since"), !left_out.is_empty(), "{stack}: {asked}");
        assert!(left_out.is_empty() || rest.contains(&line), "{stack}: {asked}");
    }
}

#[test]
fn a_full_disk_is_said_before_the_question() {
    let user = User::new();
    let team = "name = \"mine\"\n[[agents]]\nlike = \"coder\"\nmodel = \"hf:org/repo/huge.gguf\"\n";
    let path = user.file("team.toml", team).display().to_string();
    let up = || {
        let mut up = user.harmonic(["up", "--stack", &path]);
        up.env("HF_ENDPOINT", hub(9_000_000_000_000_000));
        up
    };
    ran(&mut up()).refuses(&["9000000.0 GB", "disk space are missing", "HARMONIC_MODELS"]);
    let mut dialogue = Dialogue::start(up(), 80);
    let question = dialogue.before("[s/n] ");
    assert!(question.contains("disk space are missing"), "{question}");
    dialogue.enter("n\r");
    assert_eq!(dialogue.end().0, Some(1));
}

/// With the starter's model in the user's own store.
#[test]
fn the_starter_in_place_of_a_large_stack_is_what_starts_in_the_background() {
    let list = ran(&mut binary(["models", "list", "--json"])).json();
    let stored = list["stored"].as_array().unwrap();
    let starter = stored.iter().find(|model| model["record"]["name"] == "smollm2:135m");
    let starter = starter.expect("`make test` pulls the starter model");
    let blob = std::path::Path::new(starter["path"].as_str().unwrap());
    let store = blob.ancestors().nth(2).unwrap();
    let owner = Owner::new();
    let mut up = owner.0.harmonic(["up", "--stack", "full", "--detach", "--port", "0"]);
    let mut dialogue = Dialogue::start(
        {
            up.env("HARMONIC_MODELS", store);
            up
        },
        80,
    );
    dialogue.until(&["its model is here"]);
    // Where the disk of this machine is too small for the large stack, there is no `y`.
    dialogue.until(&["s/n] "]);
    dialogue.enter("starter\r");
    dialogue.until(&["stack starter"]);
    let (code, shown) = dialogue.end();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(owner.teams()[0]["stack"], "starter");
    assert!(shown.contains("loading smollm2:135m"), "{shown}");
}

#[test]
fn the_end_of_up_fits_the_terminal_and_names_the_port() {
    for columns in [80, 120] {
        let owner = Owner::new();
        let mut up = owner.0.harmonic(["up", "--detach"]);
        up.args(TEAM);
        let mut dialogue = Dialogue::start(up, columns);
        dialogue.until(&["serving at "]);
        let (code, shown) = dialogue.end();
        assert_eq!(code, Some(0), "{shown}");
        let shown = format!("serving at {shown}");
        for line in shown.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
        }
        let port = owner.teams()[0]["port"].to_string();
        insta::assert_snapshot!(format!("up_{columns}"), shown.replace(&port, "PORT"));
    }
}
