//! Connections: taking them, and letting them end.
//!
//! Invariants: connections are bounded, in all and of one peer; an answer to a request that was not
//! read to its end says that the connection closes; once told to stop, no connection is taken, idle
//! ones are closed, answers that run go on for at most the grace period, and no connection outlives
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
use crate::answering::Answering;
use crate::config::Config;
use crate::connections::{Connections, NoPlace, Peer, Served};
use crate::error::GatewayError;
use crate::listener::Listener;
use crate::model_registry::ModelRegistry;
use crate::router::router;
use crate::shared::Shared;

/// Pause after the system could not give a connection (out of file descriptors, say): others may
/// end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client is told for whom there is no place.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    retry-after: 5\r\ncontent-length: 0\r\n\r\n";

/// The least that hyper takes as a limit, in bytes.
const SMALLEST_HEAD: usize = 8192;

/// Serves `models` to who has `access`, on `listener` until `shutdown` resolves, then until the
/// answers that run have ended or the grace period has. Drain the engines first where new requests should still be
/// answered (with a 503) while old ones finish.
///
/// # Errors
/// When the system refuses threads, or the listening socket stops working.
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
            Some(ended) = tasks.join_next_with_id() => connections.remove(report(ended)),
            accepted = listener.socket.accept() => match accepted {
                Ok((stream, peer)) => match connections.make_place(peer.ip()) {
                    Ok(()) => {
                        let served = Served::default();
                        let (service, watcher) = (service.clone(), graceful.watcher());
                        let (serving, of) = (served.clone(), Peer::of(peer.ip()));
                        let task = serve_one(stream, service, config, watcher, serving, of);
                        connections.add(peer.ip(), served, tasks.spawn(task));
                    }
                    Err(NoPlace) => refuse(stream),
                },
                // The listening socket itself is broken: accept(2), EINVAL.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    return Err(GatewayError::Accept(error));
                }
                Err(error) if of_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot take a connection");
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
        warn!(grace = ?config.grace, "the grace period is over: closing what still runs");
    }
    tasks.shutdown().await;
    Ok(())
}

/// Which connection ended. One that ends badly ends alone, but not unseen.
fn report(ended: Result<(Id, ()), JoinError>) -> Id {
    let error = match ended {
        Ok((id, ())) => return id,
        Err(error) => error,
    };
    // It made room for another.
    if !error.is_cancelled() {
        error!(%error, "serving a connection failed: this is a bug, please report it");
    }
    error.id()
}

/// Says that there is no place, as far as that goes without waiting.
fn refuse(stream: TcpStream) {
    debug!("too many connections: one more is refused");
    // A client that does not read it sees the connection closed.
    let _unheard = stream.into_std().and_then(|mut stream| stream.write(TOO_MANY));
}

/// Whether an error of `accept` is about the connection and not the socket.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn serve_one(
    stream: TcpStream,
    service: Router,
    config: Config,
    graceful: Watcher,
    served: Served,
    peer: Peer,
) {
    // A token is a small packet, and late when it waits for the next.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.write_timeout));
    let service = TowerToHyperService::new(service);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let served = served.clone();
        request.extensions_mut().insert(served.clone());
        request.extensions_mut().insert(peer);
        if request.body().is_end_stream() {
            served.begin();
        }
        let answered = service.call(request);
        async move {
            let mut answer = answered.await?;
            if !served.is_so() {
                // hyper closes a connection whose body was not read, and the client is to know.
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| Answering::new(body, served)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        // A head of just the limit is read whole; `access` measures it.
        .max_buf_size(config.head_limit.saturating_add(SMALLEST_HEAD))
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = graceful.watch(connection).await {
        debug!(%error, "the connection ended early");
    }
}
