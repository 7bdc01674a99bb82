//! Invalid input: exit code 1 or 2, and a message with a remedy.

use std::net::TcpListener;

use crate::harness::{User, ran};

fn stack(user: &User, text: &str) -> String {
    user.file("team.toml", text).display().to_string()
}

#[test]
fn a_stack_file_with_an_unknown_key() {
    let user = User::new();
    let path = stack(&user, "name = \"t\"\n\n[[agents]]\nlike = \"coder\"\ntemprature = 1\n");
    user.run(["plan", "--stack", &path]).refuses(&["team.toml:5", "temprature"]);
    let path = stack(&user, "name = \"t\"\n\n[[agents]]\nlike = \"coder\"\ncontxt = 4096\n");
    user.run(["plan", "--stack", &path])
        .refuses(&["team.toml:5: unknown field `contxt` (did you mean `context`?)"]);
}

#[test]
fn a_stack_file_with_an_agent_twice() {
    let user = User::new();
    let twice = "name = \"t\"\n[[agents]]\nlike = \"coder\"\n[[agents]]\nlike = \"coder\"\n";
    let path = stack(&user, twice);
    user.run(["plan", "--stack", &path]).refuses(&["duplicate agent name `coder`", "line 2"]);
}

#[test]
fn a_stack_file_with_an_unknown_model() {
    let user = User::new();
    let path = stack(&user, "name = \"t\"\n[[agents]]\nlike = \"coder\"\nmodel = \"gpt:9\"\n");
    for verb in ["plan", "up", "bench"] {
        let refused = user.run([verb, "--stack", &path]);
        refused.refuses(&["team.toml:4", "`model`", "unknown model `gpt:9`", "smollm2:135m"]);
    }
    let path = stack(&user, "name = \"t\"\n[[agents]]\nlike = \"coder\"\nmodel = \"/no/x.gguf\"\n");
    user.run(["plan", "--stack", &path]).refuses(&["team.toml:4", "/no/x.gguf does not exist"]);
}

#[test]
fn a_name_that_resembles_a_known_one_is_answered_with_that() {
    let user = User::new();
    let like = stack(&user, "name = \"t\"\n[[agents]]\nlike = \"codr\"\n");
    for (args, meant) in [
        (vec!["plan", "--stack", "standrad"], "standard"),
        (vec!["plan", "--stack", &like], "coder"),
        (vec!["plan", "--hardware", "dgx-sprak"], "dgx-spark"),
        (vec!["models", "show", "qwen3-8b"], "qwen3:8b"),
        (vec!["report", "dgx_spark"], "dgx-spark"),
    ] {
        user.run(args).refuses(&[&format!("(did you mean `{meant}`?)")]);
    }
    let model = stack(&user, "name = \"t\"\n[[agents]]\nlike = \"coder\"\nmodel = \"qwen3:14\"\n");
    user.run(["plan", "--stack", &model]).refuses(&["(did you mean `qwen3:14b`?)"]);
    user.run(["detct"]).refuses_usage("'detect'");
}

#[test]
fn an_unknown_stack_lists_the_available_ones() {
    User::new()
        .run(["plan", "--stack", "starter2"])
        .refuses(&["unknown stack `starter2`", "standard, full, minimal, dev, starter"]);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let user = User::new();
    for (args, words) in [
        (vec!["bench", "--levels", "0"], "invalid level `0`: expected 1 to 1024"),
        (vec!["bench", "--levels", "1,two"], "invalid level `two`"),
        (
            vec!["bench", "--trials", "0"],
            "invalid number `0`: expected a whole number of windows from 1 to",
        ),
        (vec!["bench", "--rate", "fast"], "invalid rate `fast`: expected a number of requests per"),
        (vec!["bench", "--seed", "one"], "invalid seed `one`: expected a whole number"),
        (vec!["up", "--host", "localhost"], "invalid address `localhost`: expected an IP address"),
        (vec!["up", "--grace", "5m"], "invalid time `5m`: expected a whole number of seconds"),
        (vec!["plan", "--context", "0"], "invalid context `0`: expected a number of tokens from 1"),
        (
            vec!["plan", "--context", "8x"],
            "invalid context `8x`: expected a number of tokens from 1",
        ),
        (vec!["models", "convert", "x", "--to", "Q9"], "invalid weight format `Q9`"),
        (vec!["fly"], "unrecognized subcommand 'fly'"),
        (vec!["chat", "coder", "--temperature", "2.1"], "expected a number from 0 to 2"),
        (vec!["chat", "coder", "--temperature", "NaN"], "expected a number from 0 to 2"),
        (
            vec!["chat", "coder", "--max-tokens", "0"],
            "invalid limit `0`: expected a number of tokens",
        ),
        (vec!["chat", "coder", "--port", "1", "--url", "here"], "cannot be used with"),
        (vec!["logs", "--port", "0"], "invalid port `0`: expected a whole number from 1 to 65535"),
        (vec!["logs", "--lines", "all"], "invalid number `all`: expected a whole number of lines"),
        (vec!["keys", "add", "x", "--per-minute", "0"], "invalid number `0`: expected a whole"),
        (vec![], "Usage: harmonic"),
    ] {
        user.run(args).refuses_usage(words);
    }
}

#[test]
fn names_of_other_programs_run_the_command_of_that_meaning() {
    let user = User::new();
    assert_eq!(user.run(["ls"]).out, user.run(["models", "list"]).out);
    assert_eq!(user.run(["-q", "list"]).out, user.run(["models", "list"]).out);
    assert_eq!(user.run(["status", "--json"]).out, user.run(["ps", "--json"]).out);
    user.run(["stop"]).refuses(&["no team runs"]);
    user.run(["rm", "nothing"]).refuses(&["nothing"]);
    user.run(["pull", "./nothing.gguf"]).refuses(&["./nothing.gguf does not exist"]);
    user.run(["serve", "--stack", "nothing"]).refuses(&["unknown stack `nothing`"]);
}

#[test]
fn a_port_in_use_names_its_holder() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let user = User::new();
    let mut command = user.harmonic(["up", "--stack", "starter", "--engine", "sim"]);
    let holder = format!("(process {})", std::process::id());
    let words =
        [port.as_str(), "uses the port", if cfg!(target_os = "linux") { &holder } else { "" }];
    ran(command.args(["--port", &port])).refuses(&words);
    let mut named = user.harmonic(["up", "--stack", "starter", "--engine", "sim"]);
    ran(named.env("HARMONIC_PORT", &port)).refuses(&words);
}

#[test]
fn an_invalid_plan_file() {
    let user = User::new();
    let path = user.file("plan.json", "{}").display().to_string();
    user.run(["up", "--plan", &path]).refuses(&["plan.json is not a plan", "schema"]);
    for found in ["harmonic.plan/2", "harmonic.plan/4", "harmonic.hardware/1"] {
        let path = user.file("plan.json", format!(r#"{{"schema": "{found}"}}"#));
        let path = path.display().to_string();
        let schema = format!("plan.json has the schema `{found}`, expected `harmonic.plan/3`");
        let command = format!("`harmonic plan --json > {path}`");
        user.run(["up", "--plan", &path]).refuses(&[&schema, &command]);
    }
    let current = user.run(["plan", "--stack", "minimal", "--json"]).out;
    let foreign = current.replace(r#""kind": "llama""#, r#""kind": "mlx""#);
    assert_ne!(current, foreign);
    let path = user.file("plan.json", foreign).display().to_string();
    user.run(["up", "--plan", &path]).refuses(&["is not a plan", "unknown variant `mlx`"]);
    let absent = user.home().join("absent.json").display().to_string();
    user.run(["up", "--plan", &absent]).refuses(&["cannot read the plan file", "absent.json"]);
}

#[test]
fn an_unreachable_server() {
    User::new()
        .run(["bench", "--target", "http://127.0.0.1:9"])
        .refuses(&["cannot reach http://127.0.0.1:9"]);
    for command in [["bench", "--target"], ["chat", "coder"], ["ps", "--watch"]] {
        let url = if command[0] == "bench" { vec![] } else { vec!["--url"] };
        let args = command.into_iter().chain(url).chain(["127.0.0.1:9"]);
        let refused = User::new().run(args);
        refused.refuses(&["cannot reach http://127.0.0.1:9/", ": connection refused; is the"]);
        assert_eq!(refused.err.lines().count(), 1, "{refused:?}");
    }
    User::new().run(["bench", "--target", "tomorrow"]).refuses(&["invalid server URL `tomorrow`"]);
}

#[test]
fn an_empty_sysroot_is_an_error_and_not_a_guess() {
    let user = User::new();
    let root = user.home().display().to_string();
    user.run(["detect", "--sysroot", &root]).refuses(&["/proc/meminfo", "does not exist"]);
}

#[test]
fn an_invalid_log_filter() {
    let user = User::new();
    ran(user.harmonic(["detect"]).env("HARMONIC_LOG", "a=b=c")).refuses(&["HARMONIC_LOG", "a=b=c"]);
}

/// Pipes that nobody writes to, and devices without an end.
#[cfg(target_os = "linux")]
#[test]
fn files_that_never_end_are_refused_wherever_one_is_named() {
    let user = User::new();
    let pipe = user.home().join("pipe.toml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    for endless in [pipe.display().to_string(), "/dev/zero".to_owned()] {
        let prompt =
            format!("name = \"t\"\n[[agents]]\nlike = \"coder\"\nsystem_file = \"{endless}\"\n");
        let with_prompt = stack(&user, &prompt);
        for args in [
            vec!["plan", "--stack", &endless],
            vec!["plan", "--stack", &with_prompt],
            vec!["run", "goal", "--brief", &endless],
            vec!["run", "goal", "--plan", &endless],
            vec!["run", "goal", "--recipe", &endless],
            vec!["report", &endless],
        ] {
            user.run(args).refuses(&["not a regular file"]);
        }
    }
    let keys = user.home().join(".config/harmonic/keys.toml");
    std::fs::create_dir_all(keys.parent().unwrap()).unwrap();
    std::fs::rename(&pipe, &keys).unwrap();
    user.run(["keys", "list"]).refuses(&["not a regular file", "keys.toml"]);
}

#[test]
fn a_system_prompt_beyond_the_context_is_a_warning_or_where_it_is_certain_an_error() {
    let user = User::new();
    let plan = |words: usize| {
        let prompt = "word ".repeat(words);
        let agent = "like = \"coder\"\nmodel = \"smollm2:135m\"\ncontext = 2048";
        let path =
            stack(&user, &format!("name = \"t\"\n[[agents]]\n{agent}\nsystem = \"{prompt}\"\n"));
        user.run(["plan", "--hardware", "dgx-spark", "--stack", &path])
    };
    assert_eq!(plan(100).err, "");
    let warned = plan(2000);
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(warned.err.contains("system prompt of agent `coder` has about"), "{warned:?}");
    plan(10_000).refuses(&["agent `coder` has 50000 bytes", "context of 2048", "shorten"]);
}
