//! Throughput curves: the paper's, stored here once, and those that were measured on this machine.
//!
//! Invariants: a curve's levels ascend, each once, with finite throughput above zero; a file that
//! holds anything else is an error and not skipped.
//!
//! Does not do: choose among curves (the planner does), or measure one.

mod paper;

pub use paper::{paper_curves, published};

use std::path::{Path, PathBuf};

use harmonic_types::Curve;
use serde::Serialize;

use crate::documents::{self, in_folder};
use crate::error::HardwareError;

/// The schema of a curve file.
pub const SCHEMA: &str = "harmonic.curve/1";

/// The curves in the `.json` files of `folder`, in the order of the files' names; none where there
/// is no such folder. A file holds one [`Curve`] and its `schema`.
///
/// # Errors
/// When a file cannot be read or is not a curve.
pub fn stored(folder: &Path) -> Result<Vec<Curve>, HardwareError> {
    in_folder(folder)?.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Curve, HardwareError> {
    let unreadable = |source| HardwareError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|reason| HardwareError::NotACurve { path: path.to_owned(), reason })
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
pub fn save(folder: &Path, curve: &Curve) -> Result<PathBuf, HardwareError> {
    let name = documents::file_name(&curve.key);
    check(curve).map_err(|reason| HardwareError::NotACurve { path: folder.join(&name), reason })?;
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
