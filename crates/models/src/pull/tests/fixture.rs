//! Fixtures of the pull tests: a store, a scripted hub, recorded progress.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use harmonic_types::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::gguf::TensorType;
use crate::gguf::synthetic::GgufBuilder;
use crate::progress::Progress;
use crate::pull::PullOptions;
use crate::source::Source;
use crate::store::Store;

/// A model file of some 330 kB, which takes several reads to transfer.
pub(super) fn model() -> Vec<u8> {
    GgufBuilder::tiny().matrix("big", &[512, 320], TensorType::F16).bytes()
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) fn source(text: &str) -> Source {
    text.parse().expect("a source")
}

/// The file served by the test hub, for any repository.
pub(super) fn hub_file() -> Source {
    source("hf:org/repo/model.gguf")
}

pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) store: Store,
    pub(super) options: PullOptions,
    pub(super) progress: Recorder,
}

impl Fixture {
    /// A store in a new folder, without hub and pip.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("models"));
        let options = PullOptions {
            // Nothing listens on port 1.
            hub_endpoint: "http://127.0.0.1:1".to_owned(),
            pip: vec!["no-such-pip".to_owned()],
            retries: 0,
            ..PullOptions::default()
        };
        Self { folder, store, options, progress: Recorder::default() }
    }

    pub(super) fn with_hub(hub: &RunningHub) -> Self {
        let mut fixture = Self::new();
        fixture.options.hub_endpoint = hub.endpoint.clone();
        fixture
    }

    pub(super) async fn pull(
        &self,
        source: &Source,
    ) -> Result<harmonic_types::ModelFile, crate::ModelError> {
        crate::pull(&self.store, source, &self.options, &self.progress).await
    }

    /// Names of the files in one folder of the store.
    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        listed(&self.store.root().join(folder))
    }

    pub(super) fn assert_nothing_final(&self) {
        assert_eq!(self.files("blobs"), [""; 0]);
        assert_eq!(self.files("names"), [""; 0]);
    }
}

pub(super) fn listed(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A recorder of progress.
#[derive(Default)]
pub(super) struct Recorder {
    events: Mutex<Vec<ProgressCall>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ProgressCall {
    Begin(String, Option<u64>),
    Advance(u64),
    End,
    Note(String),
}

impl Recorder {
    pub(super) fn events(&self) -> Vec<ProgressCall> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let note = |seen| if let ProgressCall::Note(line) = seen { Some(line) } else { None };
        self.events().into_iter().filter_map(note).collect()
    }

    fn add(&self, seen: ProgressCall) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

impl Progress for Recorder {
    fn begin(&self, label: &str, total: Option<Bytes>) {
        self.add(ProgressCall::Begin(label.to_owned(), total.map(|total| total.0)));
    }
    fn advance(&self, done: Bytes) {
        self.add(ProgressCall::Advance(done.0));
    }
    fn end(&self) {
        self.add(ProgressCall::End);
    }
    fn note(&self, line: &str) {
        self.add(ProgressCall::Note(line.to_owned()));
    }
}

/// Behaviour of the hub for the next GET.
#[derive(Clone, Copy, Debug)]
pub(super) enum HubBehaviour {
    /// Sends this many bytes of the request, then closes the connection.
    Break(usize),
    /// Sends this many bytes, then nothing.
    Stall(usize),
    /// Sends the complete file for any range, without its length.
    Unsized,
    /// Returns an error status.
    Status(u16),
    /// Redirects to the same file under another host name.
    Redirect,
    /// Redirects to this URL.
    Away(&'static str),
    /// Sends the requested range, with its length.
    Whole,
    /// Sends single bytes at intervals, without end.
    Trickle,
    /// Sends one byte, then closes the connection, for all later requests.
    Crumbs,
}

pub(super) struct Hub {
    /// Files of the repository; if empty, every path returns [`Hub::bytes`].
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) bytes: Mutex<Vec<u8>>,
    /// Value of `x-linked-etag`; `None` omits it.
    pub(super) linked: Option<String>,
    pub(super) states_size: bool,
    /// A wrong size to state.
    pub(super) states: Option<u64>,
    /// One per GET; afterwards the file is sent.
    pub(super) behaviours: Mutex<VecDeque<HubBehaviour>>,
    /// Method, `Range`, `If-Range` and `Authorization` of each request.
    pub(super) seen: Mutex<Vec<(Method, HeaderMap)>>,
    pub(super) port: Mutex<u16>,
}

pub(super) struct RunningHub {
    pub(super) hub: Arc<Hub>,
    pub(super) endpoint: String,
    _server: JoinSet<()>,
}

impl Hub {
    pub(super) fn serving(bytes: Vec<u8>, behaviours: &[HubBehaviour]) -> Self {
        Self {
            files: Vec::new(),
            linked: Some(digest(&bytes)),
            bytes: Mutex::new(bytes),
            states_size: true,
            states: None,
            behaviours: Mutex::new(behaviours.iter().copied().collect()),
            seen: Mutex::default(),
            port: Mutex::new(0),
        }
    }

    pub(super) async fn start(self) -> RunningHub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        *self.port.lock().expect("not poisoned") = port;
        let hub = Arc::new(self);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&hub));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        RunningHub { hub, endpoint: format!("http://127.0.0.1:{port}"), _server: server }
    }
}

impl RunningHub {
    /// A header of every GET so far.
    pub(super) fn gets(&self, header: &HeaderName) -> Vec<Option<String>> {
        let seen = self.hub.seen.lock().expect("not poisoned");
        let text = |headers: &HeaderMap| {
            headers.get(header).map(|value| value.to_str().expect("text").to_owned())
        };
        seen.iter().filter(|(method, _)| method == Method::GET).map(|(_, h)| text(h)).collect()
    }
}

async fn answer(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let headers = request.headers().clone();
    hub.seen.lock().expect("not poisoned").push((request.method().clone(), headers.clone()));
    let path = request.uri().path();
    if path.starts_with("/api/models/org/repo/tree/main") {
        return listing(&hub, request.uri());
    }
    let named = hub.files.iter().find(|(name, _)| path.ends_with(&format!("/main/{name}")));
    let bytes = match named {
        Some((_, bytes)) => bytes.clone(),
        None if hub.files.is_empty() => hub.bytes.lock().expect("not poisoned").clone(),
        None => return Response::builder().status(404).body(Body::empty()).expect("a response"),
    };
    let etag = format!("\"{}\"", &digest(&bytes)[..16]);
    let mut response = Response::builder().header("etag", &etag);
    if request.method() == Method::HEAD {
        let linked = named.map(|(_, bytes)| digest(bytes)).or_else(|| hub.linked.clone());
        if let Some(linked) = linked {
            response = response.header("x-linked-etag", format!("\"{linked}\""));
        }
        if hub.states_size {
            let size = hub.states.unwrap_or(bytes.len() as u64);
            response = response.header("x-linked-size", size);
        }
        return response.body(Body::empty()).expect("a response");
    }
    let next = hub.behaviours.lock().expect("not poisoned").pop_front();
    let tag_holds = headers.get("if-range").is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let from = headers
        .get("range")
        .filter(|_| tag_holds && !matches!(next, Some(HubBehaviour::Unsized)))
        .and_then(|range| {
            range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
        })
        .unwrap_or(0_usize);
    if from > 0 {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        response = response.status(StatusCode::PARTIAL_CONTENT).header("content-range", range);
    }
    let rest = bytes[from..].to_vec();
    match next {
        None | Some(HubBehaviour::Whole) => response.body(Body::from(rest)),
        Some(HubBehaviour::Unsized) => {
            let pieces: Vec<_> =
                rest.chunks(50_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
            response.body(Body::from_stream(stream::iter(pieces)))
        }
        Some(HubBehaviour::Status(status)) => response.status(status).body(Body::empty()),
        Some(HubBehaviour::Redirect) => {
            let port = *hub.port.lock().expect("not poisoned");
            let to = format!("http://localhost:{port}/store/file");
            response.status(302).header("location", to).body(Body::empty())
        }
        Some(HubBehaviour::Trickle) => {
            let whole = rest.len();
            let sent = stream::iter(rest).then(|byte| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok::<_, std::io::Error>(vec![byte])
            });
            response.header("content-length", whole).body(Body::from_stream(sent))
        }
        Some(HubBehaviour::Crumbs) => {
            hub.behaviours.lock().expect("not poisoned").push_front(HubBehaviour::Crumbs);
            let whole = rest.len();
            let sent = stream::iter([Ok(vec![rest[0]]), Err(std::io::Error::other("on purpose"))])
                .then(|piece| async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    piece
                });
            response.header("content-length", whole).body(Body::from_stream(sent))
        }
        Some(HubBehaviour::Away(to)) => {
            response.status(302).header("location", to).body(Body::empty())
        }
        Some(HubBehaviour::Break(count)) => {
            let whole = rest.len();
            let broken = stream::once(async {
                // The bytes sent before must leave the server before it closes.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("broken on purpose"))
            });
            let sent = stream::iter([Ok(rest[..count].to_vec())]).chain(broken);
            response.header("content-length", whole).body(Body::from_stream(sent))
        }
        Some(HubBehaviour::Stall(count)) => {
            let whole = rest.len();
            let sent = stream::iter([Ok::<_, std::io::Error>(rest[..count].to_vec())]);
            let sent = sent.chain(stream::pending());
            response.header("content-length", whole).body(Body::from_stream(sent))
        }
    }
    .expect("a response")
}

/// A page of two entries in the hub's format, with a link to the next.
fn listing(hub: &Hub, asked: &Uri) -> Response {
    const PAGE: usize = 2;
    let from = asked.query().and_then(|query| query.rsplit_once("cursor=")?.1.parse().ok());
    let from: usize = from.unwrap_or(0);
    let folder = ("Q4_K_M".to_owned(), Vec::new());
    let all: Vec<_> = [&folder].into_iter().chain(&hub.files).collect();
    let entries = all.iter().skip(from).take(PAGE).map(|(path, bytes)| {
        if bytes.is_empty() {
            return serde_json::json!({"type": "directory", "oid": "00", "size": 0, "path": path});
        }
        let (oid, size) = (digest(bytes), bytes.len());
        let lfs = serde_json::json!({"oid": oid, "size": size, "pointerSize": 133});
        serde_json::json!({"type": "file", "oid": "00", "size": size, "lfs": lfs, "path": path})
    });
    let body = serde_json::to_vec(&entries.collect::<Vec<_>>()).expect("written");
    let mut response = Response::builder();
    if from + PAGE < all.len() {
        let next =
            format!("<{}?recursive=true&cursor={}>; rel=\"next\"", asked.path(), from + PAGE);
        response = response.header("link", next);
    }
    response.body(Body::from(body)).expect("a response")
}
