//! `mcp`: messages of the protocol in, messages of the protocol out, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use harmonic_api::runs::RunApproach;
use harmonic_orchestrator::AskPolicy;
use harmonic_types::{RunState, RunToken};
use serde_json::{Value, json};

use crate::harness::{User, signal};
use crate::scripted_runs::{ANSWER, ID, ScriptedServer};

/// A client that has greeted the server.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
    last: u64,
    /// Notifications since the last answer.
    notes: Vec<Value>,
    _user: User,
}

impl Session {
    fn start(url: &str, variables: &[(&str, &str)]) -> Self {
        let user = User::new();
        let mut command = user.harmonic(["mcp", "--url", url]);
        command.envs(variables.iter().copied());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let input = child.stdin.take();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut session = Self { child, input, out, last: 0, notes: Vec::new(), _user: user };
        let about = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let greeting = session.ask("initialize", &about);
        assert_eq!(greeting["result"]["serverInfo"]["name"], "harmonic", "{greeting}");
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    /// Sends a request, and returns its number.
    fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message; each line is one.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.request(method, params);
        self.notes.clear();
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
            self.notes.push(message);
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}});
        self.ask("tools/call", &params)
    }

    /// Text of a result that states a failure.
    fn failure(&mut self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Exit code and standard error, after the input has ended.
    fn end(mut self) -> (Option<i32>, String) {
        self.input.take();
        self.ended()
    }

    fn ended(mut self) -> (Option<i32>, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        for line in out.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line:?}");
        }
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), err)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the run is in `state`.
fn wait_for(server: &ScriptedServer, state: &RunState) {
    for _ in 0..3000 {
        if server.runs.state() == *state {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the run is {:?}", server.runs.state());
}

#[test]
fn the_team_runs_for_a_client_with_progress_and_the_result_has_answer_and_cost() {
    let server = ScriptedServer::start(false);
    let token = RunToken::of([9; RunToken::BYTES]);
    let mut session = Session::start(&server.url, &[(RunToken::VARIABLE, token.as_str())]);
    let listed = session.ask("tools/list", &json!({}));
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 6);
    let goal = json!({"goal": "write a poem", "recipe": "split", "budget": {"tokens": 9000}});
    let done = session.call("run_team", &goal);
    let result = &done["result"];
    assert_eq!(result["isError"], false, "{done}");
    assert_eq!(result["content"][0]["text"], ANSWER.trim_end());
    let line = result["content"][1]["text"].as_str().unwrap();
    assert!(line.starts_with(&format!("[Run {ID}: done; 3 of 3 tasks")), "{line}");
    assert_eq!(result["structuredContent"]["id"], ID);
    let progress: Vec<f64> = session
        .notes
        .iter()
        .map(|note| {
            assert_eq!(note["method"], "notifications/progress");
            assert_eq!(note["params"]["progressToken"], "p");
            note["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert!(progress.len() > 4 && progress.is_sorted_by(|one, next| one < next), "{progress:?}");
    let requests = server.runs.requests();
    assert_eq!((requests[0].ask, &requests[0].within), (AskPolicy::Never, &Some(token)));
    assert_eq!(requests[0].budget.tokens, Some(9000));
    assert_eq!(session.end(), (Some(0), String::new()));
}

#[test]
fn an_agent_that_is_asked_from_inside_of_a_run_is_a_run_of_one_task_within_it() {
    let server = ScriptedServer::start(false);
    let token = RunToken::of([9; RunToken::BYTES]);
    let mut session = Session::start(&server.url, &[(RunToken::VARIABLE, token.as_str())]);
    let question = json!({"agent": "writer", "prompt": "Who?", "max_tokens": 9});
    let answer = session.call("ask_agent", &question);
    let result = &answer["result"];
    assert_eq!(result["isError"], false, "{answer}");
    assert_eq!(result["content"][0]["text"], ANSWER.trim_end());
    let about = &result["structuredContent"];
    assert_eq!((&about["agent"], &about["run"]), (&json!("writer"), &json!(ID)));
    let usage = json!({"prompt_tokens": 270, "completion_tokens": 120, "cached_tokens": 180});
    assert_eq!((&about["finish_reason"], &about["usage"]), (&json!("stop"), &usage));
    let failure = session.failure("ask_agent", &json!({"agent": "writer", "prompt": " "}));
    assert!(failure.contains("invalid `prompt`"), "{failure}");
    let requests = server.runs.requests();
    assert_eq!((requests.len(), requests[0].ask), (1, AskPolicy::Never));
    assert_eq!(requests[0].within, Some(token));
    assert!(requests[0].goal.ends_with("Who?"), "{}", requests[0].goal);
    let RunApproach::Plan(plan) = &requests[0].approach else { panic!("a plan") };
    assert_eq!((plan.tasks.len(), plan.tasks[0].max_tokens), (1, Some(9)));
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_message_that_is_too_long_is_answered_with_an_error_and_the_next_one_as_ever() {
    let server = ScriptedServer::start(false);
    let mut session = Session::start(&server.url, &[]);
    let long = "x".repeat(17 << 20);
    for line in [
        format!(
            r#"{{"jsonrpc":"2.0","id":70,"method":"tools/call","params":{{"name":"{long}"}}}}"#
        ),
        format!(
            r#"{{"method":"tools/call","params":{{"name":"{long}"}},"jsonrpc":"2.0","id":71}}"#
        ),
    ] {
        let id = if line.ends_with(r#""id":71}"#) { 71 } else { 70 };
        writeln!(session.input.as_mut().unwrap(), "{line}").unwrap();
        let answer = session.next();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32600)));
        let words = answer["error"]["message"].as_str().unwrap();
        assert!(words.contains("more than 16 MiB"), "{words}");
    }
    // A notification is not answered, however long it is.
    let note = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{long}"}}"#);
    writeln!(session.input.as_mut().unwrap(), "{note}").unwrap();
    assert!(session.ask("tools/list", &json!({}))["result"].is_object());
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn arguments_that_are_wrong_are_failures_in_words_and_start_nothing() {
    let server = ScriptedServer::start(false);
    let mut session = Session::start(&server.url, &[]);
    for (tool, arguments, expected) in [
        ("run_team", json!({}), "missing field `goal`"),
        ("run_team", json!({"goal": "x", "command": "ls"}), "unknown field `command`"),
        ("run_team", json!({"goal": "  "}), "invalid `goal`"),
        ("run_team", json!({"goal": "x".repeat((1 << 20) + 1)}), "expected 1048576 at most"),
        ("run_team", json!({"goal": "x", "brief": ""}), "invalid `brief`"),
        ("run_team", json!({"goal": "x", "budget": {"tokens": 0}}), "`budget.tokens`"),
        ("ask_agent", json!({"agent": "a", "prompt": "b", "max_tokens": 0}), "`max_tokens`"),
        ("ask_agent", json!({"agent": "x".repeat(129), "prompt": "b"}), "invalid `agent`"),
        ("run_status", json!({"run": "../../etc/passwd"}), "unknown run"),
        ("run_status", json!({"run": 7}), "expected a string"),
    ] {
        let failure = session.failure(tool, &arguments);
        assert!(failure.contains(expected), "{failure}");
    }
    let unknown = session.call("rm", &json!({}));
    let message = unknown["error"]["message"].as_str().unwrap();
    assert!(message.contains("unknown tool `rm`") && message.contains("run_team"), "{message}");
    // What is no request is passed over, or answered with an error.
    for line in ["nonsense", "[]", "{\"jsonrpc\": \"2.0\"}", "\u{1b}[2J"] {
        writeln!(session.input.as_mut().unwrap(), "{line}").unwrap();
    }
    assert!(session.ask("tools/list", &json!({}))["result"].is_object());
    assert_eq!(server.runs.requests().len(), 0);
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_cancelled_call_a_client_that_goes_and_a_signal_stop_the_run() {
    for how in ["cancelled", "input", "signal", "detached"] {
        let server = ScriptedServer::start(true);
        let mut session = Session::start(&server.url, &[]);
        if how == "detached" {
            let begun = session.call("run_team", &json!({"goal": "write a poem", "wait": false}));
            assert_eq!(begun["result"]["structuredContent"]["id"], ID, "{begun}");
            let early = session.failure("run_result", &json!({"run": ID}));
            assert!(early.contains("no answer yet"), "{early}");
        } else {
            let params = json!({
                "name": "run_team",
                "arguments": {"goal": "write a poem"},
                "_meta": {"progressToken": 1},
            });
            let id = session.request("tools/call", &params);
            assert_eq!(session.next()["method"], "notifications/progress");
            if how == "cancelled" {
                session.send(&json!({
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": {"requestId": id},
                }));
                wait_for(&server, &RunState::Stopped);
            }
        }
        let (code, err) = if how == "signal" {
            signal(&session.child, "TERM");
            session.ended()
        } else {
            session.end()
        };
        assert_eq!((code, err.as_str()), (Some(0), ""), "{how}");
        assert_eq!(server.runs.state(), RunState::Stopped, "{how}");
    }
}

#[test]
fn without_a_team_each_call_says_what_starts_one() {
    let mut session = Session::start("http://127.0.0.1:9", &[]);
    for (tool, arguments) in
        [("list_agents", json!({})), ("run_team", json!({"goal": "write a poem"}))]
    {
        let failure = session.failure(tool, &arguments);
        assert!(failure.contains("cannot reach"), "{failure}");
        assert!(failure.contains("`harmonic up --detach`"), "{failure}");
    }
    assert_eq!(session.end().0, Some(0));
    let user = User::new();
    let mut nobody = user.harmonic(["mcp"]);
    // The input is empty: there is no client.
    let ran = crate::harness::ran(&mut nobody);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
    user.run(["mcp", "--url", "x://"]).refuses(&["invalid server URL `x://`"]);
    user.run(["mcp", "--port", "0"]).refuses_usage("invalid value '0'");
    let mut inside = user.harmonic(["mcp"]);
    crate::harness::ran(inside.env(RunToken::VARIABLE, "s3cret"))
        .refuses(&["invalid HARMONIC_RUN", "unset HARMONIC_RUN"]);
}
