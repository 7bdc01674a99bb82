//! Throughput curves that were measured on this machine.
//!
//! Invariants: a curve's levels ascend, each once, with finite throughput above zero; a file that
//! holds anything else is skipped and reported, and the others count.
//!
//! Does not do: choose among curves (the planner does), or measure one.

use std::path::{Path, PathBuf};

use harmonic_fsutil::Folder;
use harmonic_types::Curve;
use serde::Serialize;

use crate::documents;
use crate::error::ProfileError;

/// The schema of a curve file.
pub const SCHEMA: &str = "harmonic.curve/1";

/// The curves in the `.json` files of `folder`; none where there is no such folder. A file holds one
/// [`Curve`] and its `schema`. Those that [`save`] named come last, so that of several of one key
/// the last is the latest; the others are in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn stored(folder: &Path) -> Result<Folder<Curve>, ProfileError> {
    documents::stored(folder, parse, |curve| &curve.key)
}

/// A curve as its file holds it.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    curve: &'a Curve,
}

/// Writes `curve` to its file in `folder`, in place of an older one of the same machine, model and
/// engine build; where it lies now.
///
/// # Errors
/// When it cannot be written, or is none that could be read again.
pub fn save(folder: &Path, curve: &Curve) -> Result<PathBuf, ProfileError> {
    let name = documents::file_name(&curve.key);
    check(curve).map_err(|reason| ProfileError::NotACurve { path: folder.join(&name), reason })?;
    documents::store(folder, &name, &Document { schema: SCHEMA, curve })
}

/// A curve from the text of its file.
fn parse(text: &str) -> Result<Curve, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document["schema"] != SCHEMA {
        return Err(format!("its schema is {}, not \"{SCHEMA}\"", document["schema"]));
    }
    let curve: Curve = serde_json::from_value(document).map_err(|error| error.to_string())?;
    check(&curve)?;
    Ok(curve)
}

/// Holds a curve against the invariants.
fn check(curve: &Curve) -> Result<(), String> {
    let mut before = 0;
    for point in &curve.points {
        if point.parallel <= before {
            return Err(format!("its level {} does not follow {before}", point.parallel));
        }
        if !(point.tok_s.0.is_finite() && point.tok_s.0 > 0.0) {
            return Err(format!("{} at level {} is no throughput", point.tok_s, point.parallel));
        }
        before = point.parallel;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
