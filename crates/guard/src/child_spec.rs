//! What to start, and the program that guards it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::GuardError;

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildSpec {
    /// Name in logs and errors.
    pub name: String,
    /// Executable; one without a slash is looked up in the program's own `PATH`.
    #[serde(with = "path_bytes")]
    pub executable: PathBuf,
    /// Arguments after the executable.
    pub arguments: Vec<OsString>,
    /// Variables that are set, in addition to those of this process or in place of them.
    pub environment: Vec<(String, OsString)>,
    /// Variables of this process that are not passed on.
    pub remove: Vec<String>,
    /// Working directory.
    #[serde(with = "path_bytes")]
    pub folder: PathBuf,
}

/// Command of a guard: a program that calls [`run`](crate::run) before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardCommand {
    /// Path of the program.
    pub executable: PathBuf,
    /// Arguments that make it call [`run`](crate::run).
    pub arguments: Vec<OsString>,
}

impl ChildSpec {
    /// The same with absolute paths, as the program changes its working directory first.
    ///
    /// # Errors
    /// If a name of a variable is invalid, or a text holds a NUL byte.
    pub(crate) fn checked(self) -> Result<Self, GuardError> {
        let set = self.environment.iter().map(|(name, _)| name);
        if let Some(name) = set.chain(&self.remove).find(|name| !is_variable(name)) {
            return Err(GuardError::InvalidVariable { name: name.clone() });
        }
        let values = self.environment.iter().map(|(_, value)| value.as_os_str());
        let arguments = self.arguments.iter().map(OsString::as_os_str);
        let paths = [self.executable.as_os_str(), self.folder.as_os_str()];
        if let Some(text) = values.chain(arguments).chain(paths).find(|text| has_nul(text)) {
            return Err(GuardError::Nul { text: text.to_string_lossy().replace('\0', "\\0") });
        }
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(|source| GuardError::InvalidPath { path, source })
        };
        let by_name = !self.executable.as_os_str().as_bytes().contains(&b'/');
        let executable = match self.executable {
            name if by_name && !name.as_os_str().is_empty() => name,
            path => absolute(path)?,
        };
        Ok(Self { executable, folder: absolute(self.folder)?, ..self })
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn has_nul(text: &OsStr) -> bool {
    text.as_bytes().contains(&0)
}

/// Paths as JSON, also those that are not UTF-8.
mod path_bytes {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::deserialize(from)?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;

    fn spec() -> ChildSpec {
        ChildSpec {
            name: "test".into(),
            executable: "/bin/sh".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            remove: Vec::new(),
            folder: "/".into(),
        }
    }

    fn bytes() -> impl Strategy<Value = OsString> {
        prop::collection::vec(1..=u8::MAX, 0..20).prop_map(OsString::from_vec)
    }

    proptest! {
        #[test]
        fn a_spec_of_any_bytes_is_read_back_as_it_was_written(
            executable in bytes(),
            arguments in prop::collection::vec(bytes(), 0..4),
            environment in prop::collection::vec((".*", bytes()), 0..4),
            folder in bytes(),
        ) {
            let written = ChildSpec {
                executable: executable.into(), arguments, environment, folder: folder.into(), ..spec()
            };
            let json = serde_json::to_string(&written).unwrap();
            prop_assert_eq!(serde_json::from_str::<ChildSpec>(&json).unwrap(), written);
        }
    }

    #[test]
    fn names_and_texts_that_a_system_does_not_take_are_refused_by_name() {
        for name in ["", "A=B", "A\0"] {
            let set = ChildSpec { environment: vec![(name.into(), "1".into())], ..spec() };
            let removed = ChildSpec { remove: vec![name.into()], ..spec() };
            for spec in [set, removed] {
                let error = spec.checked().unwrap_err();
                assert!(matches!(error, GuardError::InvalidVariable { .. }), "{error}");
            }
        }
        let spec = ChildSpec { arguments: vec!["a\0b".into()], ..spec() };
        assert!(spec.checked().unwrap_err().to_string().contains("a\\0b"));
    }

    #[test]
    fn a_relative_path_is_one_of_this_process_and_a_bare_name_stays_one() {
        let here = std::env::current_dir().unwrap();
        let checked = ChildSpec { executable: "bin/x".into(), ..spec() }.checked().unwrap();
        assert_eq!(checked.executable, here.join("bin/x"));
        let checked = ChildSpec { executable: "ollama".into(), ..spec() }.checked().unwrap();
        assert_eq!(checked.executable.as_os_str(), "ollama");
        let unnamed = ChildSpec { executable: "".into(), ..spec() }.checked();
        assert!(matches!(unnamed, Err(GuardError::InvalidPath { .. })));
    }
}
