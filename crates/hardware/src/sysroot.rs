//! The directory below which all facts are read.
//!
//! Invariant: nothing in this crate, nor advice on a machine, opens a path that did not pass through a [`Sysroot`]. What is no
//! file on a live machine is one below a replaced root: `nvml.json` ([`crate::nvml::recorded`]) for
//! NVIDIA's library, `sysctl.txt` ([`crate::apple`]) for macOS's command.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::HardwareError;

/// A root directory: `/` for this machine, another for a recorded one.
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
    /// A machine whose `/proc` and `/sys` lie below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether it is the running machine, about which the kernel can also be asked directly.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where `path` (absolute on the described machine) lies on this one.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of `path`; `None` when it does not exist. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`HardwareError::Unreadable`] when it exists and cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<String>, HardwareError> {
        let path = self.path(path);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(HardwareError::Unreadable { path, source }),
        }
    }

    /// The text of `path`, which must exist because it tells `fact`.
    ///
    /// # Errors
    /// [`HardwareError::Missing`] or [`HardwareError::Unreadable`].
    pub fn require(&self, path: &str, fact: &'static str) -> Result<String, HardwareError> {
        self.read(path)?.ok_or_else(|| HardwareError::Missing { path: self.path(path), fact })
    }

    /// Names of the entries of a directory, sorted; empty when it does not exist.
    ///
    /// # Errors
    /// [`HardwareError::Unreadable`] when it exists and cannot be listed.
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

    /// An error that says that `path` lacks `expected`.
    pub fn malformed(&self, path: &str, expected: &'static str, found: &str) -> HardwareError {
        const SHOWN: usize = 60;
        HardwareError::Malformed {
            path: self.path(path),
            expected,
            found: found.trim().chars().take(SHOWN).collect(),
        }
    }
}

/// sysfs answers ENODEV or ENXIO for files of devices that are gone or switched off.
fn is_absent(error: &io::Error) -> bool {
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || matches!(error.raw_os_error(), Some(ENXIO | ENODEV))
}
