//! Built-in tools over the files below one folder.
//!
//! Owns: `workspace.list`, `.read`, `.search`, `.write` and `.replace`. Invariants: no path, link or
//! race leads out of the folder, since every access goes through the folder's handle (`cap-std`);
//! only regular files are opened; each call is bounded in files, bytes and time; a file is replaced
//! whole or not at all.
//! Does not do: delete, change permissions, run commands.

mod folder;
mod list;
mod read;
mod search;
mod walk;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use harmonic_types::tool::{ToolEffects, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::error::ToolError;
use crate::limits::CallLimits;
use crate::output::{bounded, quoted};
use folder::Folder;

/// A folder and the tools over it.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: Folder,
}

/// When a call must end.
#[derive(Clone, Debug)]
struct Deadline {
    at: Instant,
    cancel: CancellationToken,
}

impl Deadline {
    /// # Errors
    /// Once the call was cancelled or its time is over.
    fn check(&self) -> Result<(), String> {
        if self.cancel.is_cancelled() || Instant::now() >= self.at {
            return Err("stopped: its time is over".to_owned());
        }
        Ok(())
    }
}

/// Context of a call: its deadline, and the bytes that its result may have.
#[derive(Clone, Debug)]
struct Context {
    deadline: Deadline,
    bytes: usize,
}

/// What a tool does; the failure is for the model.
type Action = fn(&Folder, Value, &Context) -> Result<String, String>;

struct BuiltIn {
    name: &'static str,
    description: &'static str,
    effects: ToolEffects,
    schema: fn() -> Value,
    action: Action,
}

const TOOLS: [BuiltIn; 5] = [
    BuiltIn {
        name: "workspace.list",
        description: "Lists the files and folders of the workspace.",
        effects: ToolEffects::ReadOnly,
        schema: schema::<list::Arguments>,
        action: |folder, value, context| list::list(folder, &arguments(value)?, context),
    },
    BuiltIn {
        name: "workspace.read",
        description: "Reads a text file of the workspace, whole or in parts.",
        effects: ToolEffects::ReadOnly,
        schema: schema::<read::Arguments>,
        action: |folder, value, context| read::read(folder, &arguments(value)?, context),
    },
    BuiltIn {
        name: "workspace.search",
        description: "Finds the lines of the workspace's text files that contain a text or match a \
                      regular expression.",
        effects: ToolEffects::ReadOnly,
        schema: schema::<search::Arguments>,
        action: |folder, value, context| search::search(folder, &arguments(value)?, context),
    },
    BuiltIn {
        name: "workspace.write",
        description: "Writes a text file of the workspace: a new one, or all of an old one. Missing \
                      folders are made.",
        effects: ToolEffects::Idempotent,
        schema: schema::<write::WriteArguments>,
        action: |folder, value, _| write::write(folder, &arguments(value)?),
    },
    BuiltIn {
        name: "workspace.replace",
        description: "Replaces a passage of a text file of the workspace by another.",
        effects: ToolEffects::Writing,
        schema: schema::<write::ReplaceArguments>,
        action: |folder, value, _| write::replace(folder, &arguments(value)?),
    },
];

impl Workspace {
    /// # Errors
    /// If `path` is not a folder that can be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, ToolError> {
        let folder = Folder::open(path).map_err(|error| ToolError::Workspace {
            path: path.display().to_string(),
            reason: format!("{error}: name a folder that exists"),
        })?;
        Ok(Self { folder })
    }

    /// Descriptions of the tools.
    pub(crate) fn specs() -> impl Iterator<Item = ToolSpec> {
        TOOLS.into_iter().map(|tool| ToolSpec {
            name: tool.name.to_owned(),
            description: tool.description.to_owned(),
            input_schema: (tool.schema)(),
            effects: tool.effects,
        })
    }

    /// Calls the tool `name`. A failure that a model can mend is a result.
    ///
    /// # Errors
    /// [`ToolError`] at the end of its time, and when it was cancelled.
    pub(crate) async fn call(
        self: &Arc<Self>,
        name: &str,
        arguments: Map<String, Value>,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        let known = TOOLS.into_iter().find(|tool| tool.name == name);
        let Some(BuiltIn { action, .. }) = known else {
            return Err(ToolError::UnknownTool {
                name: name.to_owned(),
                suggestion: String::new(),
            });
        };
        let deadline = Deadline { at: Instant::now() + limits.time, cancel: cancel.child_token() };
        let _stops_the_work = deadline.cancel.clone().drop_guard();
        let context = Context { deadline, bytes: limits.bytes };
        let workspace = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            action(&workspace.folder, Value::Object(arguments), &context)
        });
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(ToolError::Cancelled { tool: name.to_owned() }),
            done = work => match done {
                Ok(Ok(text)) => Ok(bounded(text, false, limits.bytes, 0)),
                Ok(Err(failure)) => Ok(bounded(failure, true, limits.bytes, 0)),
                Err(error) => {
                    Err(ToolError::Failed { tool: name.to_owned(), reason: error.to_string() })
                }
            },
            () = tokio::time::sleep(limits.time) => {
                Err(ToolError::TimedOut { tool: name.to_owned(), limit: limits.time })
            }
        }
    }
}

/// JSON Schema of a tool's arguments, without what says nothing to a model.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Value::Object(fields) = &mut schema {
        for field in ["$schema", "title", "description"] {
            fields.shift_remove(field);
        }
    }
    schema
}

fn arguments<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value)
        .map_err(|error| format!("invalid arguments: {}", quoted(&error.to_string())))
}

#[cfg(test)]
mod tests;
