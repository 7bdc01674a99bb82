//! One connection that stays open, and one request at a time on it.
//!
//! Owns: the client's end of a socket. hyper without a pool, because a load of many clients must
//! decide itself how many connections there are.

use std::net::SocketAddr;

use anyhow::Context;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Body>,
    /// What moves the bytes; ends with this value.
    driver: JoinSet<()>,
    server: SocketAddr,
}

impl Connection {
    pub async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // An error of the connection is an error of the request on it.
        driver.spawn(async move { drop(connection.await) });
        Ok(Self { sender, driver, server })
    }

    /// Asks for a chat completion; resolves with the head of the answer. Its body is to be read to
    /// the end before the next.
    pub async fn ask(&mut self, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let request = Request::post("/v1/chat/completions")
            .header(HOST, self.server.to_string())
            .body(Body::from(body))?;
        self.sender.ready().await.context("the server closed the connection")?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Closes it; resolves when the socket is closed.
    pub async fn close(mut self) {
        drop(self.sender);
        self.driver.shutdown().await;
    }
}
