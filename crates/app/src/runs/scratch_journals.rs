//! Journals of a team that lives no longer than a command.
//!
//! Invariants: they lie on the disk of all journals, so that a flush costs the same, and apart from
//! them, so that no run of the user goes on in such a team.

use std::fs;

use tempfile::TempDir;

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// Settings with a folder for journals that is gone when the returned handle is dropped.
///
/// # Errors
/// When the folder cannot be made.
pub fn scratch_journals(settings: &Settings) -> Result<(Settings, TempDir)> {
    let home = settings.journals.parent().unwrap_or(&settings.journals);
    let failed = || format!("cannot make a folder for journals in {}", home.display());
    fs::create_dir_all(home).map_err(AppError::context(failed()))?;
    let folder = tempfile::Builder::new().prefix(".journals-").tempdir_in(home);
    let folder = folder.map_err(AppError::context(failed()))?;
    let journals = folder.path().to_owned();
    Ok((Settings { journals, ..settings.clone() }, folder))
}
