//! Keep-alive connection with one request at a time.
//!
//! Owns: the client's end of a socket. hyper is used without a pool, because the load decides the
//! number of connections.

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

/// Client connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Body>,
    /// Task that drives the connection; aborted with this value.
    driver: JoinSet<()>,
    server: SocketAddr,
}

impl Connection {
    pub async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // An error of the connection shows as an error of its request.
        driver.spawn(async move { drop(connection.await) });
        Ok(Self { sender, driver, server })
    }

    /// Sends a chat completion; resolves to the head of the response. Its body must be read before
    /// the next request.
    pub async fn ask(&mut self, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let request = Request::post("/v1/chat/completions")
            .header(HOST, self.server.to_string())
            .body(Body::from(body))?;
        self.sender.ready().await.context("the server closed the connection")?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Closes the connection; resolves when the socket is closed.
    pub async fn close(mut self) {
        drop(self.sender);
        self.driver.shutdown().await;
    }
}
