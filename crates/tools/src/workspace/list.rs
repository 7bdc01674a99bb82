//! `workspace.list`.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Context;
use super::folder::Folder;
use super::walk::Walk;

/// Maximum number of entries in a result.
const SHOWN: usize = 1000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Folder, relative to the workspace.
    #[serde(default = "workspace")]
    path: String,
    /// Levels of folders that are listed.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    depth: usize,
}

fn workspace() -> String {
    ".".to_owned()
}

fn one() -> usize {
    1
}

pub(super) fn list(
    folder: &Folder,
    arguments: &Arguments,
    context: &Context,
) -> Result<String, String> {
    let dir = folder.folder(&arguments.path)?;
    let path = arguments.path.trim_start_matches("./").trim_end_matches('/');
    let path = if path == "." { "" } else { path };
    let mut lines = String::new();
    let mut shown = 0;
    let walk = Walk::new(&context.deadline);
    let ended = walk.visit(&dir, path, arguments.depth, &mut |entry| {
        // 100 bytes are for what is said at the end.
        if shown == SHOWN || lines.len() + entry.path.len() + 100 > context.bytes {
            return ControlFlow::Break("there is more: name a folder, or list fewer levels".into());
        }
        shown += 1;
        let written = if entry.kind.is_dir() {
            writeln!(lines, "{}/", entry.path)
        } else if entry.kind.is_symlink() {
            writeln!(lines, "{} (link)", entry.path)
        } else if entry.kind.is_file() {
            let size = entry.parent.symlink_metadata(entry.name).map_or(0, |found| found.len());
            writeln!(lines, "{} ({size} bytes)", entry.path)
        } else {
            writeln!(lines, "{} (no regular file)", entry.path)
        };
        debug_assert!(written.is_ok(), "a string takes all");
        ControlFlow::Continue(())
    })?;
    if shown == 0 {
        lines.push_str("[empty]\n");
    }
    if let Some(why) = ended {
        let part = format!("[{why}]\n");
        lines.push_str(&part);
    }
    Ok(lines)
}
