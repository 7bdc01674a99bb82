//! MCP servers as child processes.

use std::time::Duration;

use harmonic_tools::{Endpoint, LeftOut, ToolBox, ToolBoxConfig, ToolError};
use harmonic_types::RunToken;
use harmonic_types::tool::ToolEffects;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use crate::own_process::{
    PATIENT, SHORT, call, is_running, one_server, program, runtime, start_owner, wait_for_end,
    with_endpoint,
};

crate::tests![
    tools_are_listed_over_pages_and_called,
    arguments_are_held_to_the_schema_before_the_call,
    a_banner_and_other_notes_on_standard_output_are_passed_over,
    a_server_that_is_never_ready_is_named,
    a_server_that_ends_at_its_start_is_quoted,
    a_program_that_is_missing_is_named,
    a_program_that_is_no_server_is_named,
    lists_without_end_are_refused,
    a_call_that_hangs_ends_with_its_time_and_the_server_is_told,
    a_cancelled_call_ends_at_once_and_the_server_is_told,
    a_server_that_reads_nothing_holds_nobody,
    a_server_that_dies_in_a_call_is_started_anew_and_not_for_ever,
    fifty_megabytes_are_cut_while_they_are_read,
    a_message_that_is_too_large_ends_the_connection,
    a_flood_on_standard_error_holds_nobody,
    an_answer_that_trickles_arrives_or_ends_with_its_time,
    nonsense_in_place_of_an_answer_is_an_error,
    a_server_refuses_in_its_own_words_without_escape_sequences,
    a_server_gets_a_minimal_environment,
    a_server_gets_the_token_of_its_run_in_place_of_a_configured_one,
    a_dropped_box_kills_the_whole_group,
    a_server_ends_with_a_killed_owner,
    a_closed_box_lets_servers_end_by_themselves,
];

fn refused(config: ToolBoxConfig) -> String {
    let opened = runtime().block_on(ToolBox::open(config));
    let error = opened.expect_err("no tool box");
    assert!(matches!(error, ToolError::NotStarted { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("cannot start the MCP server `test`: "), "{text}");
    text
}

fn impatient(mode: &str) -> ToolBoxConfig {
    ToolBoxConfig { start_time: Duration::from_millis(700), ..one_server(mode) }
}

fn tools_are_listed_over_pages_and_called() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let listed = tools.list();
        let effects = |name: &str| listed.iter().find(|tool| tool.name == name).unwrap().effects;
        assert_eq!(effects("test.echo"), ToolEffects::ReadOnly);
        assert_eq!(effects("test.odd_name_with_signs"), ToolEffects::Idempotent);
        assert_eq!(effects("test.odd_name_with_signs_2"), ToolEffects::Writing);
        assert_eq!(listed.len(), 15);
        let [LeftOut { server, tool, reason }] = tools.left_out() else { panic!("one") };
        assert_eq!((server.as_str(), tool.as_str()), ("test", "unusable"));
        assert!(reason.contains("expected a part of itself"), "{reason}");
        let output = call(&tools, "test.echo", json!({"text": "Grüße"}), PATIENT).await.unwrap();
        assert_eq!((output.text.as_str(), output.is_error, output.bytes_cut), ("Grüße", false, 0));
        let chosen = tools.select(["test.echo", "test.*"]).unwrap();
        assert_eq!(chosen.len(), 15);
        let error = tools.select(["test.eco"]).unwrap_err().to_string();
        assert!(error.contains("did you mean `test.echo`?"), "{error}");
        assert!(tools.select(["other.*"]).is_err());
        let error = call(&tools, "test.eco", json!({}), PATIENT).await.unwrap_err();
        assert!(error.is_for_the_model() && !error.outcome_unknown(), "{error:?}");
    });
}

fn arguments_are_held_to_the_schema_before_the_call() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.echo", json!({"txt": "x"}), PATIENT).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("\"text\" is a required property") && text.contains("txt"), "{text}");
        assert!(error.is_for_the_model());
    });
}

fn a_banner_and_other_notes_on_standard_output_are_passed_over() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("banner")).await.unwrap();
        assert!(call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.is_ok());
    });
}

fn a_server_that_is_never_ready_is_named() {
    let text = refused(impatient("hang-at-start"));
    assert!(text.contains("not ready within 0.7 s: raise the time"), "{text}");
}

fn a_server_that_ends_at_its_start_is_quoted() {
    let text = refused(one_server("die-at-start"));
    assert!(text.contains("`no key: set KEY`") && text.contains("exit status: 3"), "{text}");
    let text = refused(one_server("die-in-list"));
    assert!(text.contains("exit status: 4"), "{text}");
}

fn a_program_that_is_missing_is_named() {
    let endpoint = |command: &str, cwd: Option<&str>| Endpoint::Stdio {
        command: command.into(),
        args: Vec::new(),
        env: std::collections::BTreeMap::new(),
        cwd: cwd.map(str::to_owned),
    };
    let text = refused(with_endpoint(endpoint("no-such-program", None)));
    assert!(text.contains("cannot execute `no-such-program`"), "{text}");
    let program = program().display().to_string();
    let text = refused(with_endpoint(endpoint(&program, Some("/no/such/folder"))));
    assert!(text.contains("cannot execute"), "{text}");
}

fn a_program_that_is_no_server_is_named() {
    let text = refused(one_server("nonsense-at-start"));
    assert!(text.contains("is not MCP") && text.contains("`Welcome to line 0`"), "{text}");
}

fn lists_without_end_are_refused() {
    for (mode, expected) in [
        ("endless-list", "more than 32 pages"),
        ("circular-list", "leads back"),
        ("many-tools", "more than 512 tools"),
    ] {
        let text = refused(one_server(mode));
        assert!(text.contains(expected), "{text}");
    }
}

fn a_call_that_hangs_ends_with_its_time_and_the_server_is_told() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.hang", json!({}), SHORT).await.unwrap_err();
        assert!(error.to_string().contains("`test.hang` did not answer within 0.5 s"), "{error}");
        assert!(error.outcome_unknown());
        let told = call(&tools, "test.cancelled", json!({}), PATIENT).await.unwrap();
        assert_eq!(told.text, "1");
    });
}

fn a_cancelled_call_ends_at_once_and_the_server_is_told() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let cancel = CancellationToken::new();
        let hanging = tools.call("test.hang", Map::new(), PATIENT, &cancel);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        };
        let (ended, ()) = tokio::join!(hanging, stop);
        assert!(matches!(ended, Err(ToolError::Cancelled { .. })), "{ended:?}");
        let told = call(&tools, "test.cancelled", json!({}), PATIENT).await.unwrap();
        assert_eq!(told.text, "1");
    });
}

fn a_server_that_reads_nothing_holds_nobody() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.stuck", json!({}), SHORT).await.unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error:?}");
        // More than the pipe takes.
        let long = json!({"text": "x".repeat(1 << 19)});
        let error = call(&tools, "test.echo", long, SHORT).await.unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error:?}");
    });
}

fn a_server_that_dies_in_a_call_is_started_anew_and_not_for_ever() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        for _ in 0..4 {
            let output = call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await;
            assert_eq!(output.unwrap().text, "x");
            let error = call(&tools, "test.die", json!({}), PATIENT).await.unwrap_err();
            assert!(error.outcome_unknown(), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with("lost the MCP server `test`: it ended"), "{text}");
            assert!(text.contains("`out of memory`"), "{text}");
        }
        let error = call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.unwrap_err();
        assert!(error.to_string().contains("it ended 4 times"), "{error}");
    });
}

/// Largest memory that this process has had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
}

fn fifty_megabytes_are_cut_while_they_are_read() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let before = peak_memory();
        let output = call(&tools, "test.huge", json!({}), PATIENT).await.unwrap();
        assert_eq!(output.text.len(), PATIENT.bytes);
        assert_eq!(output.text.len() as u64 + output.bytes_cut, 50 << 20);
        let grown = peak_memory() - before;
        assert!(grown < 25 << 20, "{grown} bytes");
        let output = call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.unwrap();
        assert_eq!((output.text.as_str(), output.bytes_cut), ("x", 0));
    });
}

fn a_message_that_is_too_large_ends_the_connection() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.many", json!({}), PATIENT).await.unwrap_err();
        assert!(error.to_string().contains("a message of more than 8 MiB"), "{error}");
        assert!(call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.is_ok());
    });
}

fn a_flood_on_standard_error_holds_nobody() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("flood-stderr")).await.unwrap();
        let before = peak_memory();
        for _ in 0..50 {
            assert!(call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.is_ok());
        }
        assert!(peak_memory() - before < 16 << 20);
    });
}

fn an_answer_that_trickles_arrives_or_ends_with_its_time() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let output = call(&tools, "test.trickle", json!({}), PATIENT).await.unwrap();
        assert_eq!(output.text, "slow");
        let limits = harmonic_tools::CallLimits { time: Duration::from_millis(20), ..SHORT };
        let error = call(&tools, "test.trickle", json!({}), limits).await.unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error:?}");
        // The late answer is nobody's.
        let output = call(&tools, "test.echo", json!({"text": "x"}), PATIENT).await.unwrap();
        assert_eq!(output.text, "x");
    });
}

fn nonsense_in_place_of_an_answer_is_an_error() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.nonsense", json!({}), PATIENT).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("is not MCP") && text.contains("Traceback"), "{text}");
        let error = call(&tools, "test.wrong", json!({}), PATIENT).await.unwrap_err();
        assert!(error.to_string().contains("something else than its result"), "{error}");
    });
}

fn a_server_refuses_in_its_own_words_without_escape_sequences() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let error = call(&tools, "test.refuse", json!({}), PATIENT).await.unwrap_err();
        assert!(matches!(error, ToolError::Refused { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("quota [31m exceeded"), "{text}");
        assert!(!error.outcome_unknown());
    });
}

fn a_server_gets_a_minimal_environment() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let output = call(&tools, "test.env", json!({}), PATIENT).await.unwrap();
        let mut names: Vec<&str> = output.text.split(' ').collect();
        names.sort_unstable();
        assert_eq!(names, ["CONFIGURED", "HOME", "PATH"]);
    });
}

fn a_server_gets_the_token_of_its_run_in_place_of_a_configured_one() {
    let token = RunToken::of([5; RunToken::BYTES]);
    let mut config = one_server("normal");
    if let Endpoint::Stdio { env, .. } = &mut config.mcp.servers[0].endpoint {
        env.insert(RunToken::VARIABLE.to_owned(), "forged".to_owned());
    }
    config.run = Some(token.clone());
    runtime().block_on(async {
        let tools = ToolBox::open(config).await.unwrap();
        let named = json!({"name": RunToken::VARIABLE});
        let output = call(&tools, "test.env", named, PATIENT).await.unwrap();
        assert_eq!(output.text, token.as_str());
    });
}

fn a_dropped_box_kills_the_whole_group() {
    let runtime = runtime();
    let child = runtime.block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let output = call(&tools, "test.process", json!({}), PATIENT).await.unwrap();
        let child: u32 = output.text.parse().unwrap();
        assert!(is_running(child));
        drop(tools);
        child
    });
    wait_for_end(child);
}

fn a_server_ends_with_a_killed_owner() {
    let (mut owner, grandchild) = start_owner(&["server"]);
    let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap();
    let server: u32 =
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(is_running(server));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for_end(server);
    // What servers leave behind in that case is theirs.
    let left = rustix::process::Pid::from_raw(i32::try_from(grandchild).unwrap()).unwrap();
    let _ended = rustix::process::kill_process(left, rustix::process::Signal::KILL);
}

fn a_closed_box_lets_servers_end_by_themselves() {
    runtime().block_on(async {
        let tools = ToolBox::open(one_server("normal")).await.unwrap();
        let output = call(&tools, "test.process", json!({}), PATIENT).await.unwrap();
        tools.close().await;
        wait_for_end(output.text.parse().unwrap());
    });
}
