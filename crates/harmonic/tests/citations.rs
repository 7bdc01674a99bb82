//! Checks that references in comments and documents resolve.
//!
//! Owns: sections of Markdown files (`docs/NAME.md#section`), paths in backticks below `docs/`,
//! `scripts/` and `crates/`, and the sections of `docs/sources.md`, each of which must be cited.
//!
//! Does not do: URLs, paths outside of these directories.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Page with the sources of figures.
const SOURCES: &str = "docs/sources.md";

/// Page that lists the ignored tests.
const TESTING: &str = "docs/testing.md";

/// Directories whose files are cited by path.
const FOLDERS: [&str; 3] = ["docs/", "scripts/", "crates/"];

/// Directories outside the repository's contents: git's own, and those in `.gitignore`.
const FOREIGN: [&str; 5] = [".git", "target", ".venv", "corpus", "artifacts"];

/// As [`FOREIGN`], at the root alone: crates have folders of this name.
const FOREIGN_AT_ROOT: &str = "runs";

/// Former pages outside of the repository.
const OUTSIDE: [&str; 4] = ["research/", "design.md", "hardware.md", "../shared"];

/// Text file of the repository.
struct Text {
    /// Path from the root of the repository, with `/`.
    path: String,
    content: String,
}

impl Text {
    fn extension(&self) -> Option<&str> {
        Path::new(&self.path).extension()?.to_str()
    }

    /// Prose lines with their number, from 1: all lines of a document, comments of a source file.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mark = match self.extension() {
            Some("md") => "",
            Some("rs" | "h" | "cpp") => "//",
            _ => "#",
        };
        let lines = self.content.lines().zip(1..).map(|(line, number)| (number, line));
        lines.filter(move |(_, line)| line.trim_start().starts_with(mark))
    }

    /// Cited sections of Markdown files: line, file, section.
    fn sections(&self) -> Vec<(usize, String, String)> {
        let mut found = Vec::new();
        for (line, number) in self.content.lines().zip(1..) {
            for (at, _) in line.match_indices(".md#") {
                let named = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
                let file = line[..at].rsplit(|c| !named(c)).next().unwrap_or_default();
                let rest = &line[at + ".md#".len()..];
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c)));
                let section = &rest[..end.unwrap_or(rest.len())];
                // Only the repository's own pages.
                let file = format!("{}.md", file.trim_start_matches("../"));
                if !file.contains(':') && !section.is_empty() {
                    found.push((number, file, section.to_owned()));
                }
            }
            for (at, _) in line.match_indices("](#") {
                let section = line[at + "](#".len()..].split(')').next().unwrap_or_default();
                found.push((number, self.path.clone(), section.to_owned()));
            }
        }
        found
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Text files of the repository, except this one, which contains forbidden citations.
fn texts() -> Vec<Text> {
    let root = root();
    let mut texts = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_foreign = FOREIGN.contains(&name) || path == root.join(FOREIGN_AT_ROOT);
            if path.is_dir() && !is_foreign {
                folders.push(path);
            } else if path.is_file()
                && name != "citations.rs"
                && let Ok(content) = fs::read_to_string(&path)
            {
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                texts.push(Text { path, content });
            }
        }
    }
    texts
}

/// Headings of `markdown` from `level` on, as GitHub's anchors.
fn anchors(markdown: &str, level: usize) -> Vec<String> {
    let mut fenced = false;
    let headings = markdown.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with(&"#".repeat(level))
    });
    let kept = |c: char| c.is_alphanumeric() || "-_ ".contains(c);
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_section_that_is_cited_exists() {
    let texts = texts();
    let pages: BTreeMap<&str, Vec<String>> = texts
        .iter()
        .filter(|text| text.extension() == Some("md"))
        .map(|text| (text.path.as_str(), anchors(&text.content, 1)))
        .collect();
    let mut dangling = Vec::new();
    for text in &texts {
        for (line, file, section) in text.sections() {
            let beside = text.path.rsplit_once('/').map(|(folder, _)| format!("{folder}/{file}"));
            let page = pages.get(file.as_str()).or_else(|| pages.get(beside?.as_str()));
            if !page.is_some_and(|anchors| anchors.contains(&section)) {
                dangling.push(format!("{}:{line}: {file}#{section}", text.path));
            }
        }
    }
    assert_eq!(dangling, Vec::<String>::new());
}

#[test]
fn every_source_is_cited() {
    let texts = texts();
    let cited: Vec<String> = texts
        .iter()
        .filter(|text| text.path != SOURCES)
        .flat_map(Text::sections)
        .filter(|(_, file, _)| file == SOURCES)
        .map(|(_, _, section)| section)
        .collect();
    let sources = texts.iter().find(|text| text.path == SOURCES).unwrap();
    let idle = anchors(&sources.content, 2).into_iter().filter(|anchor| !cited.contains(anchor));
    assert_eq!(idle.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_file_that_is_cited_exists() {
    let root = root();
    let mut absent = Vec::new();
    for text in texts() {
        for (line, prose) in text.prose() {
            let words = prose.split('`').skip(1).step_by(2);
            let paths = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
            for cited in paths {
                let path = cited.split([' ', '#']).next().unwrap_or_default();
                let pattern = format!("{}/{path}", root.display());
                if glob::glob(&pattern).unwrap().next().is_none() {
                    absent.push(format!("{}:{line}: {cited}", text.path));
                }
            }
        }
    }
    assert_eq!(absent, Vec::<String>::new());
}

#[test]
fn every_ignored_test_is_listed() {
    let attribute = concat!("#[", "ignore");
    let texts = texts();
    let mut expected: Vec<_> = texts
        .iter()
        .filter(|text| text.extension() == Some("rs") && text.content.contains(attribute))
        .map(|text| text.path.as_str())
        .collect();
    let page = texts.iter().find(|text| text.path == TESTING).unwrap();
    let rows = page.content.lines().filter_map(|line| line.strip_prefix("| `crates/"));
    let mut listed: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    expected.sort_unstable();
    listed.sort_unstable();
    let listed: Vec<_> = listed.into_iter().map(|file| format!("crates/{file}")).collect();
    assert_eq!(expected, listed, "{TESTING} lists the files with ignored tests");
}

#[test]
fn nothing_outside_the_repository_is_cited() {
    let mut outside = Vec::new();
    for text in texts() {
        for (line, number) in text.content.lines().zip(1..) {
            if OUTSIDE.iter().any(|page| line.contains(page)) {
                outside.push(format!("{}:{number}: {}", text.path, line.trim()));
            }
        }
    }
    assert_eq!(outside, Vec::<String>::new());
}

#[test]
fn a_heading_is_an_anchor_as_on_github() {
    let page = "# What it costs, in `ms`\n```\n# no heading\n```\n## KV per token\n";
    assert_eq!(anchors(page, 1), ["what-it-costs-in-ms", "kv-per-token"]);
    assert_eq!(anchors(page, 2), ["kv-per-token"]);
}
