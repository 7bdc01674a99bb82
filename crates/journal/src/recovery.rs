//! Recovery: the entries of a journal from its bytes, and what of them is to be cut.
//!
//! Invariants: what is returned is a prefix of what was appended, unchanged; bytes are cut only at
//! the end, and only if no append that returned with [`crate::Durability::Synced`] wrote them: they
//! lie beyond the synced mark, or the file ends before it, inside a line. All else that is wrong is
//! an error. Pure.

use std::path::Path;

use harmonic_fsutil::FileError;
use harmonic_types::RunId;
use serde::de::DeserializeOwned;

use crate::error::JournalError;
use crate::header::{AnyVersion, Header};
use crate::limits::Limits;
use crate::line::{self, FRAME};

/// An entry with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<E> {
    /// Its number, from 1.
    pub number: u64,
    /// Its time, in milliseconds since the start of the run.
    pub at_ms: u64,
    /// What was appended.
    pub entry: E,
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered<E> {
    /// The header.
    pub header: Header,
    /// All entries, in the order in which they were appended.
    pub entries: Vec<Entry<E>>,
    /// The bytes after them that are no entries.
    pub cut: Option<Cut>,
    /// Bytes by which the journal is shorter than it was when it was last synced. Not zero if a
    /// device lost what it had acknowledged, or the file was cut or copied in part.
    pub missing: u64,
    /// Bytes of header and entries.
    pub(crate) end: u64,
}

/// The end of a journal that is not an entry: the rest of an append that did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Number of its first line, from 1.
    pub line: u64,
    /// Its offset.
    pub at: u64,
    /// Its length.
    pub bytes: u64,
    /// What is wrong with its first line.
    pub reason: &'static str,
}

impl<E> Recovered<E> {
    /// What a person should know of the recovery; `None` where all is as it was written.
    pub fn warning(&self) -> Option<String> {
        let Self { header: Header { run, .. }, cut, missing, .. } = self;
        if *missing > 0 {
            return Some(format!(
                "the journal of run `{run}` is {missing} bytes shorter than what was synced: its \
                 last entries are lost"
            ));
        }
        cut.as_ref().map(|Cut { line, bytes, reason, .. }| {
            format!(
                "the journal of run `{run}` ended in an append that did not return: {bytes} bytes \
                 from line {line} on are cut ({reason})"
            )
        })
    }
}

/// The lines of some bytes: offset, bytes with the line feed, which the last one may lack.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// Reads the journal of `run`, found at `path`, from its bytes, of which `synced` are known to be on
/// the device.
///
/// # Errors
/// If bytes are damaged that a crash cannot have left so, the journal is of another version or run,
/// or an entry is not an `E`.
pub fn recover<E: DeserializeOwned>(
    run: &RunId,
    path: &Path,
    bytes: &[u8],
    synced: u64,
    limits: Limits,
) -> Result<Recovered<E>, JournalError> {
    let length = bytes.len() as u64;
    if length > limits.journal {
        let path = path.to_owned();
        return Err(FileError::TooLong { path, bytes: length, limit: limits.journal }.into());
    }
    let damaged = |line: u64, at: usize, reason: String| JournalError::Damaged {
        path: path.to_owned(),
        line,
        at: at as u64,
        reason,
    };
    let mut lines = lines(bytes).zip(1_u64..);
    let first = lines.next().map_or(&[][..], |((_, line), _)| line);
    let header = read_header(run, path, first)?;

    let (mut entries, mut end) = (Vec::new(), first.len());
    let mut bad: Option<(u64, usize, &'static str)> = None;
    let mut bad_lines = 0_u64;
    for ((at, line), number) in lines {
        let framed = match framed(run, line, limits) {
            Ok(framed) => framed,
            Err(reason) => {
                bad_lines += 1;
                bad.get_or_insert((number, at, reason));
                continue;
            }
        };
        if let Some((number, at, reason)) = bad {
            return Err(damaged(number, at, format!("{reason}; a valid line follows")));
        }
        let expected = entries.len() as u64 + 1;
        if framed.number != expected {
            let reason = format!("it is entry {}, expected {expected}", framed.number);
            return Err(damaged(number, at, reason));
        }
        let entry = serde_json::from_str(framed.entry).map_err(|source| JournalError::Entry {
            id: run.clone(),
            number: framed.number,
            source,
        })?;
        entries.push(Entry { number: framed.number, at_ms: framed.at_ms, entry });
        end = at + line.len();
    }
    let missing = synced.saturating_sub(length);
    if let Some((line, at, reason)) = bad {
        let is_fragment = bad_lines == 1 && !bytes.ends_with(b"\n");
        let is_unsynced = at as u64 >= synced || (missing > 0 && is_fragment);
        if !is_unsynced {
            return Err(damaged(line, at, format!("{reason}; it was synced")));
        }
    }
    let cut = bad.map(|(line, at, reason)| {
        let at = at as u64;
        Cut { line, at, bytes: length - at, reason }
    });
    Ok(Recovered { header, entries, cut, missing, end: end as u64 })
}

fn framed<'a>(
    run: &RunId,
    line: &'a [u8],
    limits: Limits,
) -> Result<line::Framed<'a>, &'static str> {
    if !line.ends_with(b"\n") {
        return Err("it has no end");
    }
    if line.len() as u64 > limits.line.saturating_add(FRAME) {
        return Err("it is too long");
    }
    line::parse(run, line)
}

/// The header in the first line of a journal.
pub(crate) fn read_header(run: &RunId, path: &Path, line: &[u8]) -> Result<Header, JournalError> {
    let other =
        |reason| JournalError::NotAJournal { id: run.clone(), path: path.to_owned(), reason };
    if line.len() as u64 > Header::LONGEST_LINE {
        return Err(other("its header is too long"));
    }
    if !line.ends_with(b"\n") {
        return Err(other("its header has no end"));
    }
    // Before the checksum: another version may have another one.
    let any: AnyVersion = serde_json::from_slice(line).map_err(|_| other("it has no header"))?;
    if any.schema != Header::SCHEMA {
        let (path, expected) = (path.to_owned(), Header::SCHEMA);
        return Err(JournalError::OtherVersion { path, schema: any.schema, expected });
    }
    let header: Header =
        serde_json::from_slice(line).map_err(|_| other("its header lacks a field"))?;
    if header.run != *run {
        return Err(other("its header names another run"));
    }
    line::body(run, line).map_err(|_| other("its header is damaged"))?;
    Ok(header)
}
