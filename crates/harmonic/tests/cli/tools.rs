//! Tools of runs: those of the process that starts a run, and those that a server is configured with.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::background::{Owner, TEAM};
use crate::harness::{Ran, User, signal};

/// An MCP server over standard input and output: `add` writes what it is sent to `$LEDGER`, `slow`
/// never answers the first time, and says `at last` from then on. The run that it is of is in
/// `$LEDGER.run`.
const SERVER: &str = r#"
printf '%s' "$HARMONIC_RUN" > "$LEDGER.run"
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9][0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*)
      result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"notes","version":"1"}}' ;;
    *'"tools/list"'*)
      result='{"tools":[
        {"name":"add","inputSchema":{"type":"object","properties":{"note":{"type":"string"}},"required":["note"]}},
        {"name":"slow","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object"}}]}'
      result=$(printf '%s' "$result" | tr -d '\n') ;;
    *'"tools/call"'*)
      printf '%s\n' "$line" >> "$LEDGER"
      case "$line" in
        *'"slow"'*)
          if mkdir "$LEDGER.begun" 2>/dev/null; then continue; fi
          result='{"content":[{"type":"text","text":"at last"}]}' ;;
        *) result='{"content":[{"type":"text","text":"noted"}]}' ;;
      esac ;;
    *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// A user with a folder of files, an MCP server, and no team.
struct Desk {
    owner: Owner,
}

impl Desk {
    fn new() -> Self {
        let user = User::new();
        let script = user.file("server.sh", SERVER);
        let ledger = user.home().join("ledger");
        let server = json!({"command": "sh", "args": [script], "env": {"LEDGER": ledger}});
        user.file("mcp.json", json!({"mcpServers": {"notes": server}}).to_string());
        std::fs::create_dir(user.home().join("site")).unwrap();
        user.file("site/in.txt", "forty-two\n");
        Self { owner: Owner(user) }
    }

    fn user(&self) -> &User {
        &self.owner.0
    }

    fn home(&self) -> &Path {
        self.user().home()
    }

    fn run(&self, line: &str) -> Ran {
        self.user().run(line.split(' '))
    }

    /// Starts the simulated team in the background, with more options.
    fn up(&self, options: &str) -> Ran {
        let options = options.split(' ').filter(|option| !option.is_empty());
        self.user().run(["up", "--detach"].into_iter().chain(TEAM).chain(options))
    }

    /// Writes a plan of these calls, one after the other.
    fn plan(&self, calls: &[(&str, Value)]) {
        let task = |(number, (tool, arguments)): (usize, &(&str, Value))| {
            let after: Vec<usize> = number.checked_sub(1).into_iter().collect();
            json!({"title": format!("Call {number}"), "kind": "tool", "tool": tool,
                "arguments": arguments, "after": after})
        };
        let tasks: Vec<Value> = calls.iter().enumerate().map(task).collect();
        let graph = json!({"schema": "harmonic.task-graph/1", "tasks": tasks});
        self.user().file("plan.json", graph.to_string());
    }

    /// Starts a run, whose output is read at its end.
    fn start(&self, line: &str) -> Child {
        let mut command = self.user().harmonic(line.split(' '));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The newest run, once there is one of which `is_it`.
    fn newest(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let listed = self.run("runs list --json").json();
            if let Some(run) = listed["runs"].get(0).filter(|run| is_it(run)) {
                return run.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Answers the questions of the newest run in their order, each as soon as it is there.
    fn answer(&self, verdicts: &[&str]) {
        for verdict in verdicts {
            let run = self.newest(|run| run["approvals"] == 1);
            let id = run["id"].as_str().unwrap();
            let answered = self.run(&format!("runs {verdict} {id}"));
            assert_eq!(answered.code, Some(0), "{answered:?}");
        }
    }

    fn journal(&self, id: &str) -> String {
        let journals = self.home().join(".local/state/harmonic/journals");
        std::fs::read_to_string(journals.join(id).join("journal.jsonl")).unwrap()
    }

    fn ledger(&self) -> PathBuf {
        self.home().join("ledger")
    }
}

/// What a command that was started has said.
fn end(mut child: Child) -> Ran {
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    Ran { code: child.wait().unwrap().code(), out, err }
}

#[test]
fn a_run_calls_the_tools_of_the_process_that_started_it_once_a_person_has_said_yes() {
    let desk = Desk::new();
    assert_eq!(desk.up("").code, Some(0));
    desk.plan(&[
        ("workspace.write", json!({"path": "out.txt", "content": "by the run"})),
        ("notes.add", json!({"note": "seen"})),
        ("workspace.run", json!({"command": "cat in.txt out.txt > both.txt && cat both.txt"})),
    ]);
    let tools = "--tools mcp.json --workspace site --allow-run";
    let run = desk.start(&format!("run count --plan plan.json --json {tools}"));
    desk.answer(&["approve", "approve", "approve"]);
    let record = end(run).json();
    assert_eq!(record["state"]["state"], "done", "{record}");
    let answer = record["answer"].as_str().unwrap();
    assert!(answer.contains("forty-two\nby the run"), "{answer}");
    assert_eq!(std::fs::read_to_string(desk.ledger()).unwrap().lines().count(), 1);
    let id = record["id"].as_str().unwrap();
    let journal = desk.journal(id);
    assert_eq!(journal.matches("tool_intended").count(), 3);
    let places = |word: &str| journal.match_indices(word).map(|(at, _)| at).collect::<Vec<_>>();
    for (intended, returned) in places("tool_intended").iter().zip(places("tool_returned")) {
        assert!(*intended < returned, "{journal}");
    }
    let replay = desk.run(&format!("runs replay {id}"));
    assert_eq!(replay.code, Some(0), "{replay:?}");
    assert_eq!(std::fs::read_to_string(desk.ledger()).unwrap().lines().count(), 1);

    // The same plan without --allow-run names a tool that is not there.
    let refused = desk.run("run count --plan plan.json --tools mcp.json --workspace site");
    refused.refuses(&["status 400", "workspace.run"]);
    // A no is no effect.
    desk.plan(&[("workspace.write", json!({"path": "no.txt", "content": "no"}))]);
    let run = desk.start("run count --plan plan.json --workspace site");
    desk.answer(&["deny"]);
    assert_eq!(end(run).code, Some(1));
    assert!(!desk.home().join("site/no.txt").exists());
}

#[test]
fn a_run_names_the_tools_of_its_server_and_defines_none() {
    let desk = Desk::new();
    let up = desk.up("--tools web=mcp.json --workspace site=site --allow-run --grant notes.add");
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.err.contains("tool set web: a run that names it starts notes"), "{up:?}");
    desk.plan(&[
        ("notes.add", json!({"note": "granted"})),
        ("workspace.write", json!({"path": "out.txt", "content": "by the run"})),
        ("workspace.read", json!({"path": "in.txt"})),
    ]);
    let names = "--tool-set web --server-workspace site";
    let ran = desk.run(&format!("run count --plan plan.json --ask never --json {names}"));
    let record: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(record["state"]["state"], "done", "{ran:?}");
    assert!(record["answer"].as_str().unwrap().contains("forty-two"), "{record}");
    assert!(desk.home().join("site/out.txt").exists());
    let replay = desk.run(&format!("runs replay {}", record["id"].as_str().unwrap()));
    assert_eq!(replay.code, Some(0), "{replay:?}");

    // Commands need a yes, which nobody is asked for here.
    desk.plan(&[("workspace.run", json!({"command": "touch ran.txt"}))]);
    let ran = desk.run(&format!("run count --plan plan.json --ask never {names}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!desk.home().join("site/ran.txt").exists());
    let run = desk.run(&format!("run count --plan plan.json --detach {names}"));
    desk.answer(&["approve"]);
    let watched = desk.run(&format!("runs watch {}", run.out.trim()));
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(desk.home().join("site/ran.txt").exists());

    for (line, expected) in [
        ("run x --tool-set we", "(did you mean `web`?)"),
        ("run x --server-workspace other", "unknown workspace `other`"),
        ("run x --tool-set ../web", "tools[0]"),
        ("run x --workspace site --server-workspace site", "which the server offers, too"),
    ] {
        desk.run(line).refuses(&["status 400", expected]);
    }
}

#[test]
fn a_key_approves_commands_of_its_own_process_and_none_on_the_server() {
    let desk = Desk::new();
    let key = desk.run("keys add bob --json").json();
    let key = key["key"].as_str().unwrap().to_owned();
    assert_eq!(desk.up("--workspace site=site --allow-run").code, Some(0));
    let bob = |line: &str| {
        let mut command = desk.user().harmonic(line.split(' '));
        command.env("HARMONIC_API_KEY", &key).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let end = |line: &str| end(bob(line).spawn().unwrap());
    desk.plan(&[("workspace.run", json!({"command": "touch ran.txt"}))]);
    let run = end("run x --plan plan.json --detach --server-workspace site");
    let approve = format!("runs approve {}", run.out.trim());
    let question = || loop {
        let listed = end("runs list --json").json();
        if listed["runs"][0]["approvals"] == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    question();
    end(&approve).refuses(&["status 403", "--approve-commands"]);
    assert!(!desk.home().join("site/ran.txt").exists());
    assert_eq!(end(&approve.replace("approve", "deny")).code, Some(0));
    end(&format!("runs watch {}", run.out.trim()));
    let own = bob("run x --plan plan.json --workspace site --allow-run --json").spawn().unwrap();
    question();
    let listed = end("runs list --json").json();
    let id = listed["runs"][0]["id"].as_str().unwrap();
    let approved = end(&format!("runs approve {id}"));
    assert_eq!(approved.code, Some(0), "{approved:?}");
    let record = self::end(own).json();
    assert_eq!(record["state"]["state"], "done", "{record}");
    assert!(desk.home().join("site/ran.txt").exists());
}

#[test]
fn the_tools_of_a_killed_process_are_gone_until_another_one_offers_them() {
    let desk = Desk::new();
    assert_eq!(desk.up("").code, Some(0));
    desk.plan(&[("notes.slow", json!({}))]);
    let mut run = desk.start("run count --plan plan.json --tools mcp.json");
    while !desk.ledger().exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = desk.newest(|_| true)["id"].as_str().unwrap().to_owned();
    signal(&run, "KILL");
    run.wait().unwrap();
    desk.run(&format!("runs resume {id} --workspace site")).refuses(&["the run needs notes.add"]);
    let watch = desk.start(&format!("runs watch {id}"));
    let resumed = desk.run(&format!("runs resume {id} --tools mcp.json"));
    assert_eq!((resumed.code, resumed.out.as_str()), (Some(0), "at last\n"), "{resumed:?}");
    assert_eq!(end(watch).out, "at last\n");
    // Once by the process that was killed, and once by the other.
    assert_eq!(std::fs::read_to_string(desk.ledger()).unwrap().lines().count(), 2);
}

#[test]
fn what_the_tools_of_a_resumed_run_start_is_part_of_it() {
    let desk = Desk::new();
    assert_eq!(desk.up("").code, Some(0));
    desk.plan(&[("notes.add", json!({"note": "asked"}))]);
    let run = desk.start("run count --plan plan.json --tools mcp.json");
    let id = desk.newest(|run| run["approvals"] == 1)["id"].as_str().unwrap().to_owned();
    let token = || std::fs::read_to_string(desk.home().join("ledger.run")).unwrap();
    let first = token();
    let inside = |token: &str| {
        let mut command = desk.user().harmonic(["run", "look", "--solo", "--budget"]);
        command.args(["tokens=400", "--json"]).env("HARMONIC_RUN", token);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        end(command.spawn().unwrap())
    };
    let parent = |ran: &Ran| {
        let record: Value = serde_json::from_str(&ran.out).unwrap();
        record["parent"].as_str().map(str::to_owned)
    };
    assert_eq!(parent(&inside(&first)), Some(id.clone()));
    signal(&run, "INT");
    end(run);
    let resumed = desk.start(&format!("runs resume {id} --tools mcp.json"));
    loop {
        let listed = desk.run("runs list --json").json();
        let runs = listed["runs"].as_array().unwrap();
        if runs.iter().any(|run| run["id"] == id.as_str() && run["approvals"] == 1) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = token();
    assert_ne!(first, second);
    inside(&first).refuses(&["status 409"]);
    // The process says its token when it connects.
    let ran = loop {
        let ran = inside(&second);
        if !ran.err.contains("status 409") {
            break ran;
        }
    };
    assert_eq!(parent(&ran).as_ref(), Some(&id));
    let approved = desk.run(&format!("runs approve {id}"));
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert_eq!(end(resumed).code, Some(0));
}

#[test]
fn a_stopped_run_says_which_tools_nobody_offers() {
    let desk = Desk::new();
    assert_eq!(desk.up("").code, Some(0));
    desk.plan(&[("notes.slow", json!({}))]);
    let run = desk.start("run count --plan plan.json --tools mcp.json");
    while !desk.ledger().exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&run, "INT");
    let stopped = end(run);
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    let id = desk.newest(|run| run["state"] == "stopped")["id"].clone();
    let id = id.as_str().unwrap();
    let resumed = desk.run(&format!("runs resume {id} --detach"));
    assert!(resumed.err.contains("no process offers notes.add, notes.slow"), "{resumed:?}");
    let watched = desk.run(&format!("runs watch {id}"));
    assert_eq!(watched.code, Some(1), "{watched:?}");
    assert!(watched.err.contains("is gone"), "{watched:?}");
}

#[test]
fn faults_of_tools_end_up_and_run_before_anything_is_started() {
    let desk = Desk::new();
    desk.user().file("nothing.json", r#"{"mcpServers": {"a": {"command": "no-such-program"}}}"#);
    desk.user().file("typo.json", r#"{"mcpServers": {"a": {"comand": "b"}}}"#);
    for (options, expected) in [
        ("--tools web=absent.json", "absent.json"),
        ("--tools web=typo.json", "missing field `command`"),
        ("--tools web=nothing.json", "MCP server `a`: there is no program `no-such-program`"),
        ("--tools web=mcp.json --tools web=mcp.json", "`web` is there twice"),
        ("--workspace site=absent", "invalid workspace absent"),
        ("--workspace site=site --grant fs.read", "unknown tool `fs.read`"),
        ("--workspace site=site --grant workspace.run", "unknown tool `workspace.run`"),
    ] {
        let refused = desk.up(options);
        refused.refuses(&[expected]);
        assert!(!refused.err.contains("starting in the background"), "{refused:?}");
    }
    for (options, expected) in [
        ("--tools mcp.json", "expected NAME=PATH"),
        ("--workspace a/b=site", "invalid name `a/b`"),
        ("--allow-run", "--workspace"),
    ] {
        desk.up(options).refuses_usage(expected);
    }
    for (line, expected) in [
        ("run x --tools absent.json", "absent.json"),
        ("run x --tools typo.json", "missing field `command`"),
        ("run x --tools nothing.json", "there is no program `no-such-program`"),
        ("run x --workspace absent", "invalid workspace absent"),
    ] {
        desk.run(line).refuses(&[expected]);
    }
    desk.run("run x --allow-run").refuses_usage("--workspace");
    desk.run("run x --workspace site --detach").refuses_usage("cannot be used with");
    desk.run("runs resume 01J --tools mcp.json --detach").refuses_usage("cannot be used with");
}
