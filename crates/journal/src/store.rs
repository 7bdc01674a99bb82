//! The store: a folder with one folder for each run.
//!
//! Invariants: a run appears whole, by a rename, and disappears so; what cannot be read as a run
//! does not hinder the others.

use std::io::ErrorKind;
use std::path::Path;

use harmonic_fsutil::{FileError, Skipped};
use harmonic_types::RunId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifacts::{self, ArtifactId};
use crate::error::JournalError;
use crate::folder::Folder;
use crate::header::Header;
use crate::id::is_run_id;
use crate::journal::{self, Journal};
use crate::limits::Limits;
use crate::lock;
use crate::recovery::{Recovered, read_header};
use crate::summary::{self, RunSummary};

/// What the names of folders begin with that are not in their place yet, or no longer.
const NEW: &str = ".new-";
const REMOVED: &str = ".removed-";

/// Times that the creation of a run is begun anew.
const CREATIONS: u32 = 8;

/// The folder of all runs.
#[derive(Debug)]
pub struct Store {
    root: Folder,
    limits: Limits,
}

/// The runs of a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Runs, oldest first.
    pub runs: Vec<RunListing>,
    /// Files and folders that could not be read, with the reason.
    pub skipped: Vec<Skipped>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunListing {
    /// Header of its journal.
    pub header: Header,
    /// Its summary; `None` where none was written, or it cannot be read.
    pub summary: Option<RunSummary>,
    /// Length of its journal.
    pub bytes: u64,
}

/// What [`Store::keep`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Runs that were removed, oldest first.
    pub removed: Vec<RunId>,
    /// Files and folders that could not be read or removed, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Store {
    /// Opens the store in the folder `root`, which is created if absent.
    ///
    /// # Errors
    /// If the folder cannot be created or opened.
    pub fn open(root: &Path, limits: Limits) -> Result<Self, JournalError> {
        Ok(Self { root: Folder::root(root)?, limits })
    }

    /// Creates a run; it is on the device when this returns.
    ///
    /// # Errors
    /// If its id is invalid or taken, its owner's name is too long, or a file cannot be written.
    pub fn create<E: Serialize + DeserializeOwned>(
        &self,
        header: &Header,
    ) -> Result<Journal<E>, JournalError> {
        let id = header.run.clone();
        check(&id)?;
        let (bytes, limit) = (header.owner.len() as u64, Header::LONGEST_OWNER as u64);
        if bytes > limit {
            return Err(JournalError::TooLong { id, what: "the owner's name", bytes, limit });
        }
        if self.root.contains(&id.0) {
            return Err(JournalError::Exists { id });
        }
        for _ in 0..CREATIONS {
            match self.create_folder(header.clone()) {
                // `keep` took it for the rest of an interrupted creation, before it was locked.
                Err(JournalError::Locked { .. }) => {}
                Err(JournalError::File(FileError::Io { source, .. }))
                    if source.kind() == ErrorKind::NotFound => {}
                created => return created,
            }
        }
        self.create_folder(header.clone())
    }

    /// Creates the folder of a run, and puts it into its place.
    fn create_folder<E: Serialize + DeserializeOwned>(
        &self,
        header: Header,
    ) -> Result<Journal<E>, JournalError> {
        let id = header.run.clone();
        let name = format!("{NEW}{id}");
        if self.root.contains(&name) {
            self.root.remove_folder(&name)?;
        }
        let created = self.root.create_folder(&name).map_err(JournalError::from);
        let created = created.and_then(|folder| {
            let journal = Journal::create(folder, header, self.limits)?;
            let renamed = self.root.rename(&name, &id.0).and_then(|()| self.root.sync());
            renamed.map_err(|source| {
                JournalError::write(&id, "the folder", self.root.path_of(&id.0), source)
            })?;
            Ok(journal.moved_to(self.root.path_of(&id.0)))
        });
        if created.is_err() {
            // `keep` removes it, where this cannot.
            let _ = self.root.remove_folder(&name);
        }
        created
    }

    /// Opens a run for writing, with all its entries; cuts what is no entry at the end of its
    /// journal.
    ///
    /// # Errors
    /// If there is no such run, it is open elsewhere, or its journal is damaged; it is unchanged
    /// then.
    pub fn resume<E: Serialize + DeserializeOwned>(
        &self,
        id: &RunId,
    ) -> Result<(Journal<E>, Recovered<E>), JournalError> {
        let folder = self.run(id)?;
        let opened = Journal::open(folder, id, self.limits);
        // It may have been removed before it was locked.
        match opened {
            Ok((journal, _)) if !self.root.is_still(&id.0, journal.folder()) => {
                Err(self.not_found(id))
            }
            Err(_) if !self.root.contains(&id.0) => Err(self.not_found(id)),
            other => other,
        }
    }

    /// Reads a run, which may be open elsewhere; changes nothing.
    ///
    /// # Errors
    /// If there is no such run, or its journal is damaged.
    pub fn read<E: DeserializeOwned>(&self, id: &RunId) -> Result<Recovered<E>, JournalError> {
        journal::read(&self.run(id)?, id, self.limits)
    }

    /// Header of a run, which may be open elsewhere, and damaged after its header.
    ///
    /// # Errors
    /// If there is no such run, or its journal does not begin with its header.
    pub fn header(&self, id: &RunId) -> Result<Header, JournalError> {
        header(&self.run(id)?, id)
    }

    /// Checks that no writer has a run open. One may open it right after.
    ///
    /// # Errors
    /// [`JournalError::Locked`], or if there is no such run.
    pub fn check_free(&self, id: &RunId) -> Result<(), JournalError> {
        lock::check_free(&self.run(id)?, id)
    }

    /// Content of an artifact of a run, which may be open elsewhere.
    ///
    /// # Errors
    /// If there is no such run or artifact, or it is damaged.
    pub fn artifact(&self, id: &RunId, artifact: &ArtifactId) -> Result<Vec<u8>, JournalError> {
        artifacts::get(&self.run(id)?, id, artifact, self.limits)
    }

    /// The runs of the store, by header and summary: journals are not read.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<Listing, JournalError> {
        let mut listing = Listing::default();
        for name in self.root.names()? {
            if name.starts_with(NEW) || name.starts_with(REMOVED) {
                continue;
            }
            let id = RunId(name);
            let found = check(&id).and_then(|()| self.entry(&id));
            let skipped = match found {
                Ok((run, None)) => {
                    listing.runs.push(run);
                    continue;
                }
                Ok((run, Some(error))) => {
                    listing.runs.push(run);
                    error
                }
                // It was removed meanwhile.
                Err(_) if !self.root.contains(&id.0) => continue,
                Err(error) => error,
            };
            let (path, reason) = (self.root.path_of(&id.0), skipped.to_string());
            listing.skipped.push(Skipped { path, reason });
        }
        Ok(listing)
    }

    /// Header and summary of a run; with the error of its summary, if it has one.
    fn entry(&self, id: &RunId) -> Result<(RunListing, Option<JournalError>), JournalError> {
        let folder = self.run(id)?;
        let header = header(&folder, id)?;
        let bytes = folder.length(journal::NAME);
        let (summary, error) = match summary::read(&folder, id) {
            Ok(summary) => (summary, None),
            Err(error) => (None, Some(error)),
        };
        Ok((RunListing { header, summary, bytes }, error))
    }

    /// Removes a run with its artifacts.
    ///
    /// # Errors
    /// If there is no such run, it is open, or a file cannot be removed.
    pub fn remove(&self, id: &RunId) -> Result<(), JournalError> {
        let folder = self.run(id)?;
        let _lock = lock::acquire(&folder, id)?;
        if !self.root.is_still(&id.0, &folder) {
            return Err(self.not_found(id));
        }
        let name = format!("{REMOVED}{id}");
        if self.root.contains(&name) {
            self.root.remove_folder(&name)?;
        }
        let renamed = self.root.rename(&id.0, &name).and_then(|()| self.root.sync());
        renamed.map_err(|source| {
            JournalError::write(id, "the folder", self.root.path_of(&id.0), source)
        })?;
        Ok(self.root.remove_folder(&name)?)
    }

    /// Removes finished runs but for the newest `most`, and what interrupted creations and removals
    /// have left. Runs that are open, or not finished, stay.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn keep(&self, most: usize) -> Result<Kept, JournalError> {
        let Listing { runs, skipped } = self.list()?;
        let mut kept = Kept { removed: Vec::new(), skipped };
        let is_finished = |run: &RunListing| run.summary.as_ref().is_some_and(|s| s.finished);
        let finished = runs.into_iter().filter(is_finished).map(|run| run.header.run);
        let finished: Vec<RunId> = finished.collect();
        let surplus = finished.len().saturating_sub(most);
        for id in finished.into_iter().take(surplus) {
            match self.remove(&id) {
                Ok(()) => kept.removed.push(id),
                // Removed by another, or resumed.
                Err(JournalError::NotFound { .. } | JournalError::Locked { .. }) => {}
                Err(error) => {
                    let (path, reason) = (self.root.path_of(&id.0), error.to_string());
                    kept.skipped.push(Skipped { path, reason });
                }
            }
        }
        for name in self.root.names()? {
            if let Err(error) = self.remove_leftover(&name) {
                let (path, reason) = (self.root.path_of(&name), error.to_string());
                kept.skipped.push(Skipped { path, reason });
            }
        }
        Ok(kept)
    }

    /// Removes the folder `name`, if it is the rest of an interrupted creation or removal.
    fn remove_leftover(&self, name: &str) -> Result<(), JournalError> {
        let id = name.strip_prefix(NEW).or_else(|| name.strip_prefix(REMOVED));
        let Some(id) = id.filter(|id| is_run_id(id)) else { return Ok(()) };
        let folder = self.root.folder(name)?;
        // Locked: a creation or removal that goes on.
        match lock::acquire(&folder, &RunId(id.to_owned())) {
            Ok(_lock) => Ok(self.root.remove_folder(name)?),
            Err(JournalError::Locked { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Folder of a run.
    fn run(&self, id: &RunId) -> Result<Folder, JournalError> {
        check(id)?;
        if !self.root.contains(&id.0) {
            return Err(self.not_found(id));
        }
        Ok(self.root.folder(&id.0)?)
    }

    fn not_found(&self, id: &RunId) -> JournalError {
        JournalError::NotFound { id: id.clone(), root: self.root.path().to_owned() }
    }
}

/// Header of the run in `folder`.
fn header(folder: &Folder, id: &RunId) -> Result<Header, JournalError> {
    let line = folder.first_line(journal::NAME, Header::LONGEST_LINE)?;
    let line = line.ok_or_else(|| journal::absent(folder, id))?;
    read_header(id, &folder.path_of(journal::NAME), &line)
}

fn check(id: &RunId) -> Result<(), JournalError> {
    if is_run_id(&id.0) { Ok(()) } else { Err(JournalError::InvalidId { id: id.clone() }) }
}
