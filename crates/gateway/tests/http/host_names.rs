//! Host name, target, head and framing of a request.

use harmonic_gateway::{Access, AllowedHosts, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, answer, within};
use crate::test_server::{TestServer, models};

/// Response to these bytes.
async fn response_to(server: &TestServer, head: &str) -> String {
    let address = server.url.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    // The connection is reset after the response where the server did not read all.
    let _reset = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).expect("text")
}

async fn status(server: &TestServer, target: &str, version: &str, hosts: &[&str]) -> u16 {
    let hosts: Vec<&str> = hosts.iter().flat_map(|host| ["host: ", host, "\r\n"]).collect();
    let hosts = hosts.concat();
    let head = format!("GET {target} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
    let answer = response_to(server, &head).await;
    answer.split(' ').nth(1).expect("a status").parse().expect("a number")
}

#[tokio::test]
async fn a_request_has_exactly_one_host_name() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    for hosts in [AllowedHosts::Any, AllowedHosts::Local { extra: Vec::new() }] {
        let access = Access { hosts, ..Access::default() };
        let server = TestServer::with_access(access, models(&engine), Config::default()).await;
        let named = async |hosts: &[&str]| status(&server, "/health", "1.1", hosts).await;
        for good in ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "[::1]:4276"] {
            assert_eq!(named(&[good]).await, 200, "{good}");
        }
        for bad in ["", "a b", "u@localhost", "localhost:port", "http://localhost"] {
            assert_eq!(named(&[bad]).await, 400, "{bad:?}");
        }
        assert_eq!(named(&["localhost", "evil.example"]).await, 400);
        assert_eq!(named(&["localhost", "localhost"]).await, 400);
        assert_eq!(named(&[]).await, 400);
        assert_eq!(status(&server, "/health", "1.0", &[]).await, 200);
        let whole = "http://localhost/health";
        assert_eq!(status(&server, whole, "1.1", &["localhost"]).await, 200);
        assert_eq!(status(&server, whole, "1.1", &["evil.example"]).await, 400);
        assert_eq!(status(&server, "http://evil.example/health", "1.1", &["localhost"]).await, 400);
    }
    let local = Access { hosts: AllowedHosts::Local { extra: Vec::new() }, ..Access::default() };
    let server = TestServer::with_access(local, models(&engine), Config::default()).await;
    let rebound = "http://evil.example/health";
    assert_eq!(status(&server, rebound, "1.1", &["evil.example"]).await, 403);
    assert_eq!(status(&server, rebound, "1.0", &[]).await, 403);
}

#[tokio::test]
async fn chunked_is_the_only_transfer_coding() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let head = "POST /api/show HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: ";
    let answered = async |codings: &str| {
        // With another reading of the first request, the rest would be a second one.
        let after = "0\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        response_to(&server, &format!("{head}{codings}\r\n\r\n{after}")).await
    };
    for codings in ["gzip, chunked", "chunked, chunked", "chunked\r\ntransfer-encoding: chunked"] {
        let answer = answered(codings).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{codings}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{codings}: {answer}");
    }
    let read = answered("Chunked").await;
    assert_eq!(read.matches("HTTP/1.1 ").count(), 2, "{read}");
}

#[tokio::test]
async fn target_and_head_are_bounded() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let target = |letters: usize| format!("/v1/models/{}", "a".repeat(letters));
    let long = async |letters| status(&server, &target(letters), "1.1", &["localhost"]).await;
    assert_eq!(long(8 * 1024 - 11).await, 404);
    assert_eq!(long(8 * 1024 - 10).await, 414);
    assert_eq!(long(60_000).await, 414);
    assert_eq!(long(70_000).await, 414, "also past the limit of the head");
    let head = async |bytes: usize| {
        let before = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: ";
        let filled = bytes - before.len() - 4;
        let answer = response_to(&server, &format!("{before}{}\r\n\r\n", "a".repeat(filled))).await;
        answer.split(' ').nth(1).expect("a status").to_owned()
    };
    assert_eq!(head(64 * 1024).await, "200");
    assert_eq!(head(64 * 1024 + 1).await, "431");
    assert_eq!(head(200 * 1024).await, "431");
}
