//! Tools that this process offers to a run on a server: it reads the calls, makes them here, and says
//! what came of them.
//!
//! Invariants: a call is made once; a broken connection ends no call; what runs ends with the offer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::runs::{ToolCallEvent, ToolCallOrder, ToolCallOutcome};
use harmonic_api::{Client, ClientError};
use harmonic_orchestrator::ToolFailure;
use harmonic_tools::{McpConfig, ToolBox};
use harmonic_types::{RunId, RunToken, ToolSpec};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{AppError, Result};
use crate::runs::{BoxTools, RunTools, ToolRequest};
use crate::settings::Settings;
use crate::tool_processes;

/// Pause before a broken connection is taken up again.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// Times that an answer is sent.
const ANSWER_ATTEMPTS: u32 = 5;

/// Tools as given by the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolOfferRequest {
    /// File with MCP servers (`mcp.json`).
    pub tools: Option<PathBuf>,
    /// Folder of the file tools.
    pub workspace: Option<PathBuf>,
    /// Whether commands may be executed in the folder.
    pub allow_run: bool,
}

/// Tools that this process offers.
#[derive(Debug)]
pub struct ToolOffer {
    tools: Arc<BoxTools>,
    /// What they know the run by that they are offered to.
    token: RunToken,
}

/// An offer to one run. Dropping it ends what runs for it.
#[derive(Debug)]
pub struct ToolOffering {
    tools: Arc<BoxTools>,
    serving: JoinSet<()>,
}

impl ToolOffer {
    /// Starts the tools of `request` for one run, and tells them a token by which what they start is
    /// part of it; `None` where it names none. To be called on a thread that lasts as long as the offer.
    ///
    /// # Errors
    /// When a file or a folder is not what it should be, or a tool cannot be started.
    pub async fn open(request: &ToolOfferRequest, settings: &Settings) -> Result<Option<Self>> {
        let ToolOfferRequest { tools, workspace, allow_run } = request;
        if tools.is_none() && workspace.is_none() {
            return Ok(None);
        }
        let processes = settings.tool_processes.clone();
        let processes = processes.ok_or_else(tool_processes::no_helper)?;
        let mcp = match tools {
            Some(path) => processes.mcp(path)?,
            None => McpConfig::default(),
        };
        let workspace = workspace.as_deref().map(tool_processes::workspace).transpose()?;
        if *allow_run {
            tool_processes::require_confinement()?;
        }
        let token = new_token()?;
        let config = processes.tool_box(mcp, workspace, *allow_run, Some(token.clone()));
        let opened = ToolBox::open(config).await;
        let opened = opened.map_err(AppError::context("the tools cannot be offered"))?;
        Ok(Some(Self { tools: Arc::new(BoxTools(opened)), token }))
    }

    /// Descriptions of the tools.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.list()
    }

    /// Tools that the servers have and that cannot be offered, a line each.
    pub fn left_out(&self) -> Vec<String> {
        self.tools.left_out()
    }

    /// Refuses to offer these tools to a run that expects others.
    ///
    /// # Errors
    /// Names the tools that are missing.
    pub fn check(&self, expected: &[String]) -> Result<()> {
        let offered = self.tools.list();
        let is_missing = |name: &&String| !offered.iter().any(|tool| tool.name == **name);
        let missing: Vec<&str> = expected.iter().filter(is_missing).map(String::as_str).collect();
        if expected.is_empty() {
            let hint = "leave out --tools, --workspace and --allow-run";
            return Err(AppError::refused("the run has no tools of a client", hint));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let hint =
            "offer the tools that the run was started with: --tools, --workspace, --allow-run";
        Err(AppError::refused(format!("the run needs {}", missing.join(", ")), hint))
    }

    /// Offers the tools to the run `id` on the server of `client`, until its end.
    pub fn begin(self, client: Client, id: RunId) -> ToolOffering {
        let mut serving = JoinSet::new();
        serving.spawn(serve(Arc::clone(&self.tools), client, id, self.token));
        ToolOffering { tools: self.tools, serving }
    }
}

impl ToolOffering {
    /// Ends the offer, and gives the tools a short time to end by themselves.
    pub async fn end(self) {
        let Self { tools, mut serving } = self;
        serving.shutdown().await;
        if let Some(BoxTools(tools)) = Arc::into_inner(tools) {
            tools.close().await;
        }
    }
}

/// Makes the calls of a run until its end. What else the server says is shown by whoever follows the
/// run.
async fn serve(tools: Arc<BoxTools>, client: Client, id: RunId, token: RunToken) {
    let mut calls = JoinSet::new();
    let process = process_name();
    let mut open: BTreeMap<String, CancellationToken> = BTreeMap::new();
    loop {
        let mut events = match client.tool_calls(&id, &process, Some(&token)).await {
            Ok(events) => events,
            Err(ClientError::Unreachable { .. }) => {
                tokio::time::sleep(RECONNECT_AFTER).await;
                continue;
            }
            Err(_) => return,
        };
        loop {
            while calls.try_join_next().is_some() {}
            match events.next().await {
                Some(Ok(ToolCallEvent::Call(order))) => {
                    open.retain(|_, cancel| !cancel.is_cancelled());
                    let cancel = CancellationToken::new();
                    open.insert(order.call.clone(), cancel.clone());
                    let (tools, client, id) = (Arc::clone(&tools), client.clone(), id.clone());
                    calls.spawn(async move {
                        let call = order.call.clone();
                        let outcome = make(&tools, order, cancel.clone()).await;
                        answer(&client, &id, &call, outcome).await;
                        // Nobody asks for it any more.
                        cancel.cancel();
                    });
                }
                Some(Ok(ToolCallEvent::Cancelled { call })) => {
                    if let Some(cancel) = open.remove(&call) {
                        cancel.cancel();
                    }
                }
                Some(Ok(ToolCallEvent::Tools { .. })) => {}
                // The run has ended, or another process offers its tools.
                None | Some(Ok(ToolCallEvent::Replaced)) => return,
                Some(Err(_)) => break,
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

fn new_token() -> Result<RunToken> {
    let mut random = [0; RunToken::BYTES];
    getrandom::fill(&mut random).map_err(AppError::context("the system gave no random numbers"))?;
    Ok(RunToken::of(random))
}

/// A name that no other process has, for the server to tell a connection that is taken up again from
/// another process.
fn process_name() -> String {
    let mut random = [0; 16];
    match getrandom::fill(&mut random) {
        Ok(()) => hex::encode(random),
        Err(_) => format!("pid-{}", std::process::id()),
    }
}

/// Makes a call.
async fn make(
    tools: &BoxTools,
    order: ToolCallOrder,
    cancel: CancellationToken,
) -> ToolCallOutcome {
    let ToolCallOrder { tool, arguments, time_ms, max_bytes, .. } = order;
    let time = Duration::from_millis(time_ms);
    let request = ToolRequest { tool, arguments, time, bytes: max_bytes, cancel };
    match tools.call(request).await {
        Ok(output) => ToolCallOutcome::Returned(output),
        Err(ToolFailure::Refused { message }) => ToolCallOutcome::Refused(message),
        Err(ToolFailure::Unknown { message }) => ToolCallOutcome::Unknown(message),
        Err(ToolFailure::Cancelled) => ToolCallOutcome::Refused("it was cancelled".to_owned()),
    }
}

/// Says what has come of a call; the server knows by its time that nobody said.
async fn answer(client: &Client, id: &RunId, call: &str, outcome: ToolCallOutcome) {
    let answer = outcome.into();
    for _ in 0..ANSWER_ATTEMPTS {
        match client.answer_tool_call(id, call, &answer).await {
            Err(ClientError::Unreachable { .. }) => tokio::time::sleep(RECONNECT_AFTER).await,
            _ => return,
        }
    }
}
