//! Lookup of benchmark records: earlier runs, and the results published in the paper.

use std::path::Path;

use harmonic_fsutil::{MAX_DOCUMENT, read_text};
use harmonic_hardware::profile::{DGX_SPARK, RYZEN_AI_MAX_395};
use harmonic_perfmodel::{Conditions, judge_with_stated};
use harmonic_profiles::published;
use harmonic_types::{BenchRun, did_you_mean};

use crate::error::{AppError, Result};

/// File name of the record in a run's folder.
pub const RECORD: &str = "run.json";

/// Finds the run `subject`: a profile of the paper, a folder that `bench` wrote, or a record file.
///
/// # Errors
/// When it is neither, or the record cannot be read.
pub fn find(subject: &str) -> Result<BenchRun> {
    if let Some(run) = published(subject) {
        return Ok(with_verdict(run));
    }
    let path = Path::new(subject);
    let path = if path.is_dir() { path.join(RECORD) } else { path.to_owned() };
    let text = match read_text(&path, MAX_DOCUMENT) {
        Ok(text) => text,
        Err(error) => return Err(unreadable(subject, &path, &error)),
    };
    let run: BenchRun = serde_json::from_str(&text).map_err(|error| {
        let what = format!("{} is not a benchmark's record: {error}", path.display());
        AppError::refused(what, "measure again: `harmonic bench --out DIR` writes one")
    })?;
    if run.schema != BenchRun::SCHEMA {
        let what = format!("{} has the schema {}", path.display(), run.schema);
        return Err(AppError::refused(what, format!("this build reads {}", BenchRun::SCHEMA)));
    }
    Ok(run)
}

fn unreadable(subject: &str, path: &Path, error: &std::io::Error) -> AppError {
    AppError::refused(
        format!(
            "`{subject}` is neither a profile of the paper nor a run{}: {}: {error}",
            did_you_mean(subject, [DGX_SPARK.name, RYZEN_AI_MAX_395.name]),
            path.display()
        ),
        "use dgx-spark, ryzen-ai-max-395, or a folder that `harmonic bench` wrote",
    )
}

/// A published run, with our verdict added around the stated sweet spot.
fn with_verdict(mut run: BenchRun) -> BenchRun {
    for series in &mut run.series {
        let stated = series.verdict.sweet_spot.take();
        series.verdict = judge_with_stated(&series.levels, &Conditions::default(), stated);
    }
    run
}
