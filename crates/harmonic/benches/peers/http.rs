//! One HTTP/1.1 exchange on its own connection, and the server-sent events of the response.
//!
//! Owns: the wire. It is minimal because it shares the cores with the measured server: no pool, no
//! TLS, one buffer, only framing is parsed.
//!
//! Invariants: each exchange has a fresh connection that closes afterwards, so that servers that
//! close connections and servers that do not are treated alike; a status other than 200 is an error
//! with its body; dropping an exchange closes the connection, which cancels the request.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Request whose response is being read.
pub struct Exchange {
    connection: TcpStream,
    /// Received bytes, unparsed from `parsed` on.
    wire: Vec<u8>,
    parsed: usize,
    framing: Framing,
    /// Body without framing, unread from `taken` on.
    body: Vec<u8>,
    taken: usize,
}

/// Position in the chunked encoding.
#[derive(Clone, Copy)]
enum Framing {
    /// Not chunked: the body ends with the connection.
    UntilClose,
    /// At the size line of the next chunk.
    Size,
    /// Remaining bytes of the chunk.
    Chunk(usize),
    /// After the last chunk.
    Over,
}

impl Exchange {
    /// Sends `POST path` with a JSON body; resolves with the response head.
    pub async fn post(server: SocketAddr, path: &str, body: &str) -> anyhow::Result<Self> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::send(server, head.as_bytes()).await
    }

    /// Sends `GET path`; resolves with the response head.
    pub async fn get(server: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
        Self::send(server, head.as_bytes()).await
    }

    async fn send(server: SocketAddr, request: &[u8]) -> anyhow::Result<Self> {
        let mut connection = TcpStream::connect(server).await?;
        connection.set_nodelay(true)?;
        connection.write_all(request).await?;
        let mut exchange = Self {
            connection,
            wire: Vec::with_capacity(4096),
            parsed: 0,
            framing: Framing::UntilClose,
            body: Vec::with_capacity(4096),
            taken: 0,
        };
        let end = loop {
            if let Some(end) = find(&exchange.wire, b"\r\n\r\n") {
                break end + 4;
            }
            if exchange.read().await? == 0 {
                bail!("{server} closed the connection before it answered");
            }
        };
        let head = String::from_utf8_lossy(&exchange.wire[..end]).to_ascii_lowercase();
        exchange.parsed = end;
        if head.contains("transfer-encoding: chunked") {
            exchange.framing = Framing::Size;
        }
        if head.split(' ').nth(1) != Some("200") {
            while exchange.more().await? {}
            let status = head.lines().next().unwrap_or_default();
            bail!("{server} answered {status}: {}", String::from_utf8_lossy(&exchange.body));
        }
        Ok(exchange)
    }

    /// Data of the next event; `None` at the end of the body. Comments are skipped.
    pub async fn event(&mut self) -> anyhow::Result<Option<&[u8]>> {
        loop {
            while let Some(length) = find(&self.body[self.taken..], b"\n\n") {
                let start = self.taken;
                self.taken += length + 2;
                if self.body[start..].starts_with(b"data: ") {
                    return Ok(Some(&self.body[start + 6..start + length]));
                }
                if !self.body[start..].starts_with(b":") {
                    let text = String::from_utf8_lossy(&self.body[start..start + length]);
                    bail!("not a data event: {text}");
                }
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Reads more of the body; false at its end.
    async fn more(&mut self) -> anyhow::Result<bool> {
        self.body.drain(..self.taken);
        self.taken = 0;
        let before = self.body.len();
        loop {
            self.unframe()?;
            if self.body.len() > before {
                return Ok(true);
            }
            if matches!(self.framing, Framing::Over) || self.read().await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Moves complete data from the wire to the body.
    fn unframe(&mut self) -> anyhow::Result<()> {
        loop {
            let wire = &self.wire[self.parsed..];
            match self.framing {
                Framing::UntilClose => {
                    self.body.extend_from_slice(wire);
                    self.parsed = self.wire.len();
                }
                Framing::Size => {
                    // Line break after the previous chunk.
                    let skipped = if wire.starts_with(b"\r\n") { 2 } else { 0 };
                    let Some(length) = find(&wire[skipped..], b"\r\n") else { return Ok(()) };
                    let line = std::str::from_utf8(&wire[skipped..skipped + length])?;
                    let size = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16)
                        .with_context(|| format!("invalid chunk size `{line}`"))?;
                    self.parsed += skipped + length + 2;
                    self.framing = if size == 0 { Framing::Over } else { Framing::Chunk(size) };
                    continue;
                }
                Framing::Chunk(missing) if !wire.is_empty() => {
                    let here = missing.min(wire.len());
                    self.body.extend_from_slice(&wire[..here]);
                    self.parsed += here;
                    self.framing = match missing - here {
                        0 => Framing::Size,
                        missing => Framing::Chunk(missing),
                    };
                    continue;
                }
                Framing::Chunk(_) | Framing::Over => {}
            }
            return Ok(());
        }
    }

    async fn read(&mut self) -> anyhow::Result<usize> {
        self.wire.drain(..self.parsed);
        self.parsed = 0;
        Ok(self.connection.read_buf(&mut self.wire).await?)
    }
}

/// Position of `needle`.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
