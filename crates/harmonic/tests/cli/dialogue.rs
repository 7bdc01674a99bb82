//! `chat` on a terminal: questions, commands, Ctrl-C and Ctrl-D.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Child;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::background::Owner;
use crate::harness::signal;

/// `harmonic chat` on a pseudo-terminal. Killed on drop.
struct Dialogue {
    child: Child,
    terminal: File,
    /// Output not yet consumed.
    shown: String,
}

impl Dialogue {
    fn start(owner: &Owner, agent: &str) -> Self {
        Self::on_terminal(owner, &["chat", agent])
    }

    fn on_terminal(owner: &Owner, args: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let mut command = owner.0.harmonic(args.iter().copied());
        command.env("TERM", "xterm").stdin(open()).stdout(open()).stderr(open());
        Self { child: command.spawn().unwrap(), terminal: terminal.into(), shown: String::new() }
    }

    fn enter(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Consumes output up to the first of `words`, and returns that word.
    fn until<'w>(&mut self, words: &[&'w str]) -> &'w str {
        loop {
            let found = words.iter().filter_map(|word| Some((self.shown.find(word)?, *word)));
            if let Some((at, word)) = found.min() {
                self.shown.drain(..at + word.len());
                return word;
            }
            let mut more = [0; 4096];
            let count = self.terminal.read(&mut more).unwrap_or_else(|error| {
                panic!("{error}: it ended before {words:?}: {}", self.shown)
            });
            self.shown.push_str(&String::from_utf8_lossy(&more[..count]));
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ctrl_c_stops_the_answer_and_ctrl_d_the_program() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let mut dialogue = Dialogue::start(&owner, "coder");
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agents\r");
    dialogue.until(&["technical_director"]);
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agent plumber\r");
    dialogue.until(&["unknown agent `plumber`"]);
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agent analyst\r");
    dialogue.until(&["analyst ▸ "]);
    // The simulated answer sometimes ends before it can be stopped.
    loop {
        dialogue.enter("/clear\r");
        dialogue.until(&["/clear"]);
        dialogue.until(&["analyst ▸ "]);
        dialogue.enter("go on\r");
        dialogue.until(&["go on"]);
        dialogue.until(&["\r\n"]);
        if dialogue.until(&["analyst is reading", "analyst ▸ "]) != "analyst is reading" {
            continue;
        }
        signal(&dialogue.child, "INT");
        if dialogue.until(&["(stopped)", "analyst ▸ "]) == "(stopped)" {
            break;
        }
    }
    dialogue.until(&["analyst ▸ "]);
    // The slot is free again.
    while owner.teams()[0]["in_flight"] != 0 {}
    dialogue.enter("\u{4}");
    assert_eq!(dialogue.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_watched_team_is_drawn_over_on_a_terminal() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let mut watch = Dialogue::on_terminal(&owner, &["ps", "--watch"]);
    watch.until(&["technical_director"]);
    let asked = owner.0.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    // Up over the table before, and a rate in the new one.
    watch.until(&["A\u{1b}[J"]);
    watch.until(&["tok/s, busy"]);
    signal(&watch.child, "INT");
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}
