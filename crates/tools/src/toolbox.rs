//! The tools of a run, from all sources, under one name each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use harmonic_types::RunToken;
use harmonic_types::suggestion::did_you_mean;
use harmonic_types::tool::{ToolOutput, ToolSpec};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::arguments::ArgumentSchema;
use crate::command::{CommandPolicy, Commands};
use crate::config::McpConfig;
use crate::error::ToolError;
use crate::helper::Helper;
use crate::limits::{CallLimits, MAX_SHOWN, NAME_BYTES};
use crate::mcp::{ListedTool, McpServer, StartSettings};
use crate::output::quoted;
use crate::run_token;
use crate::workspace::Workspace;

/// What a tool box is made of.
#[derive(Clone, Debug)]
pub struct ToolBoxConfig {
    /// MCP servers.
    pub mcp: McpConfig,
    /// Folder of the built-in file tools; `None` offers none.
    pub workspace: Option<PathBuf>,
    /// Policy of commands in the workspace; `None` offers none.
    pub commands: Option<CommandPolicy>,
    /// How children are started.
    pub helper: Helper,
    /// The caller's environment, of which servers get little and commands nothing.
    pub environment: BTreeMap<String, String>,
    /// Token of the run that the tools are for: servers that are started and commands get it in the
    /// variable [`RunToken::VARIABLE`], servers over HTTP in the header [`RunToken::HEADER`]; `None`
    /// tells them nothing.
    pub run: Option<RunToken>,
    /// Time in which a server must be ready.
    pub start_time: Duration,
}

/// The tools of a run. Dropping it kills its servers.
#[derive(Debug)]
pub struct ToolBox {
    tools: BTreeMap<String, Entry>,
    servers: Vec<Arc<McpServer>>,
    left_out: Vec<LeftOut>,
}

/// A tool that a server offers and the box does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Name of the server.
    pub server: String,
    /// The server's name for the tool.
    pub tool: String,
    /// Why.
    pub reason: String,
}

#[derive(Debug)]
struct Entry {
    spec: ToolSpec,
    schema: ArgumentSchema,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Server { server: Arc<McpServer>, tool: String },
    Workspace(Arc<Workspace>),
    Commands(Arc<Commands>),
}

impl ToolBox {
    /// Name of the tool that executes commands.
    pub const COMMAND: &str = crate::command::TOOL;

    /// Names of the built-in tools.
    pub fn built_in_names() -> Vec<String> {
        let files = Workspace::specs().map(|spec| spec.name);
        files.chain([Self::COMMAND.to_owned()]).collect()
    }

    /// Opens the workspace and starts all servers. To be called on a thread that lasts as long as
    /// the box, such as the runtime's workers.
    ///
    /// # Errors
    /// The first [`ToolError`]; what was started until then is ended.
    pub async fn open(mut config: ToolBoxConfig) -> Result<Self, ToolError> {
        if let Some(token) = &config.run {
            run_token::tell(token, &mut config.mcp, config.commands.as_mut());
        }
        let mut opened = Self { tools: BTreeMap::new(), servers: Vec::new(), left_out: Vec::new() };
        if let Some(path) = &config.workspace {
            let workspace = Arc::new(Workspace::open(path)?);
            for spec in Workspace::specs() {
                opened.add(spec, Source::Workspace(Arc::clone(&workspace)))?;
            }
        }
        if let Some(policy) = config.commands {
            let workspace = config.workspace.as_deref().ok_or_else(|| ToolError::Workspace {
                path: String::new(),
                reason: "commands need one: name it".to_owned(),
            })?;
            let commands = Commands::new(config.helper.clone(), workspace, policy)?;
            opened.add(Commands::spec(), Source::Commands(Arc::new(commands)))?;
        }
        let settings = StartSettings {
            helper: config.helper,
            environment: config.environment,
            time: config.start_time,
        };
        let servers = config.mcp.servers.into_iter();
        let starting = servers.map(|server| McpServer::start(server, settings.clone()));
        for (server, tools) in try_join_all(starting).await? {
            opened.add_server(Arc::new(server), tools);
        }
        Ok(opened)
    }

    /// Descriptions of all tools, by name.
    pub fn list(&self) -> Vec<ToolSpec> {
        self.tools.values().map(|entry| entry.spec.clone()).collect()
    }

    /// Tools that servers offer and that cannot be used.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Descriptions of the tools that `chosen` names for one agent: names, or `SERVER.*`.
    ///
    /// # Errors
    /// [`ToolError::UnknownTool`], [`ToolError::TooManyTools`].
    pub fn select<'a>(
        &self,
        chosen: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<ToolSpec>, ToolError> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for name in chosen {
            if let Some(prefix) = name.strip_suffix('*').filter(|prefix| prefix.ends_with('.')) {
                let known = self.tools.keys().map(String::as_str);
                let of_server: Vec<&str> =
                    known.filter(|known| known.starts_with(prefix)).collect();
                if of_server.is_empty() {
                    return Err(self.unknown(name));
                }
                names.extend(of_server);
            } else {
                let known = self.tools.get_key_value(name);
                let (known, _) = known.ok_or_else(|| self.unknown(name))?;
                names.insert(known);
            }
        }
        if names.len() > MAX_SHOWN {
            return Err(ToolError::TooManyTools { count: names.len() });
        }
        Ok(names.into_iter().filter_map(|name| Some(self.tools.get(name)?.spec.clone())).collect())
    }

    /// Calls the tool `name`. A tool's own statement that it failed is a result with `is_error`.
    /// Cancelling `cancel` ends the call and tells the server; so does the end of its time.
    ///
    /// # Errors
    /// [`ToolError`] if there is no result.
    pub async fn call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        let entry = self.tools.get(name).ok_or_else(|| self.unknown(name))?;
        entry
            .schema
            .check(&arguments)
            .map_err(|problems| ToolError::InvalidArguments { tool: name.to_owned(), problems })?;
        match &entry.source {
            Source::Server { server, tool } => {
                server.call((tool, name), arguments, limits, cancel).await
            }
            Source::Workspace(workspace) => workspace.call(name, arguments, limits, cancel).await,
            Source::Commands(commands) => commands.call(arguments, limits, cancel).await,
        }
    }

    /// Ends the servers, each with a short time to do so by itself.
    pub async fn close(self) {
        futures::future::join_all(self.servers.iter().map(|server| server.close())).await;
    }

    fn unknown(&self, name: &str) -> ToolError {
        ToolError::UnknownTool {
            name: quoted(name),
            suggestion: did_you_mean(name, self.tools.keys().map(String::as_str)),
        }
    }

    fn add(&mut self, spec: ToolSpec, source: Source) -> Result<(), ToolError> {
        let schema = ArgumentSchema::compile(&spec.input_schema)
            .map_err(|reason| ToolError::Failed { tool: spec.name.clone(), reason })?;
        self.tools.insert(spec.name.clone(), Entry { spec, schema, source });
        Ok(())
    }

    fn add_server(&mut self, server: Arc<McpServer>, tools: Vec<ListedTool>) {
        for ListedTool { name: tool, description, schema, effects } in tools {
            let name = self.free_name(server.name(), &tool);
            let spec = ToolSpec { name, description, input_schema: schema, effects };
            let source = Source::Server { server: Arc::clone(&server), tool: tool.clone() };
            if let Err(error) = self.add(spec, source) {
                let reason = match error {
                    ToolError::Failed { reason, .. } => reason,
                    other => other.to_string(),
                };
                let server = server.name().to_owned();
                self.left_out.push(LeftOut { server, tool: quoted(&tool), reason });
            }
        }
        self.servers.push(server);
    }

    /// A name for the tool `tool` of `server` that no other has, of characters that names of
    /// functions may have.
    fn free_name(&self, server: &str, tool: &str) -> String {
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
        let tool: String =
            tool.chars().map(|char| if allowed(char) { char } else { '_' }).collect();
        let tool = if tool.is_empty() { "_" } else { &tool };
        let whole = format!("{server}.{tool}");
        // Room for a number, so that shortened names differ, too.
        let short = &whole[..whole.len().min(NAME_BYTES - 4)];
        let plain = (whole.len() <= NAME_BYTES).then(|| whole.clone());
        let numbered = (2..).map(|number| format!("{short}_{number}"));
        let mut names = plain.into_iter().chain(numbered);
        names.find(|name| !self.tools.contains_key(name)).unwrap_or(whole)
    }
}
