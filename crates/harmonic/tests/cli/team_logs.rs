//! `logs`: the log of a team in the background, while it runs and after its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use crate::background::{Owner, TEAM};
use crate::harness::{Server, User, signal};

/// `harmonic logs --follow`. Killed on drop.
struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Following {
    fn start(user: &User) -> Self {
        let mut command = user.harmonic(["logs", "--follow", "--lines", "1000"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn until(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line = self.lines.next().unwrap_or_else(|| panic!("it ended before {word}")).unwrap();
        }
    }

    /// Exit code, and the rest of stdout and stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let rest: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        let mut said = rest.join("\n");
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_is_followed_until_ctrl_c_or_the_end_of_the_team() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let shown = owner.0.run(["logs"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.out.contains("stack starter") && shown.err.contains("log: "), "{shown:?}");
    let last = owner.0.run(["logs", "--lines", "2"]).out;
    assert_eq!(last.lines().count(), 2);
    assert!(shown.out.ends_with(&last), "{shown:?}");
    assert_eq!(owner.0.run(["logs", "-n", "0"]).out, "");

    let mut interrupted = Following::start(&owner.0);
    let mut until_end = Following::start(&owner.0);
    interrupted.until("stack starter");
    let asked = owner.0.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    interrupted.until("answered");
    until_end.until("answered");
    signal(&interrupted.child, "INT");
    let (code, said) = interrupted.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("error"), "{said}");

    assert_eq!(owner.0.run(["down"]).code, Some(0));
    let (code, said) = until_end.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped: ") && said.contains("the team has ended"), "{said}");
    let ended = owner.0.run(["logs", "--follow"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("stopped: ") && ended.err.contains("the team has ended"),
        "{ended:?}"
    );
}

#[test]
fn a_team_without_a_log_is_named() {
    let user = User::new();
    user.run(["logs"]).refuses(&["no team runs here"]);
    user.run(["logs", "--port", "9"]).refuses(&["no team runs on port 9"]);
    let up = ["up", "--port", "0"].into_iter().chain(TEAM);
    let _server = Server::start(&mut user.harmonic(up));
    user.run(["logs"]).refuses(&["writes its log to its terminal", "up --detach"]);
}
