//! An MCP server over streamable HTTP that behaves, or misbehaves, as the path of its address says.

use std::convert::Infallible;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Address of a server that runs as long as the runtime.
pub async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::runtime::Handle::current().spawn(accept(listener));
    address
}

async fn accept(listener: TcpListener) -> Infallible {
    let mut open = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        open.spawn(async move {
            // The client may go at any time.
            let _gone = answer(stream).await;
        });
    }
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut key, mut runs) = (0, String::new(), Vec::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => key = value.trim().to_owned(),
            "harmonic-run" => runs.push(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut writer = Writer { stream: stream.into_inner(), events: path.starts_with("/events") };

    if let Some(expected) = path.strip_prefix("/run/")
        && runs != [expected]
    {
        return writer.plain("409 Conflict", "text/plain", "which run?").await;
    }
    match path.as_str() {
        "/page" => return writer.plain("200 OK", "text/html", "<html>hello</html>").await,
        "/missing" => return writer.plain("404 Not Found", "text/plain", "no such page").await,
        "/moved" => {
            return writer
                .plain("307 Moved\r\nlocation: http://127.0.0.1:1/mcp", "text/plain", "")
                .await;
        }
        "/hang" => std::future::pending::<()>().await,
        "/key" if key != "Bearer s3cret" => {
            return writer.plain("401 Unauthorized", "text/plain", "who are you?").await;
        }
        _ => {}
    }
    let Some(id) = message.get("id") else {
        return writer.plain("202 Accepted", "text/plain", "").await;
    };
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "test", "version": "1"},
        }),
        "tools/list" => {
            let names = ["echo", "huge", "many", "hang", "cut-off"];
            let tool = |name| json!({"name": name, "inputSchema": {"type": "object"}});
            json!({"tools": names.map(tool)})
        }
        _ => match message["params"]["name"].as_str().unwrap_or_default() {
            "huge" => return writer.huge(id, 1, 50 << 20).await,
            "many" => return writer.huge(id, 100, 500 << 10).await,
            "hang" => std::future::pending().await,
            "cut-off" => return writer.begin("200 OK", "application/json").await,
            _ => json!({"content": [{"type": "text", "text": "echo"}]}),
        },
    };
    writer.message(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await
}

struct Writer {
    stream: TcpStream,
    events: bool,
}

impl Writer {
    async fn begin(&mut self, status: &str, kind: &str) -> std::io::Result<()> {
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await
    }

    async fn plain(&mut self, status: &str, kind: &str, body: &str) -> std::io::Result<()> {
        let head = format!("{status}\r\ncontent-length: {}", body.len());
        self.begin(&head, kind).await?;
        self.stream.write_all(body.as_bytes()).await
    }

    async fn open_message(&mut self) -> std::io::Result<()> {
        if !self.events {
            return self.begin("200 OK", "application/json").await;
        }
        self.begin("200 OK", "text/event-stream").await?;
        self.stream.write_all(b": \"a comment\n\nevent: message\ndata: ").await
    }

    async fn message(&mut self, message: &Value) -> std::io::Result<()> {
        self.open_message().await?;
        self.stream.write_all(format!("{message}\n\n").as_bytes()).await
    }

    /// A result of `count` texts of `size` bytes.
    async fn huge(&mut self, id: &Value, count: usize, size: usize) -> std::io::Result<()> {
        self.open_message().await?;
        let head = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[");
        self.stream.write_all(head.as_bytes()).await?;
        for number in 0..count {
            let comma = if number > 0 { "," } else { "" };
            let begin = format!("{comma}{{\"type\":\"text\",\"text\":\"");
            self.stream.write_all(begin.as_bytes()).await?;
            let part = vec![b'x'; 50 << 10];
            for _ in 0..size / part.len() {
                self.stream.write_all(&part).await?;
            }
            self.stream.write_all(b"\"}").await?;
        }
        self.stream.write_all(b"]}}\n\n").await
    }
}
