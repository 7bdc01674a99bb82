//! Stored verdicts of evaluations: one file per stack, recipe and suite, so that a new evaluation
//! replaces the last one, also after a change of models.
//!
//! Does not do: evaluate, or choose by verdicts.

use std::path::{Path, PathBuf};

use harmonic_fsutil::Folder;
use harmonic_types::{EqualVerdict, EvalVerdict};

use crate::documents;
use crate::error::ProfileError;

/// Verdicts in the `.json` files of `folder`; none if the folder does not exist.
///
/// # Errors
/// When the folder cannot be read.
pub fn stored(folder: &Path) -> Result<Folder<EvalVerdict>, ProfileError> {
    documents::stored(folder, parse, name)
}

/// Writes `verdict` to its file in `folder`; returns the path.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, verdict: &EvalVerdict) -> Result<PathBuf, ProfileError> {
    documents::store(folder, &name(verdict), verdict)
}

fn name(verdict: &EvalVerdict) -> String {
    let key = &verdict.key;
    documents::name_of([&key.stack, &key.recipe, &key.suite])
}

/// Parses the file of a verdict.
fn parse(text: &str) -> Result<EvalVerdict, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document["schema"] != EvalVerdict::SCHEMA {
        let expected = EvalVerdict::SCHEMA;
        return Err(format!("invalid schema `{}`: expected \"{expected}\"", document["schema"]));
    }
    let verdict: EvalVerdict =
        serde_json::from_value(document).map_err(|error| error.to_string())?;
    for EqualVerdict { difference, .. } in [&verdict.tokens, &verdict.seconds] {
        if !(-1.0..=1.0).contains(&difference.mean) {
            return Err(format!(
                "invalid difference `{}`: expected a share from -1 to 1",
                difference.mean
            ));
        }
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use harmonic_types::{EvalKey, Interval, Provenance, Ruling};

    use super::*;

    fn verdict(suite: &str) -> EvalVerdict {
        let difference = Interval { mean: 0.25, ci95_low: Some(0.125), ci95_high: Some(0.375) };
        let equal = EqualVerdict { ruling: Ruling::TeamBetter, difference, p_value: 0.007_812_5 };
        EvalVerdict {
            schema: EvalVerdict::SCHEMA.to_owned(),
            key: EvalKey {
                stack: "my/stack".to_owned(),
                recipe: "split".to_owned(),
                suite: suite.to_owned(),
                models: [("coder".into(), "b179".to_owned())].into(),
            },
            measured_ms: 1_790_000_000_000,
            items: 100,
            tokens: equal,
            seconds: equal,
            provenance: Provenance::Measured,
        }
    }

    #[test]
    fn a_verdict_comes_back_as_it_was_stored_and_the_next_takes_its_place() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("verdicts");
        assert_eq!(stored(&folder).unwrap(), Folder::default());
        let path = save(&folder, &verdict("breadth")).unwrap();
        assert!(path.ends_with("my%2Fstack_split_breadth.json"), "{}", path.display());
        let mut later = verdict("breadth");
        later.key.models.insert("coder".into(), "ffff".to_owned());
        save(&folder, &later).unwrap();
        save(&folder, &verdict("chain")).unwrap();
        assert_eq!(stored(&folder).unwrap().documents, [later, verdict("chain")]);
    }

    #[test]
    fn a_file_that_is_no_verdict_is_skipped_and_named_with_its_fault() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad.json");
        let mut document = serde_json::to_value(verdict("chain")).unwrap();
        document["tokens"]["difference"]["mean"] = 7.into();
        for (text, fault) in [
            ("{}".to_owned(), "invalid schema `null`: expected \"harmonic.eval-verdict/1\""),
            (document.to_string(), "invalid difference `7`"),
        ] {
            fs::write(&bad, text).unwrap();
            let found = stored(folder.path()).unwrap();
            assert!(found.documents.is_empty());
            assert!(found.skipped[0].reason.starts_with(fault), "{:?}", found.skipped);
        }
    }
}
