//! Names of stored models: which one a model may get.
//!
//! Owns the rule that a name of the catalog, or one that could be taken for it, is never given to
//! a model from elsewhere. The store holds it for every record that it writes or reads.

use crate::catalog::{self, CATALOG_NAMES};
use crate::error::ModelError;
use crate::shards::ShardName;
use crate::source::Source;

/// Longest name, in bytes: with its escapes it still fits into a file name.
pub const MAX_NAME: usize = 120;

/// The name that a model from `source` gets unless the user chooses one: the file's stem, of plain
/// characters. Where that could be taken for a name of the catalog, the repository or the package
/// stands before it.
///
/// # Errors
/// [`ModelError::InvalidName`] when that could be taken for one, too.
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
            .map(|part| (part.package.clone(), part.member.clone()))
            .unwrap_or_default(),
        Source::Path(path) => ("file".to_owned(), path.to_string_lossy().into_owned()),
    };
    let stem = sanitized(stem(&file));
    let qualified = sanitized(&format!("{origin}-{stem}"));
    let free = |name: &String| !name.is_empty() && lookalike(name).is_none();
    [stem, qualified].into_iter().find(free).ok_or_else(|| {
        invalid(&source.to_string(), "no name follows from it: choose one with --name".to_owned())
    })
}

/// Checks a name that the user has chosen. `owner` is the catalog name that is pulled, if one is.
///
/// # Errors
/// [`ModelError::InvalidName`] says what a name looks like, or which one it could be taken for.
pub fn check(name: &str, owner: Option<&str>) -> Result<(), ModelError> {
    if owner == Some(name) {
        return Ok(());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let shaped = name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
        && matches!(name.parse(), Ok(Source::Name(_)));
    if !shaped {
        let expected = format!(
            "expected at most {MAX_NAME} ASCII letters, digits, `-`, `_`, `.` and `:`, a letter or \
             a digit first and last, without the ending .gguf"
        );
        return Err(invalid(name, expected));
    }
    let lookalike = lookalike(name)
        .or_else(|| catalog::entry_of(&name.to_ascii_lowercase()).map(|entry| entry.name));
    match lookalike {
        Some(known) => Err(invalid(
            name,
            format!("it could be taken for `{known}` of the catalog: choose another name"),
        )),
        None => Ok(()),
    }
}

/// The catalog name that `name` could be taken for.
pub fn lookalike(name: &str) -> Option<&'static str> {
    let normalized = normalized(name);
    CATALOG_NAMES.into_iter().find(|known| self::normalized(known) == normalized)
}

fn invalid(name: &str, reason: String) -> ModelError {
    ModelError::InvalidName { name: name.to_owned(), reason }
}

/// The last part of a path, up to its first `.gguf`; of a shard, the name of the whole.
fn stem(file: &str) -> &str {
    let last = file.rsplit('/').next().unwrap_or(file);
    let stem = last.to_ascii_lowercase().find(".gguf").map_or(last, |end| &last[..end]);
    ShardName::of(stem).map_or(stem, |shard| shard.base)
}

/// Of other characters, and of separators at either end, nothing is left but `-` between.
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

/// What is left of a name when case, separators, endings and letters that look alike count for
/// nothing.
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
    fn names_come_from_the_file() {
        assert_eq!(named("hf:Qwen/R/sub/Qwen3-4B-Q4_K_M.gguf"), "Qwen3-4B-Q4_K_M");
        assert_eq!(named("wheel:a==1/d/g.gguf.part00 + wheel:b==1/d/g.gguf.part01"), "g");
        assert_eq!(named("/tmp/m.GGUF"), "m");
        assert_eq!(named("hf:a/b/Q4/big-00001-of-00003.gguf"), "big");
        assert_eq!(named("/tmp/two words (1).gguf"), "two-words--1");
        assert_eq!(named("/tmp/.gguf"), "file");
    }

    #[test]
    fn no_derived_name_can_be_taken_for_one_of_the_catalog() {
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
    fn a_chosen_name_is_plain_and_not_the_catalogs() {
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
