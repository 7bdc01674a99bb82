//! Throughput curves measured on this machine.
//!
//! Invariants: the levels of a curve ascend strictly, with finite throughput above zero; a file with
//! any other content is skipped and reported.
//!
//! Does not do: choose among curves (the planner does), or measure.

use std::path::{Path, PathBuf};

use harmonic_fsutil::Folder;
use harmonic_types::Curve;
use serde::Serialize;

use crate::documents;
use crate::error::ProfileError;

/// Schema of a curve file.
pub const SCHEMA: &str = "harmonic.curve/1";

/// Curves in the `.json` files of `folder`; none if the folder does not exist. A file contains one
/// [`Curve`] and its `schema`. Files named by [`save`] come last, so that the last of one key is the
/// latest; the others are sorted by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn stored(folder: &Path) -> Result<Folder<Curve>, ProfileError> {
    documents::stored(folder, parse, |curve| documents::file_name(&curve.key))
}

/// File of a curve.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    curve: &'a Curve,
}

/// Writes `curve` to its file in `folder`, replacing an older one of the same machine, model and
/// engine build; returns the path.
///
/// # Errors
/// When it cannot be written, or violates the invariants.
pub fn save(folder: &Path, curve: &Curve) -> Result<PathBuf, ProfileError> {
    let name = documents::file_name(&curve.key);
    check(curve)
        .map_err(|reason| ProfileError::InvalidCurve { path: folder.join(&name), reason })?;
    documents::store(folder, &name, &Document { schema: SCHEMA, curve })
}

/// Parses the file of a curve.
fn parse(text: &str) -> Result<Curve, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document["schema"] != SCHEMA {
        return Err(format!("invalid schema `{}`: expected \"{SCHEMA}\"", document["schema"]));
    }
    let curve: Curve = serde_json::from_value(document).map_err(|error| error.to_string())?;
    check(&curve)?;
    Ok(curve)
}

/// Checks the invariants of a curve.
fn check(curve: &Curve) -> Result<(), String> {
    let mut before = 0;
    for point in &curve.points {
        if point.parallel <= before {
            return Err(format!("invalid level `{}`: expected more than {before}", point.parallel));
        }
        if !(point.tok_s.0.is_finite() && point.tok_s.0 > 0.0) {
            return Err(format!(
                "invalid throughput `{}` at level {}: expected a finite number above 0",
                point.tok_s, point.parallel
            ));
        }
        before = point.parallel;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
