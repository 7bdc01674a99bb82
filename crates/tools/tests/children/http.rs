//! MCP servers over streamable HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_tools::{Endpoint, ToolBox, ToolBoxConfig, ToolError};
use harmonic_types::RunToken;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::own_process::{PATIENT, SHORT, call, runtime, with_endpoint};
use crate::{http_server, own_process};

crate::tests![
    tools_are_called_with_answers_of_both_kinds,
    a_key_is_sent_and_a_missing_one_is_named,
    the_token_of_the_run_is_sent_in_place_of_a_configured_one,
    what_is_no_server_is_named,
    huge_answers_are_cut_or_refused_while_they_are_read,
    a_call_that_hangs_ends_with_its_time_or_when_it_is_cancelled,
    an_answer_that_ends_early_is_an_error,
];

async fn config(path: &str, headers: &[(&str, &str)]) -> ToolBoxConfig {
    let address = http_server::start().await;
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    with_endpoint(Endpoint::Http {
        url: format!("http://{address}{path}"),
        headers,
        is_told_run: true,
    })
}

async fn open(path: &str) -> ToolBox {
    ToolBox::open(config(path, &[]).await).await.unwrap()
}

async fn refused(config: ToolBoxConfig) -> String {
    let error = ToolBox::open(config).await.unwrap_err();
    assert!(matches!(error, ToolError::NotStarted { .. }), "{error:?}");
    error.to_string()
}

fn tools_are_called_with_answers_of_both_kinds() {
    runtime().block_on(async {
        for path in ["/json", "/events"] {
            let tools = open(path).await;
            assert_eq!(tools.list().len(), 5);
            let output = call(&tools, "test.echo", json!({}), PATIENT).await.unwrap();
            assert_eq!(output.text, "echo");
            tools.close().await;
        }
    });
}

fn the_token_of_the_run_is_sent_in_place_of_a_configured_one() {
    runtime().block_on(async {
        let token = RunToken::of([5; RunToken::BYTES]);
        let forged = RunToken::of([6; RunToken::BYTES]);
        let path = format!("/run/{}", token.as_str());
        for configured in [&[][..], &[("Harmonic-Run", forged.as_str())]] {
            let config = config(&path, configured).await;
            let text = refused(config.clone()).await;
            assert!(text.contains("which run?"), "{text}");
            let told = ToolBoxConfig { run: Some(token.clone()), ..config };
            assert_eq!(ToolBox::open(told.clone()).await.unwrap().list().len(), 5);
            let mut elsewhere = told;
            let server = &mut elsewhere.mcp.servers[0];
            let Endpoint::Http { is_told_run, .. } = &mut server.endpoint else { panic!("HTTP") };
            *is_told_run = false;
            let text = refused(elsewhere).await;
            assert!(text.contains("which run?"), "{text}");
        }
    });
}

fn a_key_is_sent_and_a_missing_one_is_named() {
    runtime().block_on(async {
        let key = ("Authorization", "Bearer s3cret");
        assert!(ToolBox::open(config("/key", &[key]).await).await.is_ok());
        let text = refused(config("/key", &[]).await).await;
        assert!(text.contains("401") && text.contains("`Authorization`"), "{text}");
        let wrong = ("Authorization", "Bearer wr0ng");
        let text = refused(config("/key", &[wrong]).await).await;
        assert!(text.contains("who are you?") && !text.contains("wr0ng"), "{text}");
        for (name, value, expected) in [
            ("Accept", "x", "the protocol sets it"),
            ("a b", "x", "expected letters and dashes"),
            ("Key", "a\nb", "characters that no header has"),
        ] {
            let text = refused(config("/key", &[(name, value)]).await).await;
            assert!(text.contains(&format!("invalid header `{name}`: ")), "{text}");
            assert!(text.contains(expected), "{text}");
        }
    });
}

fn what_is_no_server_is_named() {
    runtime().block_on(async {
        for (path, expected) in [
            ("/page", "content of type `text/html`: check that the url"),
            ("/missing", "404 Not Found (`no such page`): check that the url"),
            ("/moved", "configure the url that it redirects to"),
        ] {
            let text = refused(config(path, &[]).await).await;
            assert!(text.contains(expected), "{text}");
        }
        let nobody = Endpoint::Http {
            url: "http://127.0.0.1:1/mcp".into(),
            headers: BTreeMap::new(),
            is_told_run: true,
        };
        let text = refused(own_process::with_endpoint(nobody)).await;
        assert!(text.contains("refused"), "{text}");
        let hanging = config("/hang", &[]).await;
        let start_time = Duration::from_millis(300);
        let text = refused(ToolBoxConfig { start_time, ..hanging }).await;
        assert!(text.contains("not ready within 0.3 s"), "{text}");
    });
}

fn huge_answers_are_cut_or_refused_while_they_are_read() {
    runtime().block_on(async {
        for path in ["/json", "/events"] {
            let tools = open(path).await;
            let output = call(&tools, "test.huge", json!({}), PATIENT).await.unwrap();
            assert_eq!(output.text.len(), PATIENT.bytes);
            assert_eq!(output.text.len() as u64 + output.bytes_cut, 50 << 20);
            let error = call(&tools, "test.many", json!({}), PATIENT).await.unwrap_err();
            assert!(error.to_string().contains("more than 8 MiB"), "{path}: {error}");
            let output = call(&tools, "test.echo", json!({}), PATIENT).await.unwrap();
            assert_eq!(output.text, "echo");
        }
    });
}

fn a_call_that_hangs_ends_with_its_time_or_when_it_is_cancelled() {
    runtime().block_on(async {
        let tools = open("/json").await;
        let error = call(&tools, "test.hang", json!({}), SHORT).await.unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error:?}");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let error = tools.call("test.hang", serde_json::Map::new(), PATIENT, &cancel).await;
        assert!(matches!(error, Err(ToolError::Cancelled { .. })), "{error:?}");
        assert!(call(&tools, "test.echo", json!({}), PATIENT).await.is_ok());
    });
}

fn an_answer_that_ends_early_is_an_error() {
    runtime().block_on(async {
        let tools = open("/json").await;
        let error = call(&tools, "test.cut-off", json!({}), PATIENT).await.unwrap_err();
        assert!(error.to_string().contains("not a message of MCP"), "{error}");
    });
}
