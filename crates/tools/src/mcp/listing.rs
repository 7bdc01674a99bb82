//! The tools that a server has: listed page by page, bounded in number and size.

use std::collections::HashSet;

use harmonic_types::tool::ToolEffects;
use rmcp::RoleClient;
use rmcp::model::{PaginatedRequestParams, Tool, ToolAnnotations};
use rmcp::service::{Peer, ServiceError};
use serde_json::Value;

use crate::limits::{DESCRIPTION_BYTES, LIST_PAGES, SERVER_TOOLS};
use crate::output::quoted;

/// A tool as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ListedTool {
    /// The server's name for it.
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Value,
    pub(crate) effects: ToolEffects,
}

/// All tools of a server.
///
/// # Errors
/// What is wrong with the list, in words.
pub(super) async fn tools(peer: &Peer<RoleClient>) -> Result<Vec<ListedTool>, String> {
    let mut listed = Vec::new();
    let mut cursors = HashSet::new();
    let mut params = None;
    for _ in 0..LIST_PAGES {
        let page = match peer.list_tools(params).await {
            Ok(page) => page,
            Err(ServiceError::McpError(error)) => {
                return Err(format!("it does not list its tools: {}", quoted(&error.message)));
            }
            Err(ServiceError::TransportClosed) => {
                return Err("it ended before it had listed its tools".to_owned());
            }
            Err(error) => {
                return Err(format!("cannot list its tools: {}", quoted(&error.to_string())));
            }
        };
        listed.extend(page.tools.into_iter().map(described));
        if listed.len() > SERVER_TOOLS {
            return Err(format!(
                "it has more than {SERVER_TOOLS} tools: configure it to offer fewer"
            ));
        }
        let Some(cursor) = page.next_cursor.filter(|cursor| !cursor.is_empty()) else {
            return Ok(listed);
        };
        if !cursors.insert(cursor.clone()) {
            return Err("its list of tools leads back to a page that was read".to_owned());
        }
        params = Some(PaginatedRequestParams::default().with_cursor(Some(cursor)));
    }
    Err(format!("its list of tools has more than {LIST_PAGES} pages"))
}

fn described(tool: Tool) -> ListedTool {
    let mut description = match (&tool.description, &tool.title) {
        (Some(description), _) => description.trim().to_owned(),
        (None, Some(title)) => title.trim().to_owned(),
        (None, None) => String::new(),
    };
    if description.len() > DESCRIPTION_BYTES {
        description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES));
        description.push('…');
    }
    ListedTool {
        name: tool.name.into_owned(),
        description,
        schema: Value::Object(tool.input_schema.as_ref().clone()),
        effects: effects(tool.annotations.as_ref()),
    }
}

/// What a call may do, by the tool's own statement.
fn effects(annotations: Option<&ToolAnnotations>) -> ToolEffects {
    match annotations {
        Some(stated) if stated.read_only_hint == Some(true) => ToolEffects::ReadOnly,
        Some(stated) if stated.idempotent_hint == Some(true) => ToolEffects::Idempotent,
        _ => ToolEffects::Writing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_stated_is_assumed_to_be_the_worse() {
        let stated = |read_only, idempotent| {
            effects(Some(&ToolAnnotations::from_raw(None, read_only, None, idempotent, None)))
        };
        assert_eq!(effects(None), ToolEffects::Writing);
        assert_eq!(stated(None, None), ToolEffects::Writing);
        assert_eq!(stated(Some(false), Some(false)), ToolEffects::Writing);
        assert_eq!(stated(Some(false), Some(true)), ToolEffects::Idempotent);
        assert_eq!(stated(Some(true), Some(false)), ToolEffects::ReadOnly);
    }
}
