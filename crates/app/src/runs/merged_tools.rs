//! The tools of a run from the server and from its client, under one name each.

use std::sync::Arc;

use futures::future::BoxFuture;
use harmonic_orchestrator::ToolFailure;
use harmonic_types::{ToolOutput, ToolSpec};

use super::client_tools::ClientTools;
use super::tools::{RunTools, ToolRequest};

/// Tools of the server, and those of the client.
pub(crate) struct MergedTools {
    server: Arc<dyn RunTools>,
    client: Arc<ClientTools>,
}

impl MergedTools {
    /// The tools of both.
    ///
    /// # Errors
    /// The name of a tool that both have.
    pub(crate) fn new(server: Arc<dyn RunTools>, client: Arc<ClientTools>) -> Result<Self, String> {
        let both = server.list().into_iter().find(|tool| client.has(&tool.name));
        match both {
            None => Ok(Self { server, client }),
            Some(tool) => Err(tool.name),
        }
    }
}

impl RunTools for MergedTools {
    fn list(&self) -> Vec<ToolSpec> {
        self.server.list().into_iter().chain(self.client.list()).collect()
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        if self.client.has(&request.tool) {
            self.client.call(request)
        } else {
            self.server.call(request)
        }
    }

    fn is_of_owner(&self, name: &str) -> bool {
        self.client.has(name)
    }
}
