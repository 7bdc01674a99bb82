//! A connection to a server: initialised, and closed with its process.

use std::collections::HashMap;
use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{ClientInitializeError, Peer, RunningService, serve_client};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use tokio::time::Instant;

use super::StartSettings;
use super::child::{ServerProcess, environment};
use super::diagnosis::Diagnosis;
use super::http::BoundedHttp;
use super::stdio::StdioTransport;
use crate::config::{Endpoint, ServerConfig};
use crate::helper::Program;
use crate::limits::MESSAGE_BYTES;
use crate::output::quoted;

/// What this program says of itself; it offers servers nothing.
#[derive(Clone, Debug)]
struct Client;

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let name = Implementation::new("harmonic", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), name)
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    service: RunningService<RoleClient, Client>,
    /// `None` for a server that runs elsewhere.
    process: Option<ServerProcess>,
    diagnosis: Arc<Diagnosis>,
}

impl Connection {
    /// # Errors
    /// Why there is none, and what to do, in words.
    pub(super) async fn open(
        config: &ServerConfig,
        settings: &StartSettings,
        deadline: Instant,
    ) -> Result<Self, String> {
        let diagnosis = Arc::new(Diagnosis::new());
        let late = || {
            format!(
                "it was not ready within {} s: raise the time for its start, or start it by hand to see what it waits for",
                settings.time.as_secs_f64()
            )
        };
        match &config.endpoint {
            Endpoint::Stdio { command, args, env, cwd } => {
                let program = Program {
                    command: command.clone(),
                    args: args.clone(),
                    env: environment(env, &settings.environment),
                    cwd: cwd.clone(),
                };
                let starting =
                    ServerProcess::start(&settings.helper, program, Arc::clone(&diagnosis));
                let (mut process, stdin, stdout) =
                    starting.await.map_err(|error| error.to_string())?;
                let transport = StdioTransport::new(stdin, stdout, Arc::clone(&diagnosis));
                let opening = tokio::time::timeout_at(deadline, serve_client(Client, transport));
                match opening.await {
                    Ok(Ok(service)) => Ok(Self { service, process: Some(process), diagnosis }),
                    Ok(Err(error)) => Err(ended(&mut process, &diagnosis, &words(error)).await),
                    Err(_) => Err(diagnosis.explain(&late())),
                }
            }
            Endpoint::Http { url, headers, .. } => {
                let client =
                    BoundedHttp::new(Arc::clone(&diagnosis)).map_err(|error| error.to_string())?;
                let mut transport = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .custom_headers(parsed(headers)?);
                transport.max_sse_event_size = MESSAGE_BYTES;
                let transport = StreamableHttpClientTransport::with_client(client, transport);
                let opening = tokio::time::timeout_at(deadline, serve_client(Client, transport));
                match opening.await {
                    Ok(Ok(service)) => Ok(Self { service, process: None, diagnosis }),
                    Ok(Err(error)) => Err(diagnosis.explain(&words(error))),
                    Err(_) => Err(diagnosis.explain(&late())),
                }
            }
        }
    }

    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub(super) fn diagnosis(&self) -> &Diagnosis {
        &self.diagnosis
    }

    pub(super) fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed()
    }

    /// `reason`, with what is known of the server.
    pub(super) fn explain(&self, reason: &str) -> String {
        self.diagnosis.explain(reason)
    }

    /// The same for a connection that the server has closed.
    pub(super) async fn explain_closed(&self) -> String {
        if self.process.is_some() {
            self.diagnosis.last_words().await;
        }
        self.diagnosis.explain("it ended")
    }

    /// The same for a connection that is given up: with its process's end.
    pub(super) async fn explain_end(&mut self, reason: &str) -> String {
        match &mut self.process {
            Some(process) => ended(process, &self.diagnosis, reason).await,
            None => self.diagnosis.explain(reason),
        }
    }

    pub(super) async fn close(mut self) {
        let _closed = self.service.close_with_timeout(super::CANCELLING).await;
        if let Some(process) = self.process.take() {
            process.end().await;
        }
    }
}

/// `reason` and the end of `process`, which is killed if it still runs.
async fn ended(process: &mut ServerProcess, diagnosis: &Diagnosis, reason: &str) -> String {
    // Killing it ends its output, too, which is then not the fault.
    let reason = diagnosis.fault_or(reason);
    let exit = process.exit().await;
    diagnosis.last_words().await;
    let text = diagnosis.describe(reason);
    exit.map_or(text.clone(), |exit| format!("{text} ({exit})"))
}

fn words(error: ClientInitializeError) -> String {
    match error {
        ClientInitializeError::ConnectionClosed(_) => "it ended before it was ready".to_owned(),
        ClientInitializeError::JsonRpcError(error) => {
            format!("it refused to start a session: {}", quoted(&error.message))
        }
        ClientInitializeError::ExpectedInitResponse(_)
        | ClientInitializeError::ExpectedInitResult(_) => {
            "it does not speak MCP: its first answer is none of the protocol".to_owned()
        }
        other => quoted(&other.to_string()),
    }
}

/// Headers as HTTP has them.
fn parsed(
    headers: &std::collections::BTreeMap<String, String>,
) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    /// Headers that the protocol sets.
    const RESERVED: [&str; 4] =
        ["accept", "last-event-id", "mcp-protocol-version", "mcp-session-id"];
    let mut parsed = HashMap::new();
    for (name, value) in headers {
        let invalid = |what: &str| format!("invalid header `{}`: {what}", quoted(name));
        let header: HeaderName =
            name.parse().map_err(|_| invalid("expected letters and dashes"))?;
        if RESERVED.contains(&header.as_str()) {
            return Err(invalid("the protocol sets it: remove it from `headers`"));
        }
        // The value may be a key: it is not shown.
        let mut value: HeaderValue =
            value.parse().map_err(|_| invalid("its value has characters that no header has"))?;
        value.set_sensitive(true);
        if parsed.insert(header, value).is_some() {
            return Err(invalid("it is set twice, in different letter case"));
        }
    }
    Ok(parsed)
}
