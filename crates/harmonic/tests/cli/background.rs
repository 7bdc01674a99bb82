//! Background teams: start, list, chat, stop; and cleanup after a killed one.

use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use crate::harness::{Ran, Server, User, ran};

pub const TEAM: [&str; 4] = ["--stack", "starter", "--engine", "sim"];

/// User whose teams are stopped at the end of the test.
pub struct Owner(pub User);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.run(["down", "--all", "--grace", "0"]);
    }
}

impl Owner {
    pub fn new() -> Self {
        Self(User::new())
    }

    fn run<const N: usize>(&self, args: [&str; N]) -> Ran {
        self.0.run(args)
    }

    pub fn detach(&self) -> Ran {
        self.0.run(["up", "--detach"].into_iter().chain(TEAM))
    }

    pub fn teams(&self) -> Vec<serde_json::Value> {
        let document = self.run(["ps", "--json"]).json();
        assert_eq!(document["schema"], "harmonic.ps/1");
        document["teams"].as_array().unwrap().clone()
    }

    fn piped(&self, args: &[&str], question: &str) -> Ran {
        let mut command = self.0.harmonic(args.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A free port.
pub fn free_port() -> String {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap().port().to_string()
}

#[test]
fn from_the_background_to_an_answer_and_back_to_nothing() {
    let owner = Owner::new();
    let up = owner.detach();
    assert_eq!(up.code, Some(0), "{up:?}");
    let url = up.out.trim();
    let port = url.rsplit(':').next().unwrap();
    let commands = ["chat coder", "logs", "down"];
    let commands = commands.map(|command| format!("harmonic {command} --port {port}"));
    let words = ["stack starter", "curl -N", "OpenAI(base_url="].map(str::to_owned);
    for word in words.iter().chain(&commands) {
        assert!(up.err.contains(word), "{word}: {up:?}");
    }

    let teams = owner.teams();
    let [team] = teams.as_slice() else { panic!("{teams:?}") };
    assert_eq!((&team["url"], &team["state"]), (&url.into(), &"ok".into()));
    assert_eq!((&team["in_flight"], &team["queued"]), (&0.into(), &0.into()));
    assert_eq!(team["agents"].as_array().unwrap().len(), 7);
    let log = std::fs::read_to_string(team["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("stack starter") && log.contains(url), "{log}");
    let people = owner.run(["ps"]);
    assert!(
        people.out.contains(&team["pid"].to_string()) && people.out.contains(url),
        "{people:?}"
    );
    let stop = format!("harmonic down --port {port}");
    assert!(people.err.contains(&stop), "{people:?}");

    let asked = owner.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(!asked.out.trim().is_empty(), "{asked:?}");
    let piped = owner.piped(&["chat", "analyst", "--url", url, "--system", "Be brief."], "Hello\n");
    assert_eq!(piped.code, Some(0), "{piped:?}");
    assert!(!piped.out.trim().is_empty(), "{piped:?}");
    let hint = format!("harmonic chat coder --port {port}");
    owner.piped(&["chat", "coder"], "\n").refuses(&["no question on stdin", &hint]);
    let endless = "a ".repeat((8 << 20) + 1);
    owner.piped(&["chat", "coder"], &endless).refuses(&["stdin has more than 16 MiB"]);
    owner.run(["chat", "plumber", "Hello"]).refuses(&["unknown agent `plumber`", "executive"]);
    owner.run(["chat", "codr", "Hello"]).refuses(&["(did you mean `coder`?)"]);

    let down = owner.run(["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!(down.err.contains("stopped starter"), "{down:?}");
    assert_eq!(owner.teams(), Vec::<serde_json::Value>::new());
    owner
        .run(["chat", "coder", "--url", url, "Hello"])
        .refuses(&["cannot reach", "is the server running there?"]);
}

#[test]
fn several_teams_are_told_apart_by_their_ports() {
    let owner = Owner::new();
    let urls = [owner.detach(), owner.detach()].map(|up| up.out.trim().to_owned());
    let ports = urls.each_ref().map(|url| url.rsplit(':').next().unwrap());
    owner.run(["down"]).refuses(&["2 teams run", ports[0], ports[1], "--all"]);
    owner.run(["chat", "coder", "Hello"]).refuses(&["2 teams run here", ports[0], "--port"]);
    assert_eq!(owner.run(["down", "--port", ports[0]]).code, Some(0));
    let teams = owner.teams();
    let [left] = teams.as_slice() else { panic!("{teams:?}") };
    assert_eq!(left["url"], urls[1].as_str());
    let down = owner.run(["down", "--all"]);
    assert_eq!(down.code, Some(0), "{down:?}");
}

/// Concurrent starts on one port: one succeeds, and each of the others reports the reason from its
/// own log.
#[test]
fn teams_that_race_for_a_port_keep_their_own_logs_and_reasons() {
    let owner = Owner::new();
    let port = free_port();
    let racers: Vec<_> = (0..6)
        .map(|_| {
            let mut up = owner.0.harmonic(["up", "--detach", "--port", &port]);
            up.args(TEAM).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = racers.into_iter().map(|racer| racer.wait_with_output().unwrap());
    let (won, lost): (Vec<_>, Vec<_>) = ended.partition(|output| output.status.success());
    assert_eq!((won.len(), lost.len()), (1, 5), "{lost:?}");
    for output in lost {
        let said = text(output.stderr);
        let reasons =
            [format!("cannot listen on 127.0.0.1:{port}"), format!("port {port} already")];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
        if let Some(log) = said.lines().find_map(|line| line.split("the whole log: ").nth(1)) {
            // Later starts may have deleted the oldest logs of ended processes.
            let log = std::fs::read_to_string(log).unwrap_or(said.clone());
            assert!(log.contains(&reasons[0]) || log.contains(&reasons[1]), "{log}");
        }
    }
    let teams = owner.teams();
    let [team] = teams.as_slice() else { panic!("{teams:?}") };
    let log = std::fs::read_to_string(team["log"].as_str().unwrap()).unwrap();
    assert!(log.contains(team["url"].as_str().unwrap()), "{log}");
    assert!(!log.contains("error"), "{log}");
}

#[test]
fn old_logs_are_deleted_except_that_of_a_running_team() {
    let owner = Owner::new();
    let logs = owner.0.home().join(".local/state/harmonic/logs");
    assert_eq!(owner.detach().code, Some(0));
    let teams = owner.teams();
    let running = teams[0]["log"].as_str().unwrap();
    // Newer than the logs of the running team and of ended teams.
    for n in 0..9 {
        std::fs::write(logs.join(format!("any-{n}.log")), "").unwrap();
    }
    assert_eq!(owner.detach().code, Some(0));
    let left: Vec<_> = std::fs::read_dir(&logs).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().any(|path| path.to_str() == Some(running)), "{left:?}");
    let ended = left.iter().filter(|path| std::fs::read(path).unwrap().is_empty());
    assert_eq!(ended.count(), 4 + 1, "four logs and the lock: {left:?}");
}

#[test]
fn an_invalid_record_does_not_hide_other_teams() {
    let owner = Owner::new();
    let up = owner.detach();
    assert_eq!(up.code, Some(0), "{up:?}");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let record = format!(".local/state/harmonic/runs/{port}.json");
    owner.0.file(&record, "{\"schema\": \"harmonic.run/1\"}");
    let skipped = format!("runs/{port}.json is skipped");
    assert_eq!(owner.teams().len(), 1);
    let people = owner.run(["ps"]);
    assert!(people.err.contains(&skipped), "{people:?}");
    let asked = owner.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let mut up = owner.0.harmonic(["up", "--detach", "--port", &port]);
    ran(up.args(TEAM)).fails_with(&skipped);
    let down = owner.run(["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!(down.err.contains(&skipped), "{down:?}");
}

#[test]
fn without_a_team_down_and_chat_are_refused() {
    let user = User::new();
    user.run(["down"]).refuses(&["no team runs", "harmonic up --detach"]);
    user.run(["down", "--port", "9"]).refuses(&["no team runs on port 9", "harmonic ps"]);
    user.run(["chat", "coder", "Hello"]).refuses(&["no team runs here", "harmonic up --detach"]);
    let none = user.run(["ps"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");
}

#[test]
fn a_failed_background_start_reports_the_reason() {
    let user = User::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let mut up = user.harmonic(["up", "--detach", "--port", &port]);
    ran(up.args(TEAM)).refuses(&["uses the port"]);
    drop(held);
    let mut up = user.harmonic(["up", "--detach", "--port", &port, "--stack", "starter"]);
    let failed = ran(up.args(["--engine", "remote=http://127.0.0.1:1"]));
    failed.refuses(&["the team did not start", "cannot reach", &format!("{port}-"), ".log"]);
    // The plan was shown before, and is not repeated as a part of the log.
    assert_eq!(failed.err.matches("slots guaranteed").count(), 1, "{failed:?}");
    let path = user.file("plan.json", "{}").display().to_string();
    user.run(["up", "--detach", "--plan", &path]).refuses(&["plan.json is not a plan"]);
}

#[test]
fn a_port_has_one_team_and_is_free_after_a_kill() {
    let user = User::new();
    let port = free_port();
    let up = || {
        let mut command = user.harmonic(["up", "--port", &port]);
        command.args(TEAM);
        command
    };
    let server = Server::start(&mut up());
    ran(&mut up()).refuses(&[&format!("port {port} already (process "), "harmonic down"]);
    server.signal("KILL");
    assert_eq!(server.end().code, None, "a signal ended it");
    let none = user.run(["ps", "--json"]).json();
    assert_eq!(none["teams"], serde_json::json!([]));

    let server = Server::start(&mut up());
    assert_eq!(user.run(["down"]).code, Some(0));
    assert_eq!(server.end().code, Some(0));
}
