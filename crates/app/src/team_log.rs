//! Log of a team in the background, read while it grows.
//!
//! Invariants: memory is bounded whatever the log's length; lines are complete until the log ends;
//! a log that was truncated or replaced is read on from its new beginning.
//!
//! Does not do: write logs ([`crate::background`]).

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use harmonic_fsutil::open_regular;
use harmonic_launcher::Instance;

use crate::background::LOG_SUFFIX;
use crate::error::{AppError, Result};
use crate::event::Observer;
use crate::instances::running;
use crate::server_choice::ServerChoice;
use crate::settings::Settings;

/// Maximum bytes that are searched for the last lines.
pub const MAX_TAIL: u64 = 16 << 20;

/// Bytes read at once.
const BLOCK: u64 = 64 << 10;

/// Length at which a line is returned before its end, in bytes.
const MAX_LINE: usize = 256 << 10;

/// A log, and the team that writes it.
#[derive(Clone, Debug)]
pub struct FoundLog {
    /// Path of the log.
    pub path: PathBuf,
    /// The team; `None` if it has ended.
    pub team: Option<Instance>,
}

/// Finds the log of the team on `port`; without a port, of the team on the configured port or the
/// only one. If none runs, it is the latest log of an ended one.
///
/// # Errors
/// When there is none, several teams run and none is named, or the team logs to its terminal.
pub fn find(port: Option<u16>, settings: &Settings, observer: &dyn Observer) -> Result<FoundLog> {
    let choice = ServerChoice::new(port, None);
    let instance = match choice.instance(settings, observer) {
        Ok(instance) => instance,
        Err(refused) => {
            // Of several running teams, none is meant.
            let may_be_ended = port.is_some() || running(settings, observer)?.is_empty();
            let latest = if may_be_ended { latest(&settings.logs, port)? } else { None };
            return latest.map(|path| FoundLog { path, team: None }).ok_or(refused);
        }
    };
    match instance.log.clone() {
        Some(path) => Ok(FoundLog { path, team: Some(instance) }),
        None => Err(AppError::refused(
            format!("the team on port {} writes its log to its terminal", instance.port),
            "a team started with `harmonic up --detach` has a log file",
        )),
    }
}

/// The latest log in `folder`, of any port or of `port`.
fn latest(folder: &Path, port: Option<u16>) -> Result<Option<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let prefix = port.map(|port| format!("{port}-")).unwrap_or_default();
    let logs = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        let is_log = name.starts_with(&prefix) && name.ends_with(LOG_SUFFIX);
        is_log.then(|| Some((metadata.modified().ok()?, entry.path())))?
    });
    Ok(logs.max().map(|(_, path)| path))
}

/// Reader of one log.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: File,
    position: u64,
    /// The beginning of a line whose end is not written yet.
    pending: Vec<u8>,
}

/// The last lines of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// Complete lines.
    pub text: String,
    /// Whether fewer lines than requested are in it because they are longer than [`MAX_TAIL`].
    pub is_cut: bool,
}

impl LogReader {
    /// Opens the log at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_regular(path)?;
        Ok(Self { path: path.to_owned(), file, position: 0, pending: Vec::new() })
    }

    /// The last `lines` lines; [`LogReader::more`] continues after them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn tail(&mut self, lines: u32) -> Result<LogTail> {
        let end = self.file.metadata()?.len();
        let mut span = BLOCK;
        let (mut bytes, beginning) = loop {
            let length = span.min(end).min(MAX_TAIL);
            let bytes = self.read_at(end - length, length)?;
            let beginning = beginning_of_last(&bytes, lines);
            if beginning.is_some() || length < span {
                break (bytes, beginning);
            }
            span *= 4;
        };
        self.position = end;
        let is_cut = beginning.is_none() && end > MAX_TAIL;
        let beginning = beginning.unwrap_or_else(|| {
            // The first line is not complete.
            let first = bytes.iter().position(|byte| *byte == b'\n').filter(|_| is_cut);
            first.map_or(0, |end| end + 1)
        });
        self.pending = bytes.split_off(beginning);
        Ok(LogTail { text: self.complete_lines(), is_cut })
    }

    /// Complete lines written since; empty if there are none yet.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn more(&mut self) -> Result<String> {
        if self.file.metadata()?.len() < self.position {
            self.position = 0;
            self.pending.clear();
        }
        let mut text = String::new();
        let mut block = self.read_at(self.position, BLOCK)?;
        if block.is_empty()
            && let Some(file) = self.replacement()
        {
            text = self.rest();
            self.file = file;
            self.position = 0;
            block = self.read_at(0, BLOCK)?;
        }
        self.position += block.len() as u64;
        self.pending.append(&mut block);
        text.push_str(&self.complete_lines());
        Ok(text)
    }

    /// The beginning of a line whose end is not written, with a line break; empty if there is none.
    pub fn rest(&mut self) -> String {
        let rest = std::mem::take(&mut self.pending);
        if rest.is_empty() { String::new() } else { lossy(&rest) + "\n" }
    }

    /// Takes the complete lines of what is pending, or all of it if it is too long for a line.
    fn complete_lines(&mut self) -> String {
        let end = match self.pending.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.pending.len() > MAX_LINE => self.pending.len(),
            None => return String::new(),
        };
        let incomplete = self.pending.split_off(end);
        lossy(&std::mem::replace(&mut self.pending, incomplete))
    }

    /// The file that now has the log's path, if it is another one.
    fn replacement(&self) -> Option<File> {
        let identity = |file: &File| file.metadata().ok().map(|about| (about.dev(), about.ino()));
        // Between its removal and its replacement there is none.
        let file = open_regular(&self.path).ok()?;
        (identity(&file) != identity(&self.file)).then_some(file)
    }

    fn read_at(&mut self, position: u64, limit: u64) -> Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(position))?;
        let mut bytes = Vec::new();
        (&self.file).take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Index of the beginning of the last `lines` lines; `None` if there are not more lines than these
/// in `bytes`.
fn beginning_of_last(bytes: &[u8], lines: u32) -> Option<usize> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if lines == 0 {
        return Some(bytes.len());
    }
    let breaks = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let mut breaks = breaks.skip(usize::try_from(lines - 1).unwrap_or(usize::MAX));
    breaks.next().map(|(at, _)| at + 1)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
    }

    impl Log {
        fn with(content: &str) -> Self {
            let log = Self { folder: tempfile::tempdir().unwrap() };
            fs::write(log.path(), content).unwrap();
            log
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("team.log")
        }

        fn append(&self, text: &str) {
            let mut file = OpenOptions::new().append(true).open(self.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn new_lines_follow_the_last_ones_and_wait_for_their_end() {
        let log = Log::with("a\nb\nc\nd");
        let mut reader = LogReader::open(&log.path()).unwrap();
        let tail = reader.tail(3).unwrap();
        assert_eq!(tail, LogTail { text: "b\nc\n".to_owned(), is_cut: false });
        assert_eq!(reader.more().unwrap(), "");
        log.append("e\nf");
        assert_eq!(reader.more().unwrap(), "de\n");
        assert_eq!((reader.rest(), reader.rest()), ("f\n".to_owned(), String::new()));
    }

    #[test]
    fn a_truncated_log_and_a_replaced_one_are_read_from_their_beginnings() {
        let log = Log::with("old 1\nold 2\n");
        let mut reader = LogReader::open(&log.path()).unwrap();
        reader.tail(0).unwrap();
        fs::write(log.path(), "cut\n").unwrap();
        assert_eq!(reader.more().unwrap(), "cut\n");
        // Written to the old file before the rename, to the new one after it.
        log.append("last\nunfinished");
        fs::rename(log.path(), log.folder.path().join("team.log.1")).unwrap();
        assert_eq!(reader.more().unwrap(), "last\n");
        assert_eq!(reader.more().unwrap(), "", "there is no file now");
        fs::write(log.path(), "new\n").unwrap();
        assert_eq!(reader.more().unwrap(), "unfinished\nnew\n");
    }

    #[test]
    fn a_log_larger_than_the_limit_is_cut_at_a_line() {
        let line = format!("{}\n", "x".repeat(1023));
        let count = u32::try_from(MAX_TAIL / 1024).unwrap() + 2;
        let log = Log::with(&line.repeat(count as usize));
        let mut reader = LogReader::open(&log.path()).unwrap();
        let tail = reader.tail(count).unwrap();
        assert!(tail.is_cut && tail.text.starts_with('x') && tail.text.ends_with('\n'));
        assert!(tail.text.lines().all(|line| line.len() == 1023));
        let whole = reader.tail(count / 2).unwrap();
        assert!(!whole.is_cut);
        assert_eq!(whole.text.lines().count(), count as usize / 2);
        let exact = Log::with(&line.repeat(64));
        let tail = LogReader::open(&exact.path()).unwrap().tail(100).unwrap();
        assert_eq!((tail.text.lines().count(), tail.is_cut), (64, false));
    }

    #[test]
    fn only_the_latest_log_of_the_port_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(latest(&folder.path().join("absent"), None).unwrap(), None);
        write("4276-a.log");
        write("5000-b.log");
        write("4276-c.txt");
        let found = latest(folder.path(), Some(4276)).unwrap();
        assert_eq!(found, Some(folder.path().join("4276-a.log")));
        assert_eq!(latest(folder.path(), Some(427)).unwrap(), None);
    }

    proptest! {
        #[test]
        fn the_tail_is_that_of_the_whole_text(
            lines in prop::collection::vec("[a-zé ]{0,9}", 0..40),
            wanted in 0u32..45,
        ) {
            let text = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect();
            let content: String = text(&lines);
            let log = Log::with(&content);
            let tail = LogReader::open(&log.path()).unwrap().tail(wanted).unwrap();
            let skipped = lines.len().saturating_sub(wanted as usize);
            let expected: String = text(&lines[skipped..]);
            prop_assert_eq!(tail.text, expected);
        }
    }
}
