//! Tool sets and workspaces of a server's configuration, which runs name.
//!
//! Invariants: what a name means is given when the server starts, and by nothing that comes over
//! HTTP; files are read once, before a model is loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_tools::{McpConfig, ToolBox};
use harmonic_types::{RunToken, did_you_mean};

use crate::error::{AppError, Result, one_line};
use crate::runs::{BoxTools, NoTools, RunTools, ToolSource};
use crate::settings::Settings;
use crate::tool_processes::{self, ToolProcesses};

/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// A path under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The name.
    pub name: String,
    /// The path.
    pub path: PathBuf,
}

impl FromStr for NamedPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(allowed) {
            return Err(format!(
                "invalid name `{}`: expected 1 to {LONGEST_NAME} letters, digits, dashes and \
                 underscores",
                name.escape_debug()
            ));
        }
        if path.is_empty() {
            return Err(format!("no path for `{name}`: expected NAME=PATH"));
        }
        Ok(Self { name: name.to_owned(), path: path.into() })
    }
}

/// Tool sets and workspaces as given by the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolSetRequest {
    /// Files with MCP servers (`mcp.json`), by the name of the set.
    pub tools: Vec<NamedPath>,
    /// Folders, by the name of the workspace.
    pub workspaces: Vec<NamedPath>,
    /// Whether runs may execute commands in the workspaces.
    pub allow_run: bool,
    /// Tools that may write or run without a person's yes, where nobody is asked.
    pub granted: Vec<String>,
}

/// Tool sets and workspaces of a server.
#[derive(Clone, Debug)]
pub struct ToolSets {
    sets: BTreeMap<String, McpConfig>,
    workspaces: BTreeMap<String, PathBuf>,
    allow_run: bool,
    granted: Vec<String>,
    processes: ToolProcesses,
}

impl ToolSets {
    /// The configuration that `request` names; `None` where it names nothing.
    ///
    /// # Errors
    /// When a file or a folder is not what it should be, a name is there twice, or commands cannot be
    /// confined.
    pub fn read(request: &ToolSetRequest, settings: &Settings) -> Result<Option<Self>> {
        if *request == ToolSetRequest::default() {
            return Ok(None);
        }
        let processes = settings.tool_processes.clone();
        let processes = processes.ok_or_else(tool_processes::no_helper)?;
        let sets = named(&request.tools, "tool set", |path| processes.mcp(path))?;
        let workspaces = named(&request.workspaces, "workspace", tool_processes::workspace)?;
        if request.allow_run {
            if workspaces.is_empty() {
                let hint = "name one with --workspace NAME=DIR";
                return Err(AppError::refused("commands need a workspace", hint));
            }
            tool_processes::require_confinement()?;
        }
        let read = Self {
            sets,
            workspaces,
            allow_run: request.allow_run,
            granted: request.granted.clone(),
            processes,
        };
        for tool in &read.granted {
            read.check_granted(tool)?;
        }
        Ok(Some(read))
    }

    /// The tool sets with the names of their MCP servers, which each run starts for itself.
    pub fn servers(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.sets.iter().map(|(name, set)| {
            (name.as_str(), set.servers.iter().map(|server| server.name.as_str()).collect())
        })
    }

    /// Refuses a grant for a tool that no run can have. Which tools a server offers is known once it
    /// runs, so only its name is checked.
    fn check_granted(&self, tool: &str) -> Result<()> {
        let refused = |hint: String| {
            Err(AppError::refused(format!("unknown tool `{}` to grant", tool.escape_debug()), hint))
        };
        let built_in = ToolBox::built_in_names();
        if tool.starts_with("workspace.") {
            if self.workspaces.is_empty() {
                return refused("no workspace is there: --workspace NAME=DIR".to_owned());
            }
            if !built_in.iter().any(|name| name == tool) {
                let meant = did_you_mean(tool, built_in.iter().map(String::as_str));
                return refused(format!("expected one of {}{meant}", built_in.join(", ")));
            }
            let is_command = tool == ToolBox::COMMAND && !self.allow_run;
            return if is_command { refused("add --allow-run".to_owned()) } else { Ok(()) };
        }
        let servers = self.sets.values().flat_map(|set| &set.servers);
        let servers: Vec<&str> = servers.map(|server| server.name.as_str()).collect();
        let prefix = tool.split_once('.').map_or("", |(prefix, _)| prefix);
        if servers.contains(&prefix) {
            return Ok(());
        }
        let meant = did_you_mean(prefix, servers.iter().copied());
        refused(format!(
            "expected SERVER.TOOL with a server of the tool sets ({}){meant}, or a tool of the \
             workspace",
            if servers.is_empty() { "none".to_owned() } else { servers.join(", ") }
        ))
    }

    /// The tool box of these names; `None` without any.
    async fn opened(
        &self,
        sets: &[String],
        workspace: Option<&str>,
        run: RunToken,
    ) -> Result<Option<ToolBox>, String> {
        let mut mcp = McpConfig::default();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for name in sets {
            let set = known(name, "tool set", &self.sets)?;
            for server in &set.servers {
                if let Some(other) = owners.insert(server.name.clone(), name.clone()) {
                    return Err(format!(
                        "the tool sets `{other}` and `{name}` both have a server `{}`: name one of \
                         them",
                        server.name
                    ));
                }
                mcp.servers.push(server.clone());
            }
        }
        let folder = match workspace {
            Some(name) => Some(known(name, "workspace", &self.workspaces)?.clone()),
            None => None,
        };
        if mcp.servers.is_empty() && folder.is_none() {
            return Ok(None);
        }
        let config = self.processes.tool_box(mcp, folder, self.allow_run, Some(run));
        ToolBox::open(config).await.map(Some).map_err(|error| one_line(&error))
    }
}

impl ToolSource for ToolSets {
    fn open(
        &self,
        sets: Vec<String>,
        workspace: Option<String>,
        token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>> {
        async move {
            let opened = self.opened(&sets, workspace.as_deref(), token).await?;
            Ok(match opened {
                Some(opened) => {
                    let tools = BoxTools(opened);
                    for left_out in tools.left_out() {
                        tracing::warn!("{left_out}");
                    }
                    Arc::new(tools) as Arc<dyn RunTools>
                }
                None => Arc::new(NoTools),
            })
        }
        .boxed()
    }

    fn granted(&self) -> Vec<String> {
        self.granted.clone()
    }
}

/// What `read` makes of each path, by name.
fn named<T>(
    paths: &[NamedPath],
    what: &str,
    read: impl Fn(&std::path::Path) -> Result<T>,
) -> Result<BTreeMap<String, T>> {
    let mut all = BTreeMap::new();
    for NamedPath { name, path } in paths {
        if all.insert(name.clone(), read(path)?).is_some() {
            let hint = "give each its own name";
            return Err(AppError::refused(format!("the {what} `{name}` is there twice"), hint));
        }
    }
    Ok(all)
}

/// The entry `name`, or what is known instead.
fn known<'a, T>(name: &str, what: &str, all: &'a BTreeMap<String, T>) -> Result<&'a T, String> {
    all.get(name).ok_or_else(|| {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        let meant = did_you_mean(name, names.iter().copied());
        let known = match names.as_slice() {
            [] => format!("this server is configured with no {what}"),
            names => format!("this server has {}", names.join(", ")),
        };
        format!("unknown {what} `{name}`{meant}: {known}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_path_has_a_plain_name_and_a_path() {
        let parsed: NamedPath = "web=a=b.json".parse().unwrap();
        assert_eq!((parsed.name.as_str(), parsed.path), ("web", PathBuf::from("a=b.json")));
        let long = format!("{}=x", "n".repeat(65));
        for wrong in ["", "web", "=x", "a b=x", "../x=y", "web=", "ü=x", long.as_str()] {
            let error = wrong.parse::<NamedPath>().unwrap_err();
            assert!(error.contains("expected"), "{error}");
        }
    }
}
