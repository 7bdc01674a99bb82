//! The server: from calls to the team, until its input ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use harmonic_api::Client;
use harmonic_app::server_choice::ServerChoice;
use harmonic_app::{NoObserver, Settings};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::{RoleServer, ServerHandler, serve_server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arguments::{AskAgent, NoArguments, OneRun, RunTeam, read};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::input::standard_input;
use crate::reporter::Reporter;
use crate::runs::OpenRuns;
use crate::transport::LineTransport;
use crate::{ask, catalogue, runs};

/// Calls at once, at most: runs queue in the team, not here.
const CALLS: usize = 64;

/// Time that open calls have to end, and to stop their runs, when the input has ended.
const GRACE: Duration = Duration::from_secs(10);

/// Error of the server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Standard input cannot be read.
    #[error("cannot read the standard input: {0}")]
    Input(#[from] io::Error),
    /// The client does not speak the protocol.
    #[error(
        "the client on the standard input does not begin as MCP does: {0}. An MCP client starts this \
         command, see docs/mcp.md"
    )]
    Protocol(String),
}

/// Serves the client on standard input and output until it closes the input, or `stop` is cancelled.
/// The team that `choice` means is looked for at each call: it may start later than the client.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    choice: ServerChoice,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let streams = (standard_input()?, tokio::io::stdout());
    serve_streams(streams, choice, settings, stop).await
}

async fn serve_streams<R, W>(
    streams: (R, W),
    choice: ServerChoice,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let team = Arc::new(Team {
        choice,
        settings: settings.clone(),
        open: OpenRuns::default(),
        calls: Semaphore::new(CALLS),
        ending: CancellationToken::new(),
        tracker: TaskTracker::new(),
    });
    let handler = Handler { team: Arc::clone(&team) };
    let served = tokio::select! {
        () = stop.cancelled() => Ok(()),
        served = session(handler, streams) => served,
    };
    team.end().await;
    served
}

async fn session<R, W>(handler: Handler, streams: (R, W)) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    match serve_server(handler, LineTransport::new(streams.0, streams.1)).await {
        Ok(service) => {
            // However it ended, the client is gone.
            let _ended = service.waiting().await;
            Ok(())
        }
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(ServeError::Protocol(error.to_string())),
    }
}

/// The team, as calls reach it, and what they have started.
#[derive(Debug)]
struct Team {
    choice: ServerChoice,
    settings: Settings,
    open: OpenRuns,
    calls: Semaphore,
    /// Cancelled when the client is gone.
    ending: CancellationToken,
    tracker: TaskTracker,
}

impl Team {
    fn client(&self) -> Result<Client, Failure> {
        Ok(self.choice.client(&self.settings, &NoObserver)?.client)
    }

    /// Ends the open calls, and stops all runs that were started here and go on.
    async fn end(&self) {
        self.ending.cancel();
        self.tracker.close();
        let stopping = async {
            self.tracker.wait().await;
            let runs = self.open.take();
            let Ok(client) = self.client() else { return };
            for id in runs {
                // One that has ended cannot be stopped.
                let _ended = client.stop_run(&id).await;
            }
        };
        let _late = tokio::time::timeout(GRACE, stopping).await;
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Failure> {
        let _call = self.calls.try_acquire().map_err(|_| {
            Failure::new(format!("{CALLS} calls are open, which is the limit: wait for one to end"))
        })?;
        let mut reporter = Reporter::new(context);
        let ending = Ending { call: context.ct.clone(), client: self.ending.clone() };
        self.dispatch(request, &mut reporter, &ending).await
    }

    async fn dispatch(
        &self,
        request: CallToolRequestParams,
        reporter: &mut Reporter,
        ending: &Ending,
    ) -> Result<CallToolResult, Failure> {
        let CallToolRequestParams { name, arguments, .. } = request;
        if name == "run_team" {
            let arguments: RunTeam = read(arguments)?;
            return runs::run_team(&self.client()?, arguments, &self.open, reporter, ending).await;
        }
        if name == "ask_agent" && self.settings.within.is_some() {
            // As a run of one task: the run from inside of which it is asked pays for it.
            let arguments: AskAgent = read(arguments)?;
            let (client, open) = (self.client()?, &self.open);
            return runs::ask_within(&client, arguments, open, reporter, ending).await;
        }
        // What the others do ends when it is dropped.
        tokio::select! {
            () = ending.requested() => Err(Failure::new("the call was cancelled")),
            result = self.dispatch_short(&name, arguments, reporter) => result,
        }
    }

    async fn dispatch_short(
        &self,
        name: &str,
        arguments: Option<JsonObject>,
        reporter: &mut Reporter,
    ) -> Result<CallToolResult, Failure> {
        match name {
            "list_agents" => {
                let NoArguments {} = read(arguments)?;
                ask::list_agents(&self.client()?).await
            }
            "ask_agent" => {
                let arguments: AskAgent = read(arguments)?;
                ask::ask_agent(&self.client()?, &arguments, reporter).await
            }
            "run_status" => {
                let OneRun { run } = read(arguments)?;
                runs::run_status(&self.client()?, &run).await
            }
            "run_result" => {
                let OneRun { run } = read(arguments)?;
                runs::run_result(&self.client()?, &run, &self.open).await
            }
            _ => {
                let OneRun { run } = read(arguments)?;
                runs::run_stop(&self.client()?, &run, &self.open).await
            }
        }
    }
}

struct Handler {
    team: Arc<Team>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let name = Implementation::new("harmonic", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(name)
            .with_instructions(catalogue::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(catalogue::tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        catalogue::tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _open = self.team.tracker.token();
        if self.get_tool(&request.name).is_none() {
            let known: Vec<_> = catalogue::tools().into_iter().map(|tool| tool.name).collect();
            let words =
                format!("unknown tool `{}`: expected one of {}", request.name, known.join(", "));
            return Err(ErrorData::invalid_params(words, None));
        }
        let result = self.team.call(request, &context).await;
        Ok(result.unwrap_or_else(|failure| failure.result()).into())
    }
}
