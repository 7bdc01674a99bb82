//! Accept loop, connections, and graceful shutdown.
//!
//! Invariants: connections are bounded, in total and of each peer; an answer to a request whose
//! body was not read has `connection: close`; after a stop no connection is accepted, idle ones are
//! closed, running answers continue for at most the grace period, and no connection outlives
//! [`serve`].

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, error, info, warn};

use crate::access::Access;
use crate::config::Config;
use crate::connections::{Connections, Peer, RequestActivity, TooManyConnections};
use crate::error::GatewayError;
use crate::listener::Listener;
use crate::model_registry::ModelRegistry;
use crate::router::router;
use crate::shared::Shared;
use crate::tracked_body::TrackedBody;

/// Pause after `accept` failed, such as for lack of file descriptors: others may end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Response to a client beyond the limit of connections.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    retry-after: 5\r\ncontent-length: 0\r\n\r\n";

/// Smallest buffer that hyper accepts, in bytes.
const MIN_BUFFER_BYTES: usize = 8192;

/// Serves `models` under the rules of `access` on `listener`, until `shutdown` resolves and then
/// until all running answers have ended or the grace period is over. Drain the engines first so
/// that new requests still get a 503 while running ones finish.
///
/// # Errors
/// When threads cannot be started, or the listening socket fails.
pub async fn serve(
    listener: Listener,
    models: ModelRegistry,
    access: Access,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), GatewayError> {
    let events = models.events().clone();
    let service = router(Shared::new(models, access, config)?);
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut connections = Connections::new(config.connections, config.connections_per_peer);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next_with_id() => connections.remove(log_end(ended)),
            accepted = listener.socket.accept() => match accepted {
                Ok((stream, peer)) => match connections.make_room(peer.ip()) {
                    Ok(()) => {
                        let activity = RequestActivity::default();
                        let (service, watcher) = (service.clone(), graceful.watcher());
                        let (shared, from) = (activity.clone(), Peer::of(peer.ip()));
                        let task =
                            serve_connection(stream, service, config, watcher, shared, from);
                        connections.add(peer.ip(), activity, tasks.spawn(task));
                    }
                    Err(TooManyConnections) => reject(stream),
                },
                // The listening socket itself is broken: accept(2), EINVAL.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    return Err(GatewayError::Accept(error));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    events.end();
    let running = tasks.len();
    info!(running, "stopped listening");
    if tokio::time::timeout(config.grace, graceful.shutdown()).await.is_err() {
        warn!(grace = ?config.grace, "the grace period is over: closing the remaining connections");
    }
    tasks.shutdown().await;
    Ok(())
}

/// Task of the connection that ended; a panic in it is logged.
fn log_end(ended: Result<(Id, ()), JoinError>) -> Id {
    let error = match ended {
        Ok((id, ())) => return id,
        Err(error) => error,
    };
    // A cancelled one was closed to make room for another.
    if !error.is_cancelled() {
        error!(%error, "serving a connection failed: this is a bug, please report it");
    }
    error.id()
}

/// Sends a 503 as far as possible without waiting, and closes the connection.
fn reject(stream: TcpStream) {
    debug!("too many connections: a new one is rejected");
    // A client that does not get the response sees the connection closed.
    let _unsent = stream.into_std().and_then(|mut stream| stream.write(TOO_MANY_CONNECTIONS));
}

/// Whether an error of `accept` concerns the connection, not the listening socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn serve_connection(
    stream: TcpStream,
    service: Router,
    config: Config,
    graceful: Watcher,
    activity: RequestActivity,
    peer: Peer,
) {
    // Without TCP_NODELAY the small packet of a token would wait for the next.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.write_timeout));
    let service = TowerToHyperService::new(service);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let activity = activity.clone();
        request.extensions_mut().insert(activity.clone());
        request.extensions_mut().insert(peer);
        if request.body().is_end_stream() {
            activity.begin();
        }
        let response = service.call(request);
        async move {
            let mut response = response.await?;
            if !activity.is_active() {
                // hyper closes a connection whose request body was not read.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, activity)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        // A head of exactly the limit must fit the buffer; `access` checks its length.
        .max_buf_size(config.head_limit.saturating_add(MIN_BUFFER_BYTES))
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = graceful.watch(connection).await {
        debug!(%error, "the connection ended early");
    }
}
