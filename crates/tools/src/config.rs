//! Configuration of MCP servers, in the form that Claude Code and other clients use: `mcp.json`.
//!
//! Owns: what a file may say. Invariants: no field is ignored, no server is named twice, and the
//! values of variables come from the caller.
//! Does not do: read files or the environment, start servers. Whether their programs are there is asked
//! apart (`programs`).

mod address;
mod document;
mod programs;
mod unique_keys;
mod variables;

use std::collections::BTreeMap;

use harmonic_types::RunToken;

use crate::limits::SERVERS;
use document::{Document, Fields};

/// Prefix of the built-in tools, which no server may take.
const RESERVED: [&str; 2] = ["workspace", "artifact"];

/// Value of the header [`RunToken::HEADER`] in a configuration: the token of the run stands in its place.
const RUN_TOKEN: &str = "token";

/// Servers of a configuration, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpConfig {
    /// The servers that are not disabled.
    pub servers: Vec<ServerConfig>,
}

/// An MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Its name, and the prefix of its tools' names.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A child process that speaks over its standard input and output.
    Stdio {
        /// The program, a path or a name to be looked up in `PATH`.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables beside the minimal environment.
        env: BTreeMap<String, String>,
        /// Its working directory; `None` is the caller's.
        cwd: Option<String>,
    },
    /// A server that speaks streamable HTTP.
    Http {
        /// Its address.
        url: String,
        /// Headers of each request.
        headers: BTreeMap<String, String>,
        /// Whether it is told the token of the run: a server on this machine is, another one where its
        /// configuration asks for that.
        is_told_run: bool,
    },
}

/// Fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is not JSON of this form.
    #[error("invalid MCP configuration: {0}")]
    Document(String),
    /// A server's entry is wrong.
    #[error("invalid MCP server `{server}`: {problem}")]
    Server {
        /// Its name.
        server: String,
        /// The field, what is wrong with it, and a remedy.
        problem: String,
    },
}

impl McpConfig {
    /// The configuration that `text` states, with `${NAME}`, `${NAME:-default}` and `${env:NAME}`
    /// replaced by the values of `variables`.
    ///
    /// # Errors
    /// [`ConfigError`] names the server and the field.
    pub fn parse(text: &str, variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let document = Document::parse(text).map_err(ConfigError::Document)?;
        if document.servers.len() > SERVERS {
            return Err(ConfigError::Document(format!(
                "{} servers: expected {SERVERS} at most",
                document.servers.len()
            )));
        }
        let mut servers: Vec<ServerConfig> = Vec::new();
        for (name, fields) in document.servers {
            let at = |problem: String| ConfigError::Server { server: name.clone(), problem };
            let Some(endpoint) = endpoint(fields, variables).map_err(at)? else { continue };
            let prefix = prefix(&name).map_err(at)?;
            if let Some(other) = servers.iter().find(|server| server.name == prefix) {
                return Err(at(format!(
                    "its tools would be named `{}.…`, as those of another server: rename one",
                    other.name
                )));
            }
            servers.push(ServerConfig { name: prefix, endpoint });
        }
        Ok(Self { servers })
    }
}

/// Prefix of the tools of the server `name`: characters that names of functions may have.
fn prefix(name: &str) -> Result<String, String> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    let prefix: String =
        name.trim().chars().map(|char| if allowed(char) { char } else { '_' }).collect();
    if prefix.is_empty() || prefix.len() > 32 {
        return Err("invalid name: expected 1 to 32 characters".to_owned());
    }
    if RESERVED.contains(&prefix.as_str()) {
        return Err("this name is for built-in tools: rename the server".to_owned());
    }
    Ok(prefix)
}

/// The endpoint that an entry states; `None` where it is disabled.
fn endpoint(
    mut fields: Fields,
    variables: &BTreeMap<String, String>,
) -> Result<Option<Endpoint>, String> {
    let kind = fields.text("type")?;
    let disabled = fields.boolean("disabled")?.unwrap_or(false);
    let http = match kind.as_deref() {
        Some("stdio") => false,
        Some("http" | "streamable-http" | "streamableHttp" | "streamable_http") => true,
        Some("sse") => {
            return Err("field `type`: the transport `sse` is not supported, since the protocol \
                        replaced it: use the server's address for `http`"
                .to_owned());
        }
        Some(other) => {
            return Err(format!("invalid type `{other}`: expected `stdio` or `http`"));
        }
        None => fields.has("url"),
    };
    let expand = |field: &str, value: String| {
        variables::expand(&value, variables)
            .map_err(|problem| format!("field `{field}`: {problem}"))
    };
    let expand_map = |field: &str, map: Vec<(String, String)>| {
        let pairs = map.into_iter().map(|(key, value)| {
            let value = expand(&format!("{field}.{key}"), value)?;
            Ok((key, value))
        });
        pairs.collect::<Result<BTreeMap<_, _>, String>>()
    };
    let endpoint = if http {
        let url = fields.text("url")?.ok_or("missing field `url`: expected its address")?;
        let headers = fields.text_map("headers")?;
        let url = expand("url", url)?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!("invalid url `{url}`: expected http:// or https://"));
        }
        let mut headers = expand_map("headers", headers)?;
        let is_told_run = asks_for_run(&mut headers)? || address::is_of_this_machine(&url);
        Endpoint::Http { url, headers, is_told_run }
    } else {
        let command = fields.text("command")?.ok_or(
            "missing field `command`: expected the program to start, or `url` for a server that \
             runs already",
        )?;
        let args = fields.text_list("args")?;
        let env = fields.text_map("env")?;
        let cwd = fields.text("cwd")?;
        let command = expand("command", command)?;
        if command.is_empty() {
            return Err("field `command` is empty: expected the program to start".to_owned());
        }
        let env = expand_map("env", env)?;
        if let Some(name) = env.keys().find(|name| name.is_empty() || name.contains('=')) {
            return Err(format!("invalid name of a variable `{name}` in field `env`"));
        }
        Endpoint::Stdio {
            command,
            args: args.into_iter().map(|value| expand("args", value)).collect::<Result<_, _>>()?,
            env,
            cwd: cwd.map(|value| expand("cwd", value)).transpose()?,
        }
    };
    fields.end(if http { "a server of type `http`" } else { "a server of type `stdio`" })?;
    if let Endpoint::Stdio { command, args, env, cwd } = &endpoint {
        let texts = [command].into_iter().chain(args).chain(env.keys()).chain(env.values());
        if texts.chain(cwd).any(|text| text.contains('\0')) {
            return Err("a value has a NUL character: remove it".to_owned());
        }
    }
    Ok((!disabled).then_some(endpoint))
}

/// Takes the header that asks for the token of the run, whose value stands for it.
fn asks_for_run(headers: &mut BTreeMap<String, String>) -> Result<bool, String> {
    let is_named = |name: &&String| name.eq_ignore_ascii_case(RunToken::HEADER);
    let Some(name) = headers.keys().find(is_named).cloned() else { return Ok(false) };
    match headers.remove(&name).as_deref() {
        Some(RUN_TOKEN) => Ok(true),
        _ => Err(format!(
            "field `headers.{name}`: expected the value `{RUN_TOKEN}`, in whose place the server gets \
             the token of the run"
        )),
    }
}

#[cfg(test)]
mod tests;
