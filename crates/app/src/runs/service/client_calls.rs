//! Tools of runs that the server is configured with, and those that a process of a client offers.

use std::sync::Arc;

use futures::StreamExt;
use harmonic_api::runs::{RunChange, RunTool, RunToolList, ToolCallOutcome, ToolOfferer};
use harmonic_gateway::{RunOwner, RunsError, ToolCalls};
use harmonic_orchestrator::RunEvent;
use harmonic_types::{RunId, RunToken, ToolSpec};

use super::stored::StoredRun;
use super::verbs::not_driven;
use super::{OpenRun, RunService};
use crate::runs::client_tools::ClientTools;
use crate::runs::merged_tools::MergedTools;
use crate::runs::tools::{RunTools, ToolSource};

/// The tools of a run.
pub(super) struct OpenedTools {
    pub(super) all: Arc<dyn RunTools>,
    /// Those that a process of its client offers.
    pub(super) client: Option<Arc<ClientTools>>,
}

impl OpenedTools {
    /// Its tools that `source` grants: a grant is for what runs on the server.
    pub(super) fn granted(&self, source: &dyn ToolSource) -> Vec<String> {
        let granted = source.granted().into_iter();
        granted.filter(|name| !self.all.is_of_owner(name)).collect()
    }
}

impl StoredRun {
    /// The tools that a process of its client offers.
    pub(super) fn client_tools(&self) -> Vec<ToolSpec> {
        let tools = self.run.spec().tools.iter();
        tools.filter(|tool| self.opened.client_tools.contains(&tool.name)).cloned().collect()
    }
}

impl RunService {
    /// Opens the tools of these names for the run of `token`, and those of a client.
    pub(super) async fn open_tools(
        &self,
        sets: Vec<String>,
        workspace: Option<String>,
        token: RunToken,
        client: &[ToolSpec],
    ) -> Result<OpenedTools, RunsError> {
        let invalid = |field: String, reason: String| RunsError::Invalid { field, reason };
        // Before processes are started.
        let client = if client.is_empty() {
            None
        } else {
            let tools = ClientTools::new(client).map_err(|(index, reason)| {
                invalid(format!("client_tools[{index}].input_schema"), reason)
            })?;
            Some(tools)
        };
        let server = self.shared.tools.open(sets, workspace, token).await;
        let server = server
            .map_err(|reason| invalid("tools".to_owned(), format!("cannot be opened: {reason}")))?;
        let Some(client) = client else {
            return Ok(OpenedTools { all: server, client: None });
        };
        let all = MergedTools::new(server, Arc::clone(&client)).map_err(|name| {
            let reason = format!("has `{name}`, which the server offers, too: offer it once");
            invalid("client_tools".to_owned(), reason)
        })?;
        Ok(OpenedTools { all: Arc::new(all), client: Some(client) })
    }

    /// The run `id` of `owner`, which is driven.
    async fn driven(&self, owner: &RunOwner, id: &RunId) -> Result<Arc<OpenRun>, RunsError> {
        if let Some(open) = self.open_run(owner, id) {
            return Ok(open);
        }
        // It is unknown, or rests.
        self.stored(owner, id).await?.check_rests()?;
        Err(not_driven(id))
    }

    /// See [`harmonic_gateway::Runs::tools`].
    pub(super) async fn run_tools(
        &self,
        owner: &RunOwner,
        id: &RunId,
    ) -> Result<RunToolList, RunsError> {
        let connected = match self.open_run(owner, id) {
            Some(open) => open.client_tools.as_ref().map(|tools| tools.is_connected()),
            None => None,
        };
        let stored = self.stored(owner, id).await?;
        let of_client = &stored.opened.client_tools;
        let tools = stored.run.spec().tools.iter().map(|tool| RunTool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            effects: tool.effects,
            offered_by: if of_client.contains(&tool.name) {
                ToolOfferer::Client
            } else {
                ToolOfferer::Server
            },
        });
        let connected = (!of_client.is_empty()).then(|| connected.unwrap_or(false));
        Ok(RunToolList::new(tools.collect(), connected))
    }

    /// See [`harmonic_gateway::Runs::tool_calls`].
    pub(super) async fn client_calls(
        &self,
        owner: &RunOwner,
        id: &RunId,
        process: Option<String>,
        token: Option<RunToken>,
    ) -> Result<ToolCalls, RunsError> {
        let open = self.driven(owner, id).await?;
        let Some(tools) = &open.client_tools else {
            return Err(RunsError::Conflict {
                message: format!("run `{id}` was started without `client_tools`: it calls none"),
            });
        };
        if let Some(token) = token {
            self.learn_token(id, token)?;
        }
        let ended = open.closed.clone().cancelled_owned();
        Ok(tools.listen(process).take_until(ended).boxed())
    }

    /// See [`harmonic_gateway::Runs::answer_tool_call`].
    pub(super) async fn client_answer(
        &self,
        owner: &RunOwner,
        id: &RunId,
        call: &str,
        outcome: ToolCallOutcome,
    ) -> Result<(), RunsError> {
        let open = self.driven(owner, id).await?;
        match &open.client_tools {
            Some(tools) => tools.answer(call, outcome),
            None => Err(RunsError::unknown_tool_call(call)),
        }
    }

    /// Tells those who watch a run whenever the process that offers its tools is gone, or there
    /// again.
    pub(super) fn announce_absence(&self, open: &Arc<OpenRun>) {
        let Some(tools) = open.client_tools.clone() else { return };
        let (updates, closed) = (Arc::clone(&open.updates), open.closed.clone());
        let names = tools.names().join(", ");
        let note = move |text: String| updates.send(RunChange::Run(RunEvent::Note { text }));
        self.spawn(async move {
            let announcing = async {
                loop {
                    tools.absence().await;
                    note(format!(
                        "the process that offers {names} is gone, so calls of them fail: `harmonic \
                         runs resume ID` with --tools or --workspace offers them again"
                    ));
                    tools.presence().await;
                    note(format!("{names} are offered again"));
                }
            };
            tokio::select! {
                () = announcing => {}
                () = closed.cancelled() => {}
            }
        });
    }
}
