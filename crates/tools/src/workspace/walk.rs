//! Bounded walk over a folder's files and folders, in the order of their names.

use std::ffi::OsString;
use std::ops::ControlFlow;

use cap_std::fs::{Dir, FileType};

use super::Deadline;
use super::folder::shown;

/// Maximum number of entries that one call looks at.
const ENTRIES: usize = 20_000;

/// Maximum depth below the folder of the call.
pub(super) const DEPTH: usize = 32;

/// Folder that is not entered: git's own, which is large and binary.
const LEFT_OUT: &str = ".git";

/// An entry of a folder.
pub(super) struct Entry<'a> {
    pub(super) parent: &'a Dir,
    pub(super) name: &'a OsString,
    /// Path from the workspace, for people and models.
    pub(super) path: String,
    pub(super) kind: FileType,
}

/// What ended a walk early, in words; `None` where all was seen.
pub(super) type Ended = Option<String>;

/// State of a walk.
pub(super) struct Walk<'a> {
    deadline: &'a Deadline,
    seen: usize,
    too_deep: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(deadline: &'a Deadline) -> Self {
        Self { deadline, seen: 0, too_deep: false }
    }

    /// Visits what lies below `dir`, whose path is `path`, down to `depth` levels. Links are shown
    /// and not followed.
    ///
    /// # Errors
    /// Once the time is over.
    pub(super) fn visit(
        mut self,
        dir: &Dir,
        path: &str,
        depth: usize,
        visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<String>,
    ) -> Result<Ended, String> {
        match self.enter(dir, path, depth, visit)? {
            ControlFlow::Break(why) => Ok(Some(why)),
            ControlFlow::Continue(()) if self.too_deep => {
                Ok(Some(format!("folders more than {DEPTH} levels deep were left out")))
            }
            ControlFlow::Continue(()) => Ok(None),
        }
    }

    fn enter(
        &mut self,
        dir: &Dir,
        path: &str,
        depth: usize,
        visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<String>,
    ) -> Result<ControlFlow<String>, String> {
        let mut names = Vec::new();
        // What cannot be read is as if it were empty.
        for entry in dir.entries().into_iter().flatten().flatten() {
            self.deadline.check()?;
            self.seen += 1;
            if self.seen > ENTRIES {
                return Ok(ControlFlow::Break(format!(
                    "only {ENTRIES} files and folders were looked at: name a folder"
                )));
            }
            if let Ok(kind) = entry.file_type() {
                names.push((entry.file_name(), kind));
            }
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, kind) in &names {
            self.deadline.check()?;
            let path = match path {
                "" => shown(name),
                path => format!("{path}/{}", shown(name)),
            };
            let entry = Entry { parent: dir, name, path: path.clone(), kind: *kind };
            if let ControlFlow::Break(why) = visit(entry) {
                return Ok(ControlFlow::Break(why));
            }
            if !kind.is_dir() || name == LEFT_OUT {
                continue;
            }
            if depth <= 1 {
                self.too_deep |= depth == 1 && path.matches('/').count() >= DEPTH - 1;
                continue;
            }
            // A folder that was swapped for a link meanwhile is resolved below its parent.
            if let Ok(inner) = dir.open_dir(name)
                && let ControlFlow::Break(why) = self.enter(&inner, &path, depth - 1, visit)?
            {
                return Ok(ControlFlow::Break(why));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
