//! Client of servers of the Model Context Protocol (MCP), over `rmcp`.
//!
//! Owns: a server's process or address, its connection, its list of tools, and calls of them.
//! Invariants: whatever a server does, a call ends within its time, and memory is bounded; errors
//! name the server. A server that ended is started anew by the next call, a bounded number of times.
//! Does not do: offer a server anything (sampling, roots, elicitation).

mod child;
mod connection;
mod diagnosis;
mod http;
mod listing;
mod results;
mod stdio;
mod string_limit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use harmonic_types::tool::ToolOutput;
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest, ServerResult};
use rmcp::service::{PeerRequestOptions, ServiceError};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::ServerConfig;
use crate::error::ToolError;
use crate::helper::Helper;
use crate::limits::CallLimits;
use crate::output::quoted;
use connection::Connection;
pub(crate) use listing::ListedTool;

/// Times that a server is started anew after it ended.
const RESTARTS: u32 = 3;

/// Time in which a cancellation must have been handed to the connection.
const CANCELLING: Duration = Duration::from_secs(1);

/// How servers are started.
#[derive(Clone, Debug)]
pub(crate) struct StartSettings {
    pub(crate) helper: Helper,
    /// The caller's environment, of which a server gets little.
    pub(crate) environment: BTreeMap<String, String>,
    /// Time in which a server must have said which tools it has.
    pub(crate) time: Duration,
}

/// A server that was started.
#[derive(Debug)]
pub(crate) struct McpServer {
    config: ServerConfig,
    settings: StartSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Option<Arc<Connection>>,
    restarts: u32,
}

impl McpServer {
    /// Starts the server, and lists its tools.
    ///
    /// # Errors
    /// [`ToolError::NotStarted`].
    pub(crate) async fn start(
        config: ServerConfig,
        settings: StartSettings,
    ) -> Result<(Self, Vec<ListedTool>), ToolError> {
        let (connection, tools) = connect(&config, &settings).await?;
        let state = State { connection: Some(Arc::new(connection)), restarts: 0 };
        Ok((Self { config, settings, state: Mutex::new(state) }, tools))
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Calls `tool`, which errors name `shown`.
    ///
    /// # Errors
    /// [`ToolError`] if there is no result. A result that states a failure is none of them.
    pub(crate) async fn call(
        &self,
        (tool, shown): (&str, &str),
        arguments: Map<String, Value>,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        let cancelled = || ToolError::Cancelled { tool: shown.to_owned() };
        let timed_out = || ToolError::TimedOut { tool: shown.to_owned(), limit: limits.time };
        let deadline = tokio::time::Instant::now() + limits.time;
        let connection = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            connection = self.connection() => connection?,
            () = tokio::time::sleep_until(deadline) => return Err(timed_out()),
        };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let sending =
            connection.peer().send_cancellable_request(request, PeerRequestOptions::no_options());
        let mut handle = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            handle = sending => match handle {
                Ok(handle) => handle,
                Err(error) => return Err(self.failure(&connection, error).await),
            },
            () = tokio::time::sleep_until(deadline) => return Err(timed_out()),
        };
        let (reason, error) = tokio::select! {
            biased;
            () = cancel.cancelled() => ("cancelled", cancelled()),
            answer = &mut handle.rx => {
                let cut = connection.diagnosis().take_cut(&handle.id);
                return match answer.unwrap_or(Err(ServiceError::TransportClosed)) {
                    Ok(ServerResult::CallToolResult(result)) => {
                        Ok(results::output(result, limits.bytes, cut))
                    }
                    Ok(_) => Err(self.lost(
                        "it answered a call with something else than its result".to_owned(),
                    )),
                    Err(error) => Err(self.failure(&connection, error).await),
                };
            }
            () = tokio::time::sleep_until(deadline) => ("time limit", timed_out()),
        };
        // A server that hangs may not even read it.
        let notice = handle.cancel(Some(reason.to_owned()));
        let _unread = tokio::time::timeout(CANCELLING, notice).await;
        Err(error)
    }

    /// Ends the server, waiting a short time for it to do so by itself.
    pub(crate) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.restarts = RESTARTS;
        if let Some(connection) = state.connection.take().and_then(Arc::into_inner) {
            connection.close().await;
        }
    }

    /// The connection, made anew where the server has ended.
    async fn connection(&self) -> Result<Arc<Connection>, ToolError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|open| !open.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        if state.restarts >= RESTARTS {
            return Err(self.lost(format!(
                "it ended {} times: find out why before you use it again",
                RESTARTS + 1
            )));
        }
        state.restarts += 1;
        state.connection = None;
        let (connection, _tools) = connect(&self.config, &self.settings).await?;
        let connection = Arc::new(connection);
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn failure(&self, connection: &Connection, error: ServiceError) -> ToolError {
        match error {
            ServiceError::McpError(error) => ToolError::Refused {
                server: self.config.name.clone(),
                reason: quoted(&error.message),
            },
            ServiceError::TransportClosed => self.lost(connection.explain_closed().await),
            other => self.lost(connection.explain(&quoted(&other.to_string()))),
        }
    }

    fn lost(&self, reason: String) -> ToolError {
        ToolError::Lost { server: self.config.name.clone(), reason }
    }
}

/// Connects to the server, and lists its tools, within the time for a start.
async fn connect(
    config: &ServerConfig,
    settings: &StartSettings,
) -> Result<(Connection, Vec<ListedTool>), ToolError> {
    let not_started = |reason| ToolError::NotStarted { server: config.name.clone(), reason };
    let deadline = tokio::time::Instant::now() + settings.time;
    let mut connection = Connection::open(config, settings, deadline).await.map_err(not_started)?;
    match tokio::time::timeout_at(deadline, listing::tools(connection.peer())).await {
        Ok(Ok(tools)) => Ok((connection, tools)),
        Ok(Err(problem)) => Err(not_started(connection.explain_end(&problem).await)),
        Err(_) => {
            let reason = connection.explain("it did not list its tools in time");
            Err(not_started(reason))
        }
    }
}
