//! Arguments of a program as this crate writes them, read back: known flags with one value, and
//! known switches.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::str::FromStr;

use harmonic_types::EngineProgram;

use crate::error::ProgramError;

/// Flags and their values; a switch has none.
pub(crate) struct ArgumentList<'a> {
    program: EngineProgram,
    flags: BTreeMap<&'a str, Option<&'a OsStr>>,
}

impl<'a> ArgumentList<'a> {
    /// Reads `words`: each one of `switches`, or one of `valued` with its value after it.
    ///
    /// # Errors
    /// At another word, a duplicate, or a missing value.
    pub(crate) fn read(
        program: EngineProgram,
        words: &'a [OsString],
        valued: &[&str],
        switches: &[&str],
    ) -> Result<Self, ProgramError> {
        let invalid = |word: &OsStr, reason: &str| ProgramError::ReadBack {
            program,
            what: format!("argument `{}`", word.display()),
            reason: reason.to_owned(),
        };
        let mut flags = BTreeMap::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let flag = word.to_str().unwrap_or_default();
            let value = if switches.contains(&flag) {
                None
            } else if valued.contains(&flag) {
                let value =
                    words.next().ok_or_else(|| invalid(word, "expected a value after it"))?;
                Some(value.as_os_str())
            } else {
                return Err(invalid(word, "expected a flag that is written here"));
            };
            if flags.insert(flag, value).is_some() {
                return Err(invalid(word, "expected each flag once"));
            }
        }
        Ok(Self { program, flags })
    }

    /// Whether the flag or switch is there.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains_key(flag)
    }

    /// The value of `flag`.
    pub(crate) fn os_value(&self, flag: &str) -> Option<&'a OsStr> {
        self.flags.get(flag).copied().flatten()
    }

    /// The value of `flag`, parsed; `None` if it is absent.
    ///
    /// # Errors
    /// If it is not a `T`.
    pub(crate) fn value<T: FromStr>(&self, flag: &str) -> Result<Option<T>, ProgramError> {
        let Some(value) = self.os_value(flag) else { return Ok(None) };
        let parsed = value.to_str().and_then(|value| value.parse().ok());
        parsed.map(Some).ok_or_else(|| {
            self.invalid(flag, &format!("`{}` is not a value of its kind", value.display()))
        })
    }

    /// The value of `flag`, parsed.
    ///
    /// # Errors
    /// If it is absent or not a `T`.
    pub(crate) fn required<T: FromStr>(&self, flag: &str) -> Result<T, ProgramError> {
        self.value(flag)?.ok_or_else(|| self.invalid(flag, "expected a value, found none"))
    }

    pub(crate) fn invalid(&self, flag: &str, reason: &str) -> ProgramError {
        ProgramError::ReadBack {
            program: self.program,
            what: format!("flag `{flag}`"),
            reason: reason.to_owned(),
        }
    }
}
