//! The run that the demo shows, and its page.

use std::path::PathBuf;

use harmonic_api::runs::CreateRun;
use harmonic_fsutil::{WriteOptions, replace};
use harmonic_report::run::html;
use harmonic_types::RunRecord;

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// A goal of four parts, which the recipe `split` does at the same time and then joins.
pub const GOAL: &str = "Prepare the opening of a small book shop by the sea.\n\
                        - Name the shop and give it a slogan.\n\
                        - List five things to buy first.\n\
                        - Write an invitation of two sentences.\n\
                        - Name three questions that visitors will ask.";

/// The recipe.
pub const RECIPE: &str = "split";

/// Tokens of each answer at most: the starter model seldom comes to an end by itself.
const TASK_TOKENS: u32 = 120;

/// The request for the run.
pub fn request() -> CreateRun {
    CreateRun {
        goal: GOAL.to_owned(),
        recipe: Some(RECIPE.to_owned()),
        task_tokens: Some(TASK_TOKENS),
        ..CreateRun::default()
    }
}

/// Writes the page of the run, in place of an earlier demo's, and returns its path.
///
/// # Errors
/// When it cannot be written.
pub fn page(record: &RunRecord, settings: &Settings) -> Result<PathBuf> {
    let folder = &settings.benches;
    let failed = format!("cannot make {}", folder.display());
    std::fs::create_dir_all(folder).map_err(AppError::context(failed))?;
    let path = folder.join("demo-run.html");
    replace(&path, html(record).as_bytes(), WriteOptions::DOCUMENT)?;
    Ok(path)
}
