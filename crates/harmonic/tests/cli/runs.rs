//! `run` and `runs` against a server with a scripted run.

use harmonic_api::runs::{RunApproach, RunMode};
use harmonic_orchestrator::{AskPolicy, Decision, RunClass};
use harmonic_types::{RunState, TaskGraph};

use crate::background::Owner;
use crate::harness::{Ran, User, ran, signal};
use crate::pseudo_terminal::Dialogue;
use crate::scripted_runs::{ANSWER, ID, ScriptedServer};

/// The result of `line` and `--url`.
fn on(server: &ScriptedServer, line: &str) -> Ran {
    let user = User::new();
    user.run(words(server, line).iter().map(String::as_str))
}

fn words(server: &ScriptedServer, line: &str) -> Vec<String> {
    line.split(' ').chain(["--url", &server.url]).map(str::to_owned).collect()
}

/// `ran` without the address of the server.
fn shown(server: &ScriptedServer, ran: &Ran) -> String {
    let Ran { code, out, err } = ran;
    let text = format!("{}\n--- stdout\n{out}--- stderr\n{err}", code.unwrap_or(-1));
    text.replace(&server.url, "URL")
}

#[test]
fn off_a_terminal_the_answer_is_on_stdout_and_prefixed_lines_are_on_stderr() {
    let server = ScriptedServer::start(false);
    let ran = on(&server, "run poem");
    assert_eq!(ran.out, ANSWER);
    insta::assert_snapshot!(shown(&server, &ran));
}

#[test]
fn json_is_the_record_and_a_watched_run_is_a_document_a_line() {
    let server = ScriptedServer::start(false);
    let ran = on(&server, "run poem --json");
    let record: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(record["schema"], "harmonic.run-record/1");
    assert!(ran.err.contains("[analyst] slot 3"), "{ran:?}");
    let ran = on(&server, "runs watch 01jabc --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let events: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["snapshot", "task", "queued"]);
    assert_eq!(names.last(), Some(&"note"));
}

#[test]
fn arguments_become_the_request() {
    let server = ScriptedServer::start(false);
    let user = User::new();
    user.file("brief.md", "read this");
    user.file("own.toml", "schema = \"harmonic.recipe/1\"");
    let graph = r#"{"schema": "harmonic.task-graph/1", "tasks": [{"title": "t", "kind": "ask",
        "agent": "coder", "instruction": "i"}]}"#;
    user.file("plan.json", graph);
    let run = |line: &str| {
        let args = words(&server, line);
        let ran = user.run(args.iter().map(String::as_str));
        assert_eq!(ran.out, format!("{ID}\n"), "{ran:?}");
        assert!(ran.err.contains(&format!("runs --url {} watch {ID}", server.url)), "{ran:?}");
    };
    run("run poem --detach");
    run("run poem --detach --solo --background --ask never --brief brief.md");
    run("run poem --detach --recipe split --budget tokens=20k,time=5m,joules=2kJ");
    run("run poem --detach --recipe own.toml");
    run("run poem --detach --plan plan.json --ask all");
    let asked = server.runs.requests();
    assert_eq!(asked[0].approach, RunApproach::Mode(RunMode::Auto));
    assert_eq!((asked[0].ask, asked[0].class), (AskPolicy::Write, RunClass::Interactive));
    assert_eq!(asked[1].approach, RunApproach::Mode(RunMode::Solo));
    assert_eq!((asked[1].ask, asked[1].class), (AskPolicy::Never, RunClass::Background));
    assert_eq!(asked[1].brief.as_deref(), Some("read this"));
    assert_eq!(asked[2].approach, RunApproach::Recipe("split".to_owned()));
    assert_eq!((asked[2].budget.tokens, asked[2].budget.time_ms), (Some(20_000), Some(300_000)));
    let RunApproach::RecipeText(recipe) = &asked[3].approach else { panic!("a recipe") };
    assert!(recipe.contains("harmonic.recipe/1"));
    let plan: TaskGraph = serde_json::from_str(graph).unwrap();
    assert_eq!(asked[4].approach, RunApproach::Plan(plan));
}

#[test]
fn the_task_is_read_from_stdin_where_there_is_no_argument() {
    let server = ScriptedServer::start(false);
    let user = User::new();
    let task = user.file("task.txt", "a task\nof two lines\n");
    let args = words(&server, "run --detach");
    let mut command = user.harmonic(args.iter().map(String::as_str));
    let ran = ran(command.stdin(std::fs::File::open(task).unwrap()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(server.runs.requests()[0].goal, "a task\nof two lines");
    on(&server, "run --detach").refuses(&["no task"]);
}

#[test]
fn runs_are_listed_and_shown_at_any_width() {
    let server = ScriptedServer::start(true);
    let user = User::new();
    let mut all = Vec::new();
    for columns in [80, 120] {
        for line in ["runs list", "runs show 01J"] {
            let args = words(&server, line);
            let ran = user.run_at(columns, args.iter().map(String::as_str));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
            let too_long = ran.out.lines().find(|line| line.chars().count() > columns);
            assert_eq!(too_long, None, "{line} at {columns}");
            all.push(format!("{line} at {columns}\n{}", ran.out));
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ d ago", "AGE");
    settings.bind(|| insta::assert_snapshot!(all.join("\n")));
    let listed = on(&server, "runs list --json").json();
    assert_eq!(listed["schema"], "harmonic.runs/1");
    assert_eq!(listed["runs"][0]["approvals"], 1);
    let record = on(&server, &format!("runs show {ID} --json")).json();
    assert_eq!(record["answer"], ANSWER.trim_end());
}

#[test]
fn a_question_is_answered_from_elsewhere() {
    let server = ScriptedServer::start(true);
    on(&server, "runs approve 01J 7").refuses(&["has no open question 7", "open are 1"]);
    let ran = on(&server, "runs deny 01J");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("denied 1: call workspace.write"), "{ran:?}");
    assert_eq!(server.runs.decision(), Some(Decision::Denied));
    on(&server, "runs approve 01J").refuses(&["waits for no answer"]);
}

#[test]
fn runs_are_stopped_resumed_and_removed() {
    let server = ScriptedServer::start(false);
    let ran = on(&server, "runs stop 01J");
    assert_eq!((ran.code, ran.out), (Some(0), format!("stopped {ID}\n")));
    assert!(ran.err.contains(&format!("resume {ID}")), "{}", ran.err);
    assert_eq!(server.runs.state(), RunState::Stopped);
    let ran = on(&server, "runs resume 01J");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ANSWER), "{}", ran.err);
    let ran = on(&server, &format!("runs rm 01J {ID}"));
    assert_eq!((ran.code, ran.out), (Some(0), format!("removed {ID}\n")));
}

#[test]
fn a_run_is_exported_and_replayed() {
    let server = ScriptedServer::start(false);
    let user = User::new();
    let run = |line: &str| user.run(words(&server, line).iter().map(String::as_str));
    let page = run("runs export 01J --html --out run.html");
    assert_eq!((page.code, page.out.as_str()), (Some(0), ""), "{page:?}");
    let page = std::fs::read_to_string(user.home().join("run.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("tests are green."), "{page}");
    assert!(run("runs export 01J --md").out.contains("tests are green."));
    assert_eq!(run("runs export 01J --otel").json()["resourceSpans"].as_array().unwrap().len(), 1);
    run("runs export 01J --md --out absent/run.md").refuses(&["cannot write absent/run.md"]);
    run("runs export 01J").refuses_usage("required");
    run("runs export 01J --md --html").refuses_usage("cannot be used with");
    let replay = run("runs replay 01J");
    assert_eq!(replay.code, Some(1), "{replay:?}");
    assert!(replay.out.contains("differs"), "{replay:?}");
}

#[test]
fn wrong_usage_is_named_with_what_is_expected() {
    let server = ScriptedServer::start(false);
    for (line, expected) in [
        ("run x --budget tokens=0", "expected more than zero"),
        ("run x --budget time=5", "expected a time with its unit"),
        ("run x --budget token=5", "did you mean `tokens`?"),
        ("run x --budget tokens=5,tokens=6", "given twice"),
        ("run x --budget", "a value is required"),
        ("run x --ask sometimes", "possible values: plan, write, all, never"),
        ("run x --solo --team", "cannot be used with"),
        ("run x --recipe split --plan p.json", "cannot be used with"),
        ("run x --stack starter --detach", "cannot be used with"),
        ("runs approve 01J one", "invalid number `one`: expected a whole number"),
        ("runs rm", "required"),
    ] {
        on(&server, line).refuses_usage(expected);
    }
    for (line, expected) in [
        ("run x --plan absent.json", &["cannot read the plan absent.json"][..]),
        ("run x --brief absent.md", &["cannot read the brief absent.md"]),
        ("run x --recipe ./absent.toml", &["cannot read the recipe ./absent.toml"]),
        ("runs show 02", &["unknown run `02`", "harmonic runs list"]),
        ("runs show run_01JABCDEFGHJKMNPQRSTVWXYZ1", &["status 404", "unknown run"]),
        ("runs watch ../../etc/passwd", &["unknown run"]),
    ] {
        on(&server, line).refuses(expected);
    }
    let user = User::new();
    user.file("plan.json", r#"{"schema": "harmonic.task-graph/1", "tasks": 5}"#);
    let args = words(&server, "run x --plan plan.json");
    user.run(args.iter().map(String::as_str))
        .refuses(&["invalid plan plan.json", "tasks: expected an array of tasks"]);
    let task = r#"{"title": "t", "kind": "ask", "agent": "a", "instruction": "i", "max_token": 9}"#;
    let plan = format!(r#"{{"schema": "harmonic.task-graph/1", "tasks": [{task}]}}"#);
    user.file("plan.json", &plan);
    user.run(args.iter().map(String::as_str))
        .refuses(&["tasks[0].max_token: unknown field (did you mean `max_tokens`?)"]);
    User::new().run(["run", "x"]).refuses(&["no team runs here"]);
    assert_eq!(server.runs.requests().len(), 0);
}

fn dialogue(server: &ScriptedServer, line: &str, columns: u16) -> Dialogue {
    let user = User::new();
    let args = words(server, line);
    Dialogue::start(user.harmonic(args.iter().map(String::as_str)), columns)
}

#[test]
fn on_a_terminal_lanes_go_on_a_key_answers_and_the_answer_is_left() {
    for columns in [80, 120] {
        let server = ScriptedServer::start(true);
        let mut run = dialogue(&server, "run poem", columns);
        run.until(&["waits for approval"]);
        run.until(&["[y/n]"]);
        // Neither an answer nor an echo.
        run.enter("x\r");
        assert_eq!(server.runs.decision(), None);
        run.enter("y");
        run.until(&["tests are green."]);
        let (code, rest) = run.end();
        assert_eq!(code, Some(0), "{rest}");
        assert_eq!(server.runs.decision(), Some(Decision::Approved));
        assert!(rest.contains("3 of 3 tasks"), "{rest}");
    }
}

#[test]
fn ctrl_c_stops_the_run_and_says_how_to_resume_and_leaves_a_watched_one() {
    let server = ScriptedServer::start(true);
    let mut run = dialogue(&server, "run poem", 100);
    run.until(&["[y/n]"]);
    signal(&run.child, "INT");
    let (code, rest) = run.end();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("the run was stopped"), "{rest}");
    assert!(rest.contains(&format!("resume {ID}")), "{rest}");
    assert_eq!(server.runs.state(), RunState::Stopped);

    let server = ScriptedServer::start(true);
    let mut watch = dialogue(&server, "runs watch 01J", 100);
    watch.until(&["[y/n]"]);
    signal(&watch.child, "INT");
    let (code, rest) = watch.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("the run goes on"), "{rest}");
    assert_eq!(server.runs.state(), RunState::Running);
}

#[test]
fn a_simulated_team_does_a_run_which_is_then_shown_exported_replayed_and_removed() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let run = |line: &str| owner.0.run(line.split(' '));
    // The simulated answers would be as long as their contexts.
    let task = |title: &str, after: &[u32]| {
        serde_json::json!({"title": title, "kind": "ask", "agent": "coder", "after": after,
            "instruction": format!("Do {title}."), "max_tokens": 16})
    };
    let tasks = [task("one", &[]), task("two", &[]), task("both", &[0, 1])];
    let graph = serde_json::json!({"schema": "harmonic.task-graph/1", "tasks": tasks});
    owner.0.file("plan.json", graph.to_string());
    let ran = run("run colours --plan plan.json --json --budget time=5m");
    let record: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(record["state"]["state"], "done", "{ran:?}");
    assert_eq!(record["origin"], "file");
    assert!(ran.err.contains("waits for a slot"), "{ran:?}");
    let id = record["id"].as_str().unwrap();

    let listed = run("runs list --json").json();
    assert_eq!(listed["runs"][0]["id"], id);
    assert_eq!(listed["runs"][0]["tasks_done"], listed["runs"][0]["tasks"]);
    let shown = run(&format!("runs show {id}"));
    assert!(shown.out.contains(record["answer"].as_str().unwrap().lines().next().unwrap()));
    let watched = run(&format!("runs watch {id}"));
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(run(&format!("runs export {id} --html")).out.contains("</html>"));
    let replay = run(&format!("runs replay {id}"));
    assert_eq!(replay.code, Some(0), "{replay:?}");
    run(&format!("runs stop {id}")).refuses(&["status 409"]);
    assert_eq!(run(&format!("runs rm {id}")).code, Some(0));
    assert_eq!(run("runs list --json").json()["runs"], serde_json::json!([]));
    run("run coder").refuses(&["`coder` is an agent", "harmonic chat coder"]);
    run("run x --recipe nosuch").refuses(&["status 400", "recipe"]);
}
