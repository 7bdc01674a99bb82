//! Selection of a repository's file by quantisation (`hf:ORG/REPO:Q4_K_M`).
//!
//! Invariants: a quantisation that matches several models is an error; a model in shards counts
//! once, by its first file; files that are not language models by their name (`mmproj`, `imatrix`
//! …) are never selected.

use std::collections::BTreeSet;
use std::path::Path;

use crate::shards::ShardName;

/// Default quantisations in order of preference, as in llama.cpp.
const DEFAULTS: [&str; 2] = ["Q4_K_M", "Q8_0"];

/// Parts of names of files that are not language models by themselves.
const NON_MODELS: [&str; 6] = ["mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-"];

/// Maximum names listed in an error.
const MAX_LISTED: usize = 40;

/// The file of `files` with the quantisation `quant`, which may also be the path or name of a file.
///
/// # Errors
/// The available quantisations, if none or several match.
pub(crate) fn select_file<'a>(files: &[&'a str], quant: Option<&str>) -> Result<&'a str, String> {
    let models: Vec<&str> = files.iter().copied().filter(|file| is_model(file)).collect();
    if models.is_empty() {
        return Err("it contains no GGUF model".to_owned());
    }
    let Some(quant) = quant.filter(|quant| !quant.eq_ignore_ascii_case("latest")) else {
        if let [only] = models[..] {
            return Ok(only);
        }
        for default in DEFAULTS {
            match matching(&models, default)[..] {
                [] => {}
                [one] => return Ok(one),
                _ => break,
            }
        }
        return Err(format!(
            "missing quantisation: expected ORG/REPO:QUANT with {}",
            labels(&models)
        ));
    };
    match matching(&models, quant)[..] {
        [one] => Ok(one),
        [] => Err(format!("unknown quantisation `{quant}`: expected one of {}", labels(&models))),
        ref several => Err(format!(
            "several files have the quantisation `{quant}`: state one as ORG/REPO/FILE: {}",
            listed(several.iter().map(|file| (*file).to_owned()))
        )),
    }
}

/// The best matches: by file, then by the label in the file name, then by the label without its
/// prefix, then by folder.
fn matching<'a>(models: &[&'a str], quant: &str) -> Vec<&'a str> {
    let quant = quant.to_ascii_uppercase();
    let ways: [&dyn Fn(&str) -> bool; 4] = [
        &|file: &str| {
            let file = file.to_ascii_uppercase();
            file == quant || file.rsplit('/').next() == Some(quant.as_str())
        },
        &|file: &str| label(file).as_deref() == Some(&*quant),
        &|file: &str| label(file).is_some_and(|label| label.strip_prefix("UD-") == Some(&*quant)),
        &|file: &str| {
            let folder = file.rsplit('/').nth(1);
            folder.is_some_and(|folder| {
                let folder = folder.to_ascii_uppercase();
                folder == quant || folder.ends_with(&format!("-{quant}"))
            })
        },
    ];
    ways.iter()
        .map(|fits| models.iter().copied().filter(|file| fits(file)).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Quantisation in a file name: `…-UD-Q4_K_XL-00001-of-00002.gguf` → `UD-Q4_K_XL`.
fn label(file: &str) -> Option<String> {
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_uppercase();
    let stem = name.strip_suffix(".GGUF").unwrap_or(&name);
    // In upper case, unlike `ShardName`.
    let stem = match stem.rsplit_once("-OF-").and_then(|(rest, _)| rest.rsplit_once('-')) {
        Some((base, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => base,
        _ => stem,
    };
    let at = stem.rfind(['-', '.'])?;
    let (before, label) = (&stem[..at], &stem[at + 1..]);
    let shaped = label.bytes().any(|byte| byte.is_ascii_digit())
        && ["Q", "IQ", "TQ", "F", "BF", "FP", "MXFP", "NVFP"].iter().any(|kind| {
            label
                .strip_prefix(kind)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
    let dynamic = before.strip_suffix("UD").is_some_and(|rest| rest.ends_with(['-', '.']));
    shaped.then(|| if dynamic { format!("UD-{label}") } else { label.to_owned() })
}

fn is_model(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let lower = name.to_ascii_lowercase();
    Path::new(&lower).extension().is_some_and(|ending| ending == "gguf")
        && !NON_MODELS.iter().any(|other| lower.contains(other))
        && ShardName::of(name).is_none_or(|shard| shard.index == 1)
}

/// The distinct quantisations of `models`.
fn labels(models: &[&str]) -> String {
    listed(models.iter().map(|file| label(file).unwrap_or_else(|| (*file).to_owned())))
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    let text = names.into_iter().take(MAX_LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 12] = [
        "README.md",
        "imatrix_unsloth.gguf",
        "mmproj-F16.gguf",
        "M-BF16-00001-of-00002.gguf",
        "M-BF16-00002-of-00002.gguf",
        "M-Q4_K_M.gguf",
        "M-UD-Q4_K_M.gguf",
        "M-UD-Q4_K_XL.gguf",
        "M.IQ3_M.gguf",
        "Q8_0/M-Q8_0-00001-of-00002.gguf",
        "Q8_0/M-Q8_0-00002-of-00002.gguf",
        "Q2_K/first-00001-of-00002.gguf",
    ];

    #[test]
    fn a_quantisation_selects_one_file() {
        for (quant, file) in [
            (None, "M-Q4_K_M.gguf"),
            (Some("latest"), "M-Q4_K_M.gguf"),
            (Some("q4_k_m"), "M-Q4_K_M.gguf"),
            (Some("UD-Q4_K_M"), "M-UD-Q4_K_M.gguf"),
            (Some("Q4_K_XL"), "M-UD-Q4_K_XL.gguf"),
            (Some("IQ3_M"), "M.IQ3_M.gguf"),
            (Some("BF16"), "M-BF16-00001-of-00002.gguf"),
            (Some("Q8_0"), "Q8_0/M-Q8_0-00001-of-00002.gguf"),
            (Some("Q2_K"), "Q2_K/first-00001-of-00002.gguf"),
            (Some("M.IQ3_M.gguf"), "M.IQ3_M.gguf"),
        ] {
            assert_eq!(select_file(&FILES, quant), Ok(file), "{quant:?}");
        }
        assert_eq!(select_file(&["x.gguf", "config.json"], None), Ok("x.gguf"), "the only one");
    }

    #[test]
    fn the_error_lists_the_available_files() {
        let none = select_file(&FILES, Some("Q5_K_M")).expect_err("none");
        assert_eq!(
            none,
            "unknown quantisation `Q5_K_M`: expected one of BF16, IQ3_M, Q2_K/first-00001-of-00002.gguf, \
             Q4_K_M, Q8_0, UD-Q4_K_M, UD-Q4_K_XL"
        );
        let two =
            select_file(&["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], Some("Q4_K_M")).expect_err("two");
        assert!(two.ends_with("a-Q4_K_M.gguf, b-Q4_K_M.gguf"), "{two}");
        for files in [&["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"][..], &["a-Q5_0.gguf", "a-Q6_K.gguf"]] {
            let unsaid = select_file(files, None).expect_err("unsaid");
            assert!(unsaid.starts_with("missing quantisation"), "{unsaid}");
        }
        assert!(
            select_file(&["mmproj-F16.gguf", "README.md"], None)
                .expect_err("none")
                .contains("no GGUF")
        );
    }
}
