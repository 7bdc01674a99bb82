//! The name under which the server is asked: one, or none where an old client has none.

use harmonic_gateway::{Access, AllowedHosts, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted::{Script, Scripted, answer, within};
use crate::served::{Served, models};

/// The status line and body of what the server says to these bytes.
async fn said(served: &Served, head: &str) -> String {
    let address = served.url.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    // Reset where the server did not read to the end, after what it said.
    let _reset = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).expect("text")
}

async fn status(served: &Served, target: &str, version: &str, hosts: &[&str]) -> u16 {
    let hosts: Vec<&str> = hosts.iter().flat_map(|host| ["host: ", host, "\r\n"]).collect();
    let hosts = hosts.concat();
    let head = format!("GET {target} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
    let answer = said(served, &head).await;
    answer.split(' ').nth(1).expect("a status").parse().expect("a number")
}

#[tokio::test]
async fn a_request_names_the_server_once() {
    let engine = Scripted::new(Script::Say(answer()));
    for hosts in [AllowedHosts::Any, AllowedHosts::Local { extra: Vec::new() }] {
        let access = Access { hosts, ..Access::default() };
        let served = Served::open_to(access, models(&engine), Config::default()).await;
        let named = async |hosts: &[&str]| status(&served, "/health", "1.1", hosts).await;
        for good in ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "[::1]:4276"] {
            assert_eq!(named(&[good]).await, 200, "{good}");
        }
        for bad in ["", "a b", "u@localhost", "localhost:port", "http://localhost"] {
            assert_eq!(named(&[bad]).await, 400, "{bad:?}");
        }
        assert_eq!(named(&["localhost", "evil.example"]).await, 400);
        assert_eq!(named(&["localhost", "localhost"]).await, 400);
        assert_eq!(named(&[]).await, 400);
        assert_eq!(status(&served, "/health", "1.0", &[]).await, 200);
        let whole = "http://localhost/health";
        assert_eq!(status(&served, whole, "1.1", &["localhost"]).await, 200);
        assert_eq!(status(&served, whole, "1.1", &["evil.example"]).await, 400);
        assert_eq!(status(&served, "http://evil.example/health", "1.1", &["localhost"]).await, 400);
    }
    let local = Access { hosts: AllowedHosts::Local { extra: Vec::new() }, ..Access::default() };
    let served = Served::open_to(local, models(&engine), Config::default()).await;
    let rebound = "http://evil.example/health";
    assert_eq!(status(&served, rebound, "1.1", &["evil.example"]).await, 403);
    assert_eq!(status(&served, rebound, "1.0", &[]).await, 403);
}

#[tokio::test]
async fn a_body_is_chunked_once_and_nothing_else() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let head = "POST /api/show HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: ";
    let answered = async |codings: &str| {
        // A second request is in what follows, for who reads the first otherwise.
        let after = "0\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        said(&served, &format!("{head}{codings}\r\n\r\n{after}")).await
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
async fn a_target_and_a_head_have_an_end() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let target = |letters: usize| format!("/v1/models/{}", "a".repeat(letters));
    let long = async |letters| status(&served, &target(letters), "1.1", &["localhost"]).await;
    assert_eq!(long(8 * 1024 - 11).await, 404);
    assert_eq!(long(8 * 1024 - 10).await, 414);
    assert_eq!(long(60_000).await, 414);
    assert_eq!(long(70_000).await, 414, "also past the limit of the head");
    let head = async |bytes: usize| {
        let before = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: ";
        let filled = bytes - before.len() - 4;
        let answer = said(&served, &format!("{before}{}\r\n\r\n", "a".repeat(filled))).await;
        answer.split(' ').nth(1).expect("a status").to_owned()
    };
    assert_eq!(head(64 * 1024).await, "200");
    assert_eq!(head(64 * 1024 + 1).await, "431");
    assert_eq!(head(200 * 1024).await, "431");
}
