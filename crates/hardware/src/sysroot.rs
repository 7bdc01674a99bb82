//! The root directory of all facts.
//!
//! Invariant: this crate and the crate `doctor` open paths only through a [`Sysroot`]. Below a
//! replaced root, files stand in for other interfaces: `nvml.json` ([`crate::nvml::recorded`]) for
//! NVIDIA's library, `sysctl.txt` ([`crate::apple`]) for macOS's command.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::HardwareError;

/// A root directory: `/` for this machine, another one for a recorded machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysroot {
    root: PathBuf,
}

impl Default for Sysroot {
    /// This machine.
    fn default() -> Self {
        Self::new("/")
    }
}

impl Sysroot {
    /// The machine with `/proc` and `/sys` below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether it is the running machine, for which system calls apply too.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The path on this machine of `path`, absolute on the described machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of `path`; `None` if absent. Invalid UTF-8 is replaced.
    ///
    /// # Errors
    /// [`HardwareError::Unreadable`] if it exists but cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<String>, HardwareError> {
        let path = self.path(path);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(HardwareError::Unreadable { path, source }),
        }
    }

    /// The text of `path`, which must exist; `fact` names its content in errors.
    ///
    /// # Errors
    /// [`HardwareError::Missing`] or [`HardwareError::Unreadable`].
    pub fn require(&self, path: &str, fact: &'static str) -> Result<String, HardwareError> {
        self.read(path)?.ok_or_else(|| HardwareError::Missing { path: self.path(path), fact })
    }

    /// Sorted names of the entries of a directory; empty if absent.
    ///
    /// # Errors
    /// [`HardwareError::Unreadable`] if it exists but cannot be listed.
    pub fn list(&self, path: &str) -> Result<Vec<String>, HardwareError> {
        let path = self.path(path);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(source) => return Err(HardwareError::Unreadable { path, source }),
        };
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|source| HardwareError::Unreadable { path, source })?;
        names.sort();
        Ok(names)
    }

    /// The error of a `path` without the `expected` content.
    pub fn malformed(&self, path: &str, expected: &'static str, found: &str) -> HardwareError {
        const SHOWN: usize = 60;
        HardwareError::Malformed {
            path: self.path(path),
            expected,
            found: found.trim().chars().take(SHOWN).collect(),
        }
    }
}

/// Whether a file is absent; sysfs returns ENODEV or ENXIO for devices that are gone or off.
fn is_absent(error: &io::Error) -> bool {
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || matches!(error.raw_os_error(), Some(ENXIO | ENODEV))
}
