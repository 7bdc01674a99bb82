//! Arguments for the tools of runs.

use std::path::PathBuf;

use clap::Args;
use harmonic_app::tool_offer::ToolOfferRequest;
use harmonic_app::tool_sets::{NamedPath, ToolSetRequest};

/// Tools that runs on a server may name.
#[derive(Debug, Args)]
pub struct ToolSetArgs {
    /// Let runs name the MCP servers in this file (mcp.json) as NAME; each run that does starts its
    /// own; repeatable
    #[arg(long, value_name = "NAME=FILE")]
    pub tools: Vec<NamedPath>,
    /// Let runs name this folder as NAME, and read and write its files; repeatable
    #[arg(long, value_name = "NAME=DIR")]
    pub workspace: Vec<NamedPath>,
    /// Let runs execute commands in the workspaces, confined to them and without network; a person
    /// is asked for each
    #[arg(long, requires = "workspace")]
    pub allow_run: bool,
    /// Let runs with --ask never call this tool, such as notes.add, although it writes or runs;
    /// repeatable
    #[arg(long, value_name = "TOOL")]
    pub grant: Vec<String>,
}

impl ToolSetArgs {
    /// Corresponding request to `app`.
    pub fn request(&self) -> ToolSetRequest {
        ToolSetRequest {
            tools: self.tools.clone(),
            workspaces: self.workspace.clone(),
            allow_run: self.allow_run,
            granted: self.grant.clone(),
        }
    }
}

/// Tools that this process offers to a run.
#[derive(Debug, Args)]
pub struct ToolOfferArgs {
    /// Start the MCP servers in this file (mcp.json) here, and offer their tools to the run
    #[arg(long, value_name = "FILE")]
    pub tools: Option<PathBuf>,
    /// Offer the run the files of this folder, to read and write
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Offer the run commands in the folder of --workspace, confined to it and without network
    #[arg(long, requires = "workspace")]
    pub allow_run: bool,
}

impl ToolOfferArgs {
    /// Corresponding request to `app`.
    pub fn request(&self) -> ToolOfferRequest {
        let Self { tools, workspace, allow_run } = self;
        ToolOfferRequest {
            tools: tools.clone(),
            workspace: workspace.clone(),
            allow_run: *allow_run,
        }
    }
}
