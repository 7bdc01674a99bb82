//! Server whose answers the test writes, one request at a time.

use std::fmt::Write as _;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::setup::background;

/// A server on a free port. It ends with the test's runtime.
pub struct ScriptedServer {
    pub url: String,
    requests: mpsc::UnboundedReceiver<Received>,
}

impl ScriptedServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (seen, requests) = mpsc::unbounded_channel();
        background(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                stream.set_nodelay(true).expect("an open socket");
                background(serve(connection, stream, seen.clone()));
            }
        });
        Self { url, requests }
    }

    /// The next request that arrives.
    pub async fn next(&mut self) -> Received {
        self.requests.recv().await.expect("the server runs")
    }

    /// The next request, if one has arrived.
    pub fn arrived(&mut self) -> Option<Received> {
        self.requests.try_recv().ok()
    }
}

async fn serve(connection: usize, stream: TcpStream, seen: mpsc::UnboundedSender<Received>) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = read(&mut stream).await {
        let (back, returned) = oneshot::channel();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let received = Received { connection, path, head, body, stream, back };
        if seen.send(received).is_err() {
            return;
        }
        match returned.await {
            Ok(returned) => stream = returned,
            // The test has closed it.
            Err(_) => return,
        }
    }
}

/// Head and body of a request; `None` at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            return Some((head, body));
        }
        head.push_str(&line);
    }
}

/// A request, and the connection to answer it on. Dropping it closes the connection.
pub struct Received {
    pub connection: usize,
    pub path: String,
    pub head: String,
    pub body: Value,
    stream: BufReader<TcpStream>,
    back: oneshot::Sender<BufReader<TcpStream>>,
}

impl Received {
    /// Name of the model that is asked.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().expect("a model")
    }

    pub async fn write(&mut self, text: &str) {
        // The client may have closed it.
        let _closed = self.stream.get_mut().write_all(text.as_bytes()).await;
    }

    /// Begins a streamed response.
    pub async fn open(&mut self) {
        self.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    }

    /// A part of a streamed response.
    pub async fn chunk(&mut self, text: &str) {
        self.write(&format!("{:x}\r\n{text}\r\n", text.len())).await;
    }

    /// Ends a streamed response whose connection stays open.
    pub async fn close(mut self) {
        self.write("0\r\n\r\n").await;
        let _ended = self.back.send(self.stream);
    }

    /// Responds with a whole document; the connection stays open.
    pub async fn respond(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.write(&format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
        let _ended = self.back.send(self.stream);
    }

    /// Waits until the client has closed the connection.
    pub async fn closed(mut self) {
        let mut rest = Vec::new();
        let _ended = self.stream.read_to_end(&mut rest).await;
    }

    /// Answers with `text` in OpenAI's dialect.
    pub async fn answer(mut self, text: &str) {
        self.open().await;
        self.chunk(&sse(&[&delta(text), FINISH, USAGE])).await;
        self.chunk(DONE).await;
        self.close().await;
    }
}

pub const DONE: &str = "data: [DONE]\n\n";
pub const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

/// Chunk with `text`.
pub fn delta(text: &str) -> String {
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
}

/// Server-sent events with these data.
pub fn sse(data: &[&str]) -> String {
    data.iter().fold(String::new(), |mut all, data| {
        write!(all, "data: {data}\n\n").expect("a string");
        all
    })
}
