use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use futures::StreamExt;
use harmonic_types::Event;

use super::*;
use crate::openai::{ChatMessage, Usage};

/// Server that answers each request with the next of `answers` and reports the connection number of
/// each request. `None` closes the connection without an answer.
fn server(answers: Vec<Option<String>>) -> (String, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (seen, connections) = channel();
    thread::spawn(move || {
        let mut answers = answers.into_iter();
        for connection in 0.. {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream);
            while read_request(&mut reader) {
                // Not every test receives.
                let _ = seen.send(connection);
                match answers.next() {
                    Some(Some(answer)) => {
                        let stream: &mut TcpStream = reader.get_mut();
                        stream.write_all(answer.as_bytes()).expect("the client reads");
                    }
                    Some(None) => break,
                    None => return,
                }
            }
        }
    });
    (url, connections)
}

/// Reads one request; false at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> bool {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.is_empty() {
            let mut body = vec![0; length];
            return reader.read_exact(&mut body).is_ok();
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn request() -> ChatRequest {
    ChatRequest {
        model: "coder".to_owned(),
        messages: vec![ChatMessage::new("user", "hi")],
        ..ChatRequest::default()
    }
}

async fn events(url: &str) -> Vec<Result<ChatEvent, ClientError>> {
    let client = Client::new(url).expect("a client");
    client.chat(&request()).await.expect("an answer").collect().await
}

const STREAM: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    ": a comment\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hé\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
);

#[tokio::test]
async fn reasoning_is_read_by_both_of_its_names_and_once() {
    let stream = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"a\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"b\",\"reasoning_content\":\"b\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":null,\"content\":\"c\"}}]}\n\n",
        "data: [DONE]\n\n",
    );
    let (url, _) = server(vec![Some(answer("200 OK", "", stream))]);
    let events: Vec<ChatEvent> =
        events(&url).await.into_iter().map(|event| event.expect("whole")).collect();
    let reasoning = |text: &str| ChatEvent::Delta(Event::Reasoning { text: text.to_owned() });
    let answer = ChatEvent::Delta(Event::Text { text: "c".to_owned(), logprobs: Vec::new() });
    assert_eq!(events, [reasoning("a"), reasoning("b"), answer]);
}

#[tokio::test]
async fn a_stream_becomes_events() {
    let (url, _) = server(vec![Some(answer("200 OK", "", &format!("{STREAM}data: [DONE]\n\n")))]);
    let events: Vec<ChatEvent> =
        events(&url).await.into_iter().map(|event| event.expect("whole")).collect();
    let usage =
        Usage { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, ..Usage::default() };
    assert_eq!(
        events,
        [
            ChatEvent::Delta(Event::Reasoning { text: "hm".to_owned() }),
            ChatEvent::Delta(Event::Text { text: "hé".to_owned(), logprobs: Vec::new() }),
            ChatEvent::Finish { reason: "stop".to_owned() },
            ChatEvent::Usage(usage),
        ]
    );
}

#[tokio::test]
async fn calls_of_tools_become_events() {
    let stream = concat!(
        r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}}]}}]}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"id":"c2","function":{"name":"go","arguments":"{\"a\""}}]}}]}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        "\n\ndata: [DONE]\n\n",
    );
    let (url, _) = server(vec![Some(answer("200 OK", "", stream))]);
    let events: Vec<ChatEvent> =
        events(&url).await.into_iter().map(|event| event.expect("whole")).collect();
    let call = |index, id: &str, name: &str| {
        let (id, name) = (id.to_owned(), name.to_owned());
        ChatEvent::Delta(Event::ToolCall { index, id, name })
    };
    let more =
        |index, text: &str| ChatEvent::Delta(Event::ToolArguments { index, text: text.to_owned() });
    assert_eq!(
        events,
        [
            call(0, "c1", "look"),
            more(0, "{}"),
            call(1, "c2", "go"),
            more(1, "{\"a\""),
            ChatEvent::Finish { reason: "tool_calls".to_owned() },
        ]
    );
}

#[tokio::test]
async fn a_truncated_stream_is_an_error() {
    let (url, _) = server(vec![Some(answer("200 OK", "", STREAM))]);
    let events = events(&url).await;
    assert_eq!(events.len(), 5);
    assert!(
        matches!(&events[4], Err(ClientError::Protocol { reason, .. }) if reason.contains("DONE"))
    );
}

#[tokio::test]
async fn a_failure_in_mid_stream_ends_it() {
    let body = "data: {\"error\":{\"message\":\"it died\",\"type\":\"server_error\",\"code\":500}}\n\ndata: [DONE]\n\n";
    let (url, _) = server(vec![Some(answer("200 OK", "", body))]);
    let events = events(&url).await;
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0], Err(ClientError::BrokenOff { message }) if message == "it died"));
}

#[tokio::test]
async fn an_error_status_keeps_its_message_and_retry_after() {
    let body = r#"{"error":{"message":"the queue is full","type":"rate_limit","param":null,"code":"queue_full"}}"#;
    let (url, _) = server(vec![
        Some(answer("429 Too Many Requests", "retry-after: 7\r\n", body)),
        Some(answer("502 Bad Gateway", "", "no JSON at all")),
    ]);
    let client = Client::new(&url).expect("a client");
    let error = client.chat(&request()).await.expect_err("refused");
    assert!(
        matches!(
            &error,
            ClientError::Status { status: 429, message, retry_after: Some(after) }
                if message == "the queue is full" && after.as_secs() == 7
        ),
        "{error:?}"
    );
    let error = client.health().await.expect_err("refused");
    assert!(
        matches!(
            &error,
            ClientError::Status { status: 502, message, retry_after: None } if message == "no JSON at all"
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_connection_is_reused() {
    let models = answer("200 OK", "", r#"{"object":"list","data":[{"id":"coder"},{"id":"ops"}]}"#);
    let (url, connections) = server(vec![Some(models.clone()), Some(models)]);
    let client = Client::new(&format!("{url}/v1/")).expect("a client");
    assert_eq!(client.models().await.expect("models"), ["coder", "ops"]);
    assert_eq!(client.models().await.expect("models"), ["coder", "ops"]);
    assert_eq!(connections.try_iter().collect::<Vec<_>>(), [0, 0]);
}

#[tokio::test]
async fn a_request_on_a_closed_connection_is_retried_once_on_a_fresh_one() {
    let fine = answer("200 OK", "", "{}");
    let (url, connections) = server(vec![Some(fine.clone()), None, Some(fine), None, None]);
    let client = Client::new(&url).expect("a client");
    client.health().await.expect("well");
    client.health().await.expect("well, at the second attempt");
    assert_eq!(connections.try_iter().collect::<Vec<_>>(), [0, 0, 1]);
    // Only one retry.
    assert!(matches!(client.health().await, Err(ClientError::Unreachable { .. })));
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let error = Client::new(&url).expect("a client").health().await.expect_err("nobody");
    assert!(matches!(error, ClientError::Unreachable { .. }));
    assert_eq!(
        error.to_string(),
        format!("cannot reach {url}/health: connection refused; is the server running there?")
    );
}

#[test]
fn an_invalid_url_is_refused_with_the_remedy() {
    for text in ["tomorrow", "host:name", "ftp://host", "ftp://host:80", ":4276", "", "http://"] {
        let error = Client::new(text).expect_err(text).to_string();
        assert!(error.contains("http://HOST:PORT"), "{text}: {error}");
    }
    for (text, url) in [
        ("https://host/v1", "https://host"),
        ("127.0.0.1:4276", "http://127.0.0.1:4276"),
        ("localhost:4276/", "http://localhost:4276"),
        ("[::1]:4276/v1", "http://[::1]:4276"),
        (" box.lan:80 ", "http://box.lan"),
    ] {
        assert_eq!(Client::new(text).expect(text).base_url(), url);
    }
}

/// Server that answers with `head`, then with `piece` for as long as the client reads.
fn endless(head: &'static str, piece: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream);
        read_request(&mut reader);
        let stream = reader.get_mut();
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(&piece);
        }
    });
    url
}

#[tokio::test]
async fn bodies_without_an_end_are_refused() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let lines = |line: &str| format!("{line}{}\r\n", "x".repeat(4000)).repeat(16).into_bytes();
    for piece in [vec![b'x'; 1 << 16], lines("data: "), lines(": ")] {
        let events = events(&endless(HEAD, piece)).await;
        let [Err(ClientError::Protocol { reason, .. })] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert!(reason.contains("more than 16777216 bytes"), "{reason}");
    }
    let events = events(&endless(HEAD, vec![0xff; 64])).await;
    assert!(matches!(events.as_slice(), [Err(ClientError::Protocol { .. })]), "{events:?}");
    let client = Client::new(&endless(HEAD, vec![b' '; 1 << 16])).expect("a client");
    let refused = client.models().await.expect_err("no document").to_string();
    assert!(refused.contains("more than 67108864 bytes"), "{refused}");
}
