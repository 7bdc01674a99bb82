//! Addresses on the Hugging Face hub.
//!
//! `hf:ORG/REPO[@REVISION]/FILE`, `hf:ORG/REPO[@REVISION][:QUANT]`, the same after `hf.co/` or
//! `huggingface.co/` as in Ollama, and URLs of pages and files.
//!
//! Invariant: repository and revision are plain words, and no component of a path is empty, `.` or
//! `..`, also if percent-encoded.

use crate::source::Source;

/// Host names of the hub.
const HOSTS: [&str; 3] = ["huggingface.co", "www.huggingface.co", "hf.co"];

/// Whether `given` is an address, of the hub or invalid.
pub(crate) fn is_hub_address(given: &str) -> bool {
    // A URL of another host is not a path either.
    given.starts_with("hf:") || given.contains("://") || strip_host(given).is_some()
}

/// The source of a hub address; `None` if it is invalid.
pub(crate) fn parse(given: &str) -> Option<Source> {
    if let Some(rest) = given.strip_prefix("hf:") {
        return short(rest);
    }
    if let Some(rest) = strip_host(given) {
        return page(rest);
    }
    let rest = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"))?;
    page(strip_host(rest)?)
}

/// The part after the host name of the hub.
fn strip_host(given: &str) -> Option<&str> {
    let (host, rest) = given.split_once('/')?;
    HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known)).then_some(rest)
}

/// Parses `ORG/REPO[@REVISION]/FILE` or `ORG/REPO[@REVISION][:QUANT]`. A revision cannot contain
/// `/`.
fn short(rest: &str) -> Option<Source> {
    let mut parts = rest.splitn(3, '/');
    let (org, repo, file) = (parts.next()?, parts.next()?, parts.next());
    let (repo, quant) = match (repo.split_once(':'), file) {
        (Some((repo, quant)), None) => (repo, Some(quant)),
        _ => (repo, None),
    };
    let (repo, revision) = match repo.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision)),
        None => (repo, None),
    };
    source(org, repo, revision, file.map(str::to_owned), quant)
}

/// Parses `ORG/REPO[:QUANT]`, `ORG/REPO/{resolve,blob,raw}/REVISION/FILE` or
/// `ORG/REPO/tree/REVISION`, ignoring query and fragment. Otherwise a third component is a file, as
/// after `hf:`.
fn page(rest: &str) -> Option<Source> {
    let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
    let parts: Vec<&str> = rest.split('/').collect();
    match parts[..] {
        [org, repo, "resolve" | "blob" | "raw", revision, ref file @ ..] if !file.is_empty() => {
            let file = percent_decoded(&file.join("/"))?;
            source(
                org,
                repo,
                Some(revision).filter(|revision| *revision != "main"),
                Some(file),
                None,
            )
        }
        [org, repo, "tree", revision] => source(org, repo, Some(revision), None, None),
        [_, _, "resolve" | "blob" | "raw" | "tree", ..] => None,
        _ => short(&percent_decoded(rest)?),
    }
}

fn source(
    org: &str,
    repo: &str,
    revision: Option<&str>,
    file: Option<String>,
    quant: Option<&str>,
) -> Option<Source> {
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let path_ok = |file: &String| {
        file.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
            && !file.contains(|c: char| c.is_control())
    };
    let valid = plain(org)
        && plain(repo)
        && revision.is_none_or(plain)
        && quant.is_none_or(plain)
        && file.as_ref().is_none_or(path_ok);
    let (repo, revision) = (format!("{org}/{repo}"), revision.map(str::to_owned));
    valid.then(|| match file {
        Some(file) => Source::Hub { repo, revision, file },
        None => Source::Quant { repo, revision, quant: quant.map(str::to_owned) },
    })
}

/// `text` percent-decoded once.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_an_address_are_equivalent() {
        let file = "hf:org/repo/sub/m-Q4_K_M.gguf";
        let quant = "hf:org/repo:Q4_K_M";
        for (given, expected) in [
            (file, file),
            ("hf.co/org/repo/sub/m-Q4_K_M.gguf", file),
            ("https://huggingface.co/org/repo/resolve/main/sub/m-Q4_K_M.gguf?download=true", file),
            ("https://huggingface.co/org/repo/blob/main/sub/m-Q4_K_M.gguf", file),
            ("https://HF.co/org/repo/blob/main/sub%2Fm-Q4_K_M.gguf", file),
            ("huggingface.co/org/repo/raw/v1/m.gguf", "hf:org/repo@v1/m.gguf"),
            (quant, quant),
            ("hf.co/org/repo:Q4_K_M", quant),
            ("https://hf.co/org/repo:Q4_K_M", quant),
            ("hf:org/repo@abc:Q8_0", "hf:org/repo@abc:Q8_0"),
            ("hf:org/repo", "hf:org/repo"),
            ("https://huggingface.co/org/repo/", "hf:org/repo"),
            ("https://huggingface.co/org/repo/tree/abc", "hf:org/repo@abc"),
            ("hf:org/repo:m-Q4_K_M.gguf", "hf:org/repo:m-Q4_K_M.gguf"),
        ] {
            assert!(is_hub_address(given), "{given}");
            let source = parse(given).unwrap_or_else(|| panic!("{given}"));
            assert_eq!(source.to_string(), expected, "{given}");
            assert_eq!(parse(&source.to_string()), Some(source), "{given}");
        }
    }

    #[test]
    fn addresses_outside_the_repository_or_the_hub_are_invalid() {
        for given in [
            "hf:org",
            "hf:../repo",
            "hf:org/../x",
            "hf:org/repo:",
            "hf:org/repo:../x",
            "hf:org/repo@../x",
            "https://huggingface.co/org/repo/resolve/main/../../x",
            "https://huggingface.co/org/repo/resolve/main/%2e%2e/x",
            "https://huggingface.co/org/repo/resolve/main/a%2F%2E%2E%2Fx",
            "https://huggingface.co/org/repo/resolve/main/a%00",
            "https://huggingface.co/org/repo/resolve/main/%zz",
            "https://huggingface.co/org/repo/resolve/main",
            "https://huggingface.co:99/org/repo",
            "https://me@huggingface.co/org/repo",
            "https://example.com/org/repo/resolve/main/m.gguf",
            "file:///etc/passwd",
        ] {
            assert!(is_hub_address(given) && parse(given).is_none(), "{given}");
        }
        for given in ["smollm2:135m", "./hf.co/x", "models/m.gguf"] {
            assert!(!is_hub_address(given), "{given}");
        }
    }
}
