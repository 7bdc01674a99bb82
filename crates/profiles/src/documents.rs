//! Stored documents of measurements: a folder with one JSON file each.

use std::io::Error;
use std::path::{Path, PathBuf};

use harmonic_fsutil::{Folder, WriteOptions, read_folder, replace};
use harmonic_types::CurveKey;
use serde::Serialize;

use crate::error::ProfileError;

/// Documents in the `.json` files of `folder`. Files that have the `name` of theirs come last: readers use
/// the last match, and a file with another name (of an earlier version, or added by hand) must not
/// take precedence over the latest measurement.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn stored<T>(
    folder: &Path,
    parse: fn(&str) -> Result<T, String>,
    name: fn(&T) -> String,
) -> Result<Folder<T>, ProfileError> {
    let found = read_folder(folder, "json", |path, text| {
        let document = parse(text)?;
        let named = path.file_name().is_some_and(|found| *found == *name(&document));
        Ok(Some((named, document)))
    })?;
    let mut documents = found.documents;
    documents.sort_by_key(|(named, _)| *named);
    let documents = documents.into_iter().map(|(_, document)| document).collect();
    Ok(Folder { documents, skipped: found.skipped })
}

/// Writes `document` atomically to the file `name` in `folder`, replacing an older one; returns the
/// path.
///
/// # Errors
/// When it cannot be written; an older one is then preserved.
pub(crate) fn store(
    folder: &Path,
    name: &str,
    document: &impl Serialize,
) -> Result<PathBuf, ProfileError> {
    let path = folder.join(name);
    replace(&path, &text(&path, document)?, WriteOptions::DOCUMENT)?;
    Ok(path)
}

/// Content of the file `path` for `document`.
pub(crate) fn text(path: &Path, document: &impl Serialize) -> Result<Vec<u8>, ProfileError> {
    serde_json::to_vec_pretty(document).map_err(|error| ProfileError::Unwritable {
        path: path.to_owned(),
        source: Error::other(error),
    })
}

/// File name of a key, from machine, model and engine build. It contains neither weights nor
/// context, so that a new measurement replaces the last one.
///
/// Injective: a byte that is not a letter, a digit, `.` or `-` is encoded as `%XX`, so that
/// `qwen3:4b` and `qwen3-4b` do not share a file, and `_` only separates the parts.
pub(crate) fn file_name(key: &CurveKey) -> String {
    name_of([&key.machine, &key.model, &key.engine])
}

/// File name of `parts`, injective as that of a key.
pub(crate) fn name_of(parts: [&str; 3]) -> String {
    format!("{}.json", parts.map(encoded).join("_"))
}

fn encoded(part: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    part.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key([machine, model, engine]: [String; 3]) -> CurveKey {
        CurveKey { machine, model, digest: None, format: None, engine, context: None }
    }

    proptest! {
        /// A small alphabet, so that names are similar.
        #[test]
        fn different_keys_have_different_names(
            one in proptest::array::uniform3("[aA:/_%.é -]{0,3}"),
            other in proptest::array::uniform3("[aA:/_%.é -]{0,3}"),
        ) {
            let names = [one.clone(), other.clone()].map(|parts| file_name(&key(parts)));
            prop_assert_eq!(one == other, names[0] == names[1]);
            let plain = |c: char| c.is_ascii_alphanumeric() || "._%-".contains(c);
            prop_assert!(names[0].chars().all(plain), "{}", names[0]);
        }
    }
}
