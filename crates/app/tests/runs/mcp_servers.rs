//! Real MCP servers, in processes, for runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harmonic_app::tool_sets::{NamedPath, ToolSetRequest, ToolSets};
use harmonic_app::{Helper, Settings, ToolProcesses};
use serde_json::{Map, json};

use crate::support::settings;

/// Name of the tool set that has the servers.
pub const SET: &str = "servers";

/// Arguments with which this program becomes the helper of a process: those of one test. What its
/// harness prints before is a stray line, which servers may have.
const HELPER: [&str; 3] = ["--exact", "mcp_servers::helper_of_a_tool", "--quiet"];

/// Not a test of its own: what a process does before it becomes a server.
#[test]
fn helper_of_a_tool() {
    if std::env::args().skip(1).eq(HELPER) {
        // Returns where there is nothing to become.
        let _ = harmonic_tools::run_helper();
    }
}

/// A folder with a file of servers, and those.
pub struct Home {
    pub folder: tempfile::TempDir,
}

impl Home {
    /// Servers that behave in these ways, in a file `mcp.json`.
    pub fn new(ways: &[&str]) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        let script = home.path("server.py");
        std::fs::write(&script, include_str!("server.py")).unwrap();
        let server = |way: &&str| {
            let arguments = json!([script, way, home.path("mended")]);
            ((*way).to_owned(), json!({"command": "python3", "args": arguments}))
        };
        let servers: Map<_, _> = ways.iter().map(server).collect();
        std::fs::write(home.path("mcp.json"), json!({"mcpServers": servers}).to_string()).unwrap();
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets the servers fail no more.
    pub fn mend(&self) {
        std::fs::write(self.path("mended"), "").unwrap();
    }

    pub fn break_again(&self) {
        std::fs::remove_file(self.path("mended")).unwrap();
    }

    pub fn settings(&self) -> Settings {
        let helper = Helper {
            program: std::env::current_exe().unwrap(),
            arguments: HELPER.map(Into::into).into(),
        };
        let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), path)]);
        let processes = ToolProcesses { helper, environment };
        Settings { tool_processes: Some(processes), ..settings(self.folder.path()) }
    }

    /// The servers as a tool set of a team's server.
    pub fn tool_sets(&self) -> ToolSets {
        let file = NamedPath { name: SET.to_owned(), path: self.path("mcp.json") };
        let request = ToolSetRequest { tools: vec![file], ..ToolSetRequest::default() };
        ToolSets::read(&request, &self.settings()).unwrap().unwrap()
    }
}
