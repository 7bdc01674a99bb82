//! Tools of a run in the body of `POST /runs`: names of those that the server has, and descriptions
//! of those that the client's own process offers.
//!
//! Invariant: nothing here can say what a tool does on the server: no command, server or folder.

use std::collections::BTreeSet;

use harmonic_types::{ToolEffects, ToolSpec};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::checks::no_nul;
use crate::validation_error::ValidationError;

/// Tool sets that one run names, at most.
const MAX_SETS: usize = 16;

/// Longest name of a tool set, a workspace or a tool, in bytes.
const MAX_NAME: usize = 64;

/// Tools that a client offers to one run, at most.
const MAX_CLIENT_TOOLS: usize = 128;

/// Longest description of a tool, in bytes.
const MAX_DESCRIPTION: usize = 4 << 10;

/// All descriptions and schemas of a client's tools, in bytes, at most.
const MAX_CLIENT_BYTES: usize = 256 << 10;

/// Beginnings of the names of tools that every run has.
const RESERVED: [&str; 2] = ["artifact.", "team."];

/// A tool that the client's own process offers to the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTool {
    /// Name, unique within the run.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{1,64}$"))]
    pub name: String,
    /// Purpose, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Map<String, Value>,
    /// What a call may do, which decides whether a person is asked.
    #[schemars(schema_with = "effects_schema")]
    pub effects: ToolEffects,
}

impl From<ToolSpec> for ClientTool {
    fn from(spec: ToolSpec) -> Self {
        let ToolSpec { name, description, input_schema, effects } = spec;
        let input_schema = match input_schema {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { name, description, input_schema, effects }
    }
}

/// Tools that a run is to have; within bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestedTools {
    /// Names of tool sets of the server.
    pub sets: Vec<String>,
    /// Name of a workspace of the server.
    pub workspace: Option<String>,
    /// Tools that the client's own process offers.
    pub client: Vec<ToolSpec>,
}

impl RequestedTools {
    /// The tools of these fields.
    pub(super) fn checked(
        sets: Vec<String>,
        workspace: Option<String>,
        client: Vec<ClientTool>,
    ) -> Result<Self, ValidationError> {
        if sets.len() > MAX_SETS {
            let reason = format!("has {} names, but may have at most {MAX_SETS}", sets.len());
            return Err(ValidationError::value("tools", reason));
        }
        let mut seen = BTreeSet::new();
        for (index, set) in sets.iter().enumerate() {
            configured_name(&format!("tools[{index}]"), set)?;
            if !seen.insert(set) {
                let reason = format!("has `{set}` twice: name it once");
                return Err(ValidationError::value("tools", reason));
            }
        }
        if let Some(workspace) = &workspace {
            configured_name("workspace", workspace)?;
        }
        Ok(Self { sets, workspace, client: client_tools(client)? })
    }
}

/// Refuses what is no name of a tool set or a workspace.
fn configured_name(field: &str, name: &str) -> Result<(), ValidationError> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let reason = format!(
        "must be a name that the server is configured with: 1 to {MAX_NAME} letters, digits, dashes \
         and underscores"
    );
    Err(ValidationError::value(field, reason))
}

fn client_tools(tools: Vec<ClientTool>) -> Result<Vec<ToolSpec>, ValidationError> {
    let invalid = |field: String, reason: String| Err(ValidationError::value(field, reason));
    if tools.len() > MAX_CLIENT_TOOLS {
        let reason = format!("has {} tools, but may have at most {MAX_CLIENT_TOOLS}", tools.len());
        return invalid("client_tools".to_owned(), reason);
    }
    let (mut names, mut bytes, mut specs) = (BTreeSet::new(), 0, Vec::new());
    for (index, tool) in tools.into_iter().enumerate() {
        let at = format!("client_tools[{index}]");
        let ClientTool { name, description, input_schema, effects } = tool;
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
        if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(allowed) {
            let reason =
                format!("must be 1 to {MAX_NAME} letters, digits, dashes, underscores and dots");
            return invalid(format!("{at}.name"), reason);
        }
        if let Some(reserved) = RESERVED.iter().find(|reserved| name.starts_with(*reserved)) {
            let reason = format!("is `{name}`, but names with `{reserved}` are the run's own");
            return invalid(format!("{at}.name"), reason);
        }
        if description.len() > MAX_DESCRIPTION {
            let reason =
                format!("has {} bytes, but may have at most {MAX_DESCRIPTION}", description.len());
            return invalid(format!("{at}.description"), reason);
        }
        no_nul(&format!("{at}.description"), &description)?;
        let input_schema = Value::Object(input_schema);
        bytes += name.len() + description.len() + input_schema.to_string().len();
        if !names.insert(name.clone()) {
            return invalid("client_tools".to_owned(), format!("has `{name}` twice"));
        }
        specs.push(ToolSpec { name, description, input_schema, effects });
    }
    if bytes > MAX_CLIENT_BYTES {
        let reason = format!(
            "has {bytes} bytes of descriptions and schemas, but may have at most {MAX_CLIENT_BYTES}"
        );
        return invalid("client_tools".to_owned(), reason);
    }
    Ok(specs)
}

fn effects_schema(_: &mut SchemaGenerator) -> Schema {
    use ToolEffects::{Idempotent, ReadOnly, Running, Writing};
    json_schema!({"enum": [ReadOnly, Idempotent, Writing, Running]})
}
