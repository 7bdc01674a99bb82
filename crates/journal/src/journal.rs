//! The writer of a run's journal.
//!
//! Invariants: one writer for each run, by the lock; a line is written behind the last whole one;
//! after a write or flush that leaves the file in doubt, nothing more is written.

use std::fs::File;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use harmonic_fsutil::{FileError, FileLock};
use harmonic_types::RunId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifacts::{self, ArtifactId, Artifacts};
use crate::error::JournalError;
use crate::folder::Folder;
use crate::header::Header;
use crate::limits::Limits;
use crate::recovery::{Recovered, recover};
use crate::summary::{self, RunSummary};
use crate::synced::{self, SyncedMark};
use crate::{line, lock};

/// Name of the file.
pub(crate) const NAME: &str = "journal.jsonl";

/// What an appended entry survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, `kill -9` included.
    Buffered,
    /// The end of the machine, too; so do all entries before it.
    Synced,
}

/// Journal of a run, open for writing. The run is locked until it is dropped.
#[derive(Debug)]
pub struct Journal<E> {
    header: Header,
    folder: Folder,
    file: File,
    mark: SyncedMark,
    artifacts: Artifacts,
    limits: Limits,
    /// Bytes of header and entries.
    end: u64,
    /// Number of the last entry.
    last: u64,
    is_broken: bool,
    _lock: FileLock,
    entries: PhantomData<fn(E)>,
}

impl<E: Serialize + DeserializeOwned> Journal<E> {
    /// Writes the files of a new run into its empty folder, which is not in its place yet.
    pub(crate) fn create(
        folder: Folder,
        header: Header,
        limits: Limits,
    ) -> Result<Self, JournalError> {
        let id = header.run.clone();
        let line = line::header(&id, &header).map_err(|source| JournalError::Entry {
            id: id.clone(),
            number: 0,
            source,
        })?;
        let bytes = line.len() as u64;
        if bytes > limits.journal {
            let what = "the journal";
            return Err(JournalError::TooLong { id, what, bytes, limit: limits.journal });
        }
        let lock = lock::acquire(&folder, &id)?;
        sync(&folder.create_folder(artifacts::FOLDER)?, &id)?;
        folder.write_new(NAME, line.as_bytes(), true).map_err(|source| {
            JournalError::write(&id, "the journal", folder.path_of(NAME), source)
        })?;
        sync(&folder, &id)?;
        let journal = Self::new(folder, header, limits, lock, line.len() as u64, 0)?;
        journal.mark.set(journal.end);
        Ok(journal)
    }

    /// Opens the journal of a run, and cuts what is no entry at its end.
    pub(crate) fn open(
        folder: Folder,
        id: &RunId,
        limits: Limits,
    ) -> Result<(Self, Recovered<E>), JournalError> {
        let lock = lock::acquire(&folder, id)?;
        let recovered = read::<E>(&folder, id, limits)?;
        let (header, last) = (recovered.header.clone(), recovered.entries.len() as u64);
        let journal = Self::new(folder, header, limits, lock, recovered.end, last)?;
        if recovered.cut.is_some() || recovered.missing > 0 {
            let cut = journal.file.set_len(journal.end).and_then(|()| journal.file.sync_all());
            cut.map_err(|source| FileError::Io {
                action: "cut the end of",
                path: journal.folder.path_of(NAME),
                source,
            })?;
            journal.mark.set(journal.end);
        }
        Ok((journal, recovered))
    }

    fn new(
        folder: Folder,
        header: Header,
        limits: Limits,
        lock: FileLock,
        end: u64,
        last: u64,
    ) -> Result<Self, JournalError> {
        let file = folder.open_writable(NAME)?;
        let file = file.ok_or_else(|| FileError::NotAFile { path: folder.path_of(NAME) })?;
        let mark = SyncedMark::new(folder.open_or_create(synced::NAME)?);
        let artifacts = Artifacts::open(&folder, limits)?;
        Ok(Self {
            header,
            folder,
            file,
            mark,
            artifacts,
            limits,
            end,
            last,
            is_broken: false,
            _lock: lock,
            entries: PhantomData,
        })
    }

    /// The same journal, after its folder was renamed.
    pub(crate) fn moved_to(mut self, path: PathBuf) -> Self {
        self.folder = self.folder.moved_to(path);
        self
    }

    /// Folder of the run.
    pub(crate) const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Appends an entry of the time `at_ms`, in milliseconds since the start of the run; returns its
    /// number.
    ///
    /// # Errors
    /// If it is too long, the disk is full, or the file cannot be written. The entry is not in the
    /// journal then, except where a flush failed: whether it is there is known when the journal is
    /// opened again.
    pub fn append(
        &mut self,
        at_ms: u64,
        entry: &E,
        durability: Durability,
    ) -> Result<u64, JournalError> {
        let id = &self.header.run;
        if self.is_broken {
            return Err(JournalError::Broken { id: id.clone() });
        }
        let number = self.last + 1;
        let invalid = |source| JournalError::Entry { id: id.clone(), number, source };
        let json = serde_json::to_string(entry).map_err(invalid)?;
        let too_long =
            |what, bytes, limit| Err(JournalError::TooLong { id: id.clone(), what, bytes, limit });
        if json.len() as u64 > self.limits.line {
            return too_long("an entry", json.len() as u64, self.limits.line);
        }
        let line = line::entry(id, number, at_ms, &json);
        let end = self.end + line.len() as u64;
        if end > self.limits.journal {
            return too_long("the journal", end, self.limits.journal);
        }
        if let Err(source) = self.file.write_all_at(line.as_bytes(), self.end) {
            // A fragment would swallow the entry after it.
            self.is_broken = self.file.set_len(self.end).is_err();
            let path = self.folder.path_of(NAME);
            return Err(JournalError::write(id, "an entry", path, source));
        }
        if durability == Durability::Synced {
            if let Err(source) = self.file.sync_data() {
                // The kernel may have dropped what it could not write, and says so once.
                self.is_broken = true;
                return Err(JournalError::write(id, "an entry", self.folder.path_of(NAME), source));
            }
            self.mark.set(end);
        }
        (self.end, self.last) = (end, number);
        Ok(number)
    }

    /// Stores an artifact, unless it is there; it is on the device when this returns.
    ///
    /// # Errors
    /// If it is too long, the disk is full, or it cannot be written.
    pub fn put_artifact(&mut self, content: &[u8]) -> Result<ArtifactId, JournalError> {
        self.artifacts.put(&self.header.run, content)
    }

    /// Content of an artifact.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn artifact(&self, id: &ArtifactId) -> Result<Vec<u8>, JournalError> {
        self.artifacts.get(&self.header.run, id)
    }

    /// Replaces the summary of the run.
    ///
    /// # Errors
    /// If it is too long, the disk is full, or it cannot be written; the old one stays then.
    pub fn set_summary(&self, summary: RunSummary) -> Result<(), JournalError> {
        summary::write(&self.folder, &self.header.run, summary)
    }
}

/// Makes names in the folder of a run durable.
fn sync(folder: &Folder, id: &RunId) -> Result<(), JournalError> {
    let failed = |source| JournalError::write(id, "a folder", folder.path().to_owned(), source);
    folder.sync().map_err(failed)
}

/// Reads the journal in the folder of a run, without the lock: an append in progress is seen as a
/// fragment at its end.
pub(crate) fn read<E: DeserializeOwned>(
    folder: &Folder,
    id: &RunId,
    limits: Limits,
) -> Result<Recovered<E>, JournalError> {
    // Before the journal, which may grow meanwhile.
    let synced = synced::read(folder);
    let path = folder.path_of(NAME);
    let bytes = folder.read(NAME, limits.journal)?;
    let bytes = bytes.ok_or_else(|| absent(folder, id))?;
    recover(id, &path, &bytes, synced, limits)
}

/// Error of a run without a journal.
pub(crate) fn absent(folder: &Folder, id: &RunId) -> JournalError {
    let path = folder.path_of(NAME);
    JournalError::NotAJournal { id: id.clone(), path, reason: "the file is absent" }
}
