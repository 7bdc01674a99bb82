//! Contents of request logs, and what must never appear in them.

use futures::StreamExt;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client};
use harmonic_types::Event;
use serde_json::Value;

use crate::harness::{Server, User};

/// Words that occur only in a prompt.
const SECRET: &str = "xyzzyplugh";

/// Sends two requests, streamed and not, and stops the server; returns the first answer and the
/// log.
async fn asked(user: &User, log: &[(&str, &str)]) -> (String, String) {
    let up = ["up", "--stack", "starter", "--engine", "sim", "--port", "0"];
    let mut command = user.harmonic(up);
    command.envs(log.iter().copied());
    let server = Server::start(&mut command);
    let request = ChatRequest {
        model: "coder".to_owned(),
        messages: vec![ChatMessage::new("user", SECRET)],
        max_tokens: Some(40),
        ..ChatRequest::default()
    };
    let answer = Client::new(&server.url).unwrap().chat(&request).await.unwrap();
    let said = answer.filter_map(async |event| match event.unwrap() {
        ChatEvent::Delta(Event::Text { text, .. }) => Some(text),
        _ => None,
    });
    let said: String = said.collect().await;
    // Once without streaming.
    let body = serde_json::json!({"model": "coder", "max_tokens": 40, "stream": false,
        "messages": [{"role": "user", "content": SECRET}]});
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let whole = http.post(format!("{}/v1/chat/completions", server.url)).body(body.to_string());
    assert_eq!(whole.send().await.unwrap().status(), 200);
    server.signal("TERM");
    (said, server.end().err)
}

#[tokio::test]
async fn a_log_has_neither_prompts_nor_answers() {
    let user = User::new();
    for level in ["info", "debug", "trace,hyper=info"] {
        let (answer, log) = asked(&user, &[("HARMONIC_LOG", level)]).await;
        assert!(log.contains("answered"), "{level}: {log}");
        assert!(!log.contains(SECRET), "{level}: {log}");
        let longest = answer.split_whitespace().max_by_key(|word| word.len()).unwrap();
        assert!(longest.len() > 3, "the simulated machine says words: {answer}");
        assert!(!log.contains(answer.trim()), "{level}: {log}");
    }
}

#[tokio::test]
async fn a_log_in_json_has_a_line_for_each_request() {
    let user = User::new();
    let json = [("HARMONIC_LOG", "info"), ("HARMONIC_LOG_FORMAT", "json")];
    let (_, log) = asked(&user, &json).await;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let answered: Vec<Value> =
        lines.filter(|line| line["fields"]["message"] == "answered").collect();
    assert_eq!(answered.len(), 2, "a line for each request: {log}");
    for line in answered {
        assert_eq!(line["span"]["agent"], "coder");
        assert_eq!(line["span"]["path"], "/v1/chat/completions");
        assert_eq!(line["span"]["status"], 200, "{line}");
        assert_eq!(line["fields"]["completion_tokens"], 40);
        assert_eq!(line["fields"]["finish"], "length");
        for figure in ["prompt_tokens", "ttft_ms", "tpot_ms", "duration_ms"] {
            assert!(line["fields"][figure].is_number(), "{figure}: {line}");
        }
        for figure in ["id", "slot", "queue_ms"] {
            assert!(!line["span"][figure].is_null(), "{figure}: {line}");
        }
    }
    let wrong = user.harmonic(["ps"]).env("HARMONIC_LOG_FORMAT", "xml").output().unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("expected text or json"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_team_whose_log_cannot_be_written_answers_and_ends_as_with_one() {
    let user = User::new();
    for format in ["text", "json"] {
        let mut command = user.harmonic(["up", "--stack=starter", "--engine=sim", "--port=0"]);
        command.env("HARMONIC_LOG", "trace").env("HARMONIC_LOG_FORMAT", format);
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let server = Server::start_with(&mut command, full);
        // Ours prepares TLS, which the other client needs.
        Client::new(&server.url).unwrap().health().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/chat/completions", server.url);
        for (messages, stream, status) in [
            (serde_json::json!([{"role": "user", "content": "a"}]), false, 200),
            (serde_json::json!([]), false, 400),
            (serde_json::json!([{"role": "user", "content": "a"}]), true, 200),
        ] {
            let body = serde_json::json!({"model": "coder", "max_tokens": 4, "stream": stream,
                "messages": messages});
            let answer = http.post(&url).body(body.to_string()).send().await.unwrap();
            assert_eq!(answer.status(), status);
            answer.text().await.unwrap();
        }
        server.signal("TERM");
        assert_eq!(server.end().code, Some(0));
    }
}
