//! `ps --watch`: lines for a pipe, documents for a program, a live table for a person.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::background::{Owner, TEAM};
use crate::harness::{Ran, Server, User, ran, signal};

/// `harmonic ps --watch` in a pipe. Killed when dropped.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start<'a>(user: &User, args: impl IntoIterator<Item = &'a str>) -> Self {
        let args = ["ps", "--watch"].into_iter().chain(args);
        let mut child = user.harmonic(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Lines up to the one that has `word` in it.
    fn until(&mut self, word: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(word)) {
            lines.push(self.lines.next().expect("more").unwrap());
        }
        lines
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_happens_is_a_line_each_for_a_pipe_and_a_document_each_for_a_program() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let mut people = Watching::start(&owner.0, []);
    let mut program = Watching::start(&owner.0, ["--json"]);
    people.until(": ready, ");
    let snapshot: Value = serde_json::from_str(&program.until("snapshot")[0]).unwrap();
    assert_eq!(snapshot["schema"], "harmonic.events/1");
    assert_eq!(snapshot["engines"][0]["agents"].as_array().unwrap().len(), 7);
    let asked = owner.0.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let lines = people.until(" finished: ");
    for step in [" queued for coder", " admitted to slot ", " prefill, ", " first token"] {
        assert!(lines.iter().any(|line| line.contains(step)), "{step}: {lines:?}");
    }
    let events = program.until("request_finished");
    let events: Vec<Value> =
        events.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()));
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("Say something"), "no text of a prompt: {text}");
    // Ctrl-C is how a watch ends, and so is the end of the team.
    signal(&people.child, "INT");
    assert_eq!(people.child.wait().unwrap().code(), Some(0));
    owner.0.run(["down"]);
    assert!(program.lines.by_ref().all(|line| line.is_ok()));
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_cannot_be_watched_is_said_with_what_to_do() {
    let user = User::new();
    user.run(["ps", "--watch"]).refuses(&["no team runs here", "harmonic up --detach"]);
    user.run(["ps", "--watch", "--url", "http://127.0.0.1:1"]).refuses(&["127.0.0.1:1"]);
    user.run(["ps", "--url", "http://127.0.0.1:1"]).refuses_usage("--watch");
}

#[test]
fn a_team_with_keys_is_watched_with_one() {
    let user = User::new();
    let key = user.run(["keys", "add", "laptop"]).out.trim().to_owned();
    let up = ["up"].into_iter().chain(TEAM).chain(["--port", "0"]);
    let server = Server::start(&mut user.harmonic(up));
    let watch = ["ps", "--watch", "--json", "--url", server.url.as_str()];
    let refused: Ran = ran(&mut user.harmonic(watch));
    refused.refuses(&["API key"]);
    let mut child =
        user.harmonic(watch).env("HARMONIC_API_KEY", &key).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut watching = Watching { child, lines };
    watching.until("snapshot");
}
