//! Saving the verdicts of an evaluation, for the runs whose approach the server chooses.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_eval::{Arm, EvalReport, SuiteReport};
use harmonic_profiles::verdict;
use harmonic_types::{EvalKey, EvalVerdict, Provenance};

use super::subject::EvalSubject;
use crate::error::{AppError, Result};
use crate::settings::Settings;

/// Saves the verdicts of `report` on `subject`; returns their paths. Those that are withheld are left
/// out.
///
/// # Errors
/// When the team cannot be recognised later, no verdict is stated, or one cannot be written.
pub fn save(
    report: &EvalReport,
    subject: &EvalSubject,
    settings: &Settings,
) -> Result<Vec<PathBuf>> {
    let refused =
        |why: &str, hint: &str| Err(AppError::refused(format!("nothing is saved: {why}"), hint));
    if subject.is_simulated {
        return refused("the engine is simulated", "evaluate a team with a model");
    }
    let (Some(stack), Some(models)) = (&subject.stack, &subject.models) else {
        let hint = "evaluate a team of this machine, on llama.cpp";
        return refused("the server does not state its stack and the digests of its models", hint);
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let measured_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let of = |suite: &SuiteReport, arm: Arm| {
        let [tokens, seconds] = suite.verdicts(arm)?;
        let recipe = match arm {
            Arm::Team => &report.recipe,
            other => other.name(),
        };
        let key = EvalKey {
            stack: stack.clone(),
            recipe: recipe.to_owned(),
            suite: suite.suite.to_owned(),
            models: models.clone(),
        };
        let schema = EvalVerdict::SCHEMA.to_owned();
        let (items, provenance) = (suite.done, Provenance::Measured);
        Some(EvalVerdict { schema, key, measured_ms, items, tokens, seconds, provenance })
    };
    let arms = [Arm::Vote, Arm::Team];
    let verdicts = report.suites.iter().flat_map(|suite| arms.map(|arm| of(suite, arm))).flatten();
    let paths = verdicts.map(|one| Ok(verdict::save(&settings.verdicts, &one)?));
    let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    if paths.is_empty() {
        return refused("no verdict is stated", "let a suite end");
    }
    Ok(paths)
}
