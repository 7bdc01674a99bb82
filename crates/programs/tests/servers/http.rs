//! HTTP/1.0 by hand: one request a connection, which the server closes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer.
const LIMIT: Duration = Duration::from_mins(2);

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: BufReader<TcpStream>,
}

/// Sends a POST of `body`, or a GET without one.
pub fn request(port: u16, path: &str, body: Option<&Value>) -> io::Result<Response> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut body = BufReader::new(stream);
    let mut status = String::new();
    body.read_line(&mut status)?;
    let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = code.ok_or_else(|| io::Error::other(format!("no status: `{status}`")))?;
    let mut header = String::new();
    while body.read_line(&mut header)? > 2 {
        header.clear();
    }
    Ok(Response { status, body })
}

impl Response {
    /// The rest of its body; what came before the connection was cut counts.
    pub fn text(mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.body.read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    /// The next line that is not empty; `None` at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.body.read_line(&mut line).unwrap_or(0) > 0 {
            if !line.trim().is_empty() {
                return Some(line.trim().to_owned());
            }
            line.clear();
        }
        None
    }
}
