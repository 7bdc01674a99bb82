//! The suites, by name.

use harmonic_types::did_you_mean;

use crate::item::Item;
use crate::suites::{bfcl, breadth, chain, gsm8k, human_eval};

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// Independent questions on one text, made by seed.
    Breadth,
    /// Arithmetic of which each step needs the one before, made by seed.
    Chain,
    /// Word problems of grade-school mathematics.
    Gsm8k,
    /// Calls of functions.
    Bfcl,
    /// Python functions, run with their tests.
    HumanEval,
}

/// Shape of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalShape {
    /// It lists parts.
    Parts,
    /// It is one piece.
    Whole,
}

/// Files of a suite in a package of a registry, one behind the other, checked by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Where it is: `wheel:PACKAGE==VERSION/FILE`, several joined with ` + `.
    pub source: &'static str,
    /// sha256 of the files one behind the other.
    pub sha256: &'static str,
    /// Their size, in bytes.
    pub bytes: u64,
    /// Size of the package, in bytes.
    pub download_bytes: u64,
}

/// Why a suite has no items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// There is no suite of this name.
    #[error("unknown suite `{name}`{meant}: expected {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Suggestion, or empty.
        meant: String,
        /// Names of the suites.
        known: String,
    },
    /// Its package is not what it was.
    #[error("the package of the suite {suite} cannot be read: {reason}")]
    Unreadable {
        /// Name of the suite.
        suite: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Suite {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Breadth, Self::Chain, Self::Gsm8k, Self::Bfcl, Self::HumanEval];

    /// Those that are done where none is named: they need no package, and a team should win the first
    /// and lose the second.
    pub const DEFAULT: [Self; 2] = [Self::Breadth, Self::Chain];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breadth => "breadth",
            Self::Chain => "chain",
            Self::Gsm8k => "gsm8k",
            Self::Bfcl => "bfcl",
            Self::HumanEval => "humaneval",
        }
    }

    /// The suite of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, SuiteError> {
        let found = Self::ALL.into_iter().find(|suite| suite.name() == name);
        found.ok_or_else(|| SuiteError::Unknown {
            name: name.chars().take(60).collect::<String>().escape_debug().to_string(),
            meant: did_you_mean(name, Self::ALL.map(Self::name)),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// Shape of its goals.
    pub const fn shape(self) -> GoalShape {
        match self {
            Self::Breadth => GoalShape::Parts,
            _ => GoalShape::Whole,
        }
    }

    /// Whether answers are run as programs.
    pub const fn runs_programs(self) -> bool {
        matches!(self, Self::HumanEval)
    }

    /// Its package; `None` where its items are made by seed.
    pub const fn package(self) -> Option<Package> {
        match self {
            Self::Breadth | Self::Chain => None,
            Self::Gsm8k => Some(gsm8k::PACKAGE),
            Self::Bfcl => Some(bfcl::PACKAGE),
            Self::HumanEval => Some(human_eval::PACKAGE),
        }
    }

    /// Its first `count` items in the order of `seed`, of the files of its package, where it has one;
    /// fewer where it has no more.
    ///
    /// # Errors
    /// The files are not what they should be.
    pub fn items(self, files: &[u8], count: usize, seed: u64) -> Result<Vec<Item>, SuiteError> {
        let read = match self {
            Self::Breadth => return Ok(breadth::items(count, seed)),
            Self::Chain => return Ok(chain::items(count, seed)),
            Self::Gsm8k => gsm8k::items(files),
            Self::Bfcl => bfcl::items(files),
            Self::HumanEval => human_eval::items(files),
        };
        let read = read.and_then(|items| {
            if items.is_empty() { Err("it has no items".to_owned()) } else { Ok(items) }
        });
        let mut items =
            read.map_err(|reason| SuiteError::Unreadable { suite: self.name(), reason })?;
        fastrand::Rng::with_seed(seed).shuffle(&mut items);
        items.truncate(count);
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_found_by_its_name_and_a_slip_is_recognised() {
        for suite in Suite::ALL {
            assert_eq!(Suite::named(suite.name()), Ok(suite));
        }
        let error = Suite::named("bredth").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown suite `bredth` (did you mean `breadth`?): expected breadth, chain, gsm8k, \
             bfcl, humaneval"
        );
        assert!(!Suite::named("\u{1b}[2J").unwrap_err().to_string().contains('\u{1b}'));
    }

    #[test]
    fn a_package_that_is_none_is_an_error_with_its_reason() {
        for suite in Suite::ALL.into_iter().filter(|suite| suite.package().is_some()) {
            for files in [&b""[..], b"{}", b"[1", b"\xff\xfe"] {
                let error = suite.items(files, 10, 1).unwrap_err().to_string();
                assert!(error.contains(suite.name()), "{error}");
            }
        }
    }
}
