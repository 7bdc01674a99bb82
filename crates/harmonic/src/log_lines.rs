//! Lines of a log that may not be writable: a full disk, a closed pipe.
//!
//! Invariants: writing a line never fails, so a log neither ends a request nor the process; lines
//! that were lost are counted, and the first line that can be written again says how many.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::logging::LogFormat;

/// The lines of one log.
#[derive(Debug)]
pub struct LogLines<W> {
    format: LogFormat,
    log: Mutex<Log<W>>,
}

#[derive(Debug)]
struct Log<W> {
    to: W,
    lost: u64,
    /// Whether only the beginning of the last line was written.
    is_torn: bool,
}

impl<W: Write> LogLines<W> {
    /// Lines in `format`, written to `to`.
    pub const fn new(format: LogFormat, to: W) -> Self {
        Self { format, log: Mutex::new(Log { to, lost: 0, is_torn: false }) }
    }

    fn write_line(&self, line: &[u8]) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let is_writable = log.lost == 0 || {
            let notice = notice(self.format, log.lost);
            log.write(notice.as_bytes())
        };
        if is_writable {
            log.lost = 0;
        }
        if !(is_writable && log.write(line)) {
            log.lost = log.lost.saturating_add(1);
        }
    }
}

impl<W: Write> Log<W> {
    /// Writes a whole line, or returns false. One that lacks its line feed only is whole: the next one
    /// begins with it.
    fn write(&mut self, line: &[u8]) -> bool {
        if self.is_torn && self.write_bytes(b"\n") > 0 {
            return false;
        }
        let left = self.write_bytes(line);
        left == 0 || (left == 1 && line.len() > 1)
    }

    /// Writes `bytes`; gives the number of those that are left.
    fn write_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(written) if written > 0 => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        rest.len()
    }
}

/// The line that says how many lines before it were lost.
fn notice(format: LogFormat, lost: u64) -> String {
    let mut time = String::new();
    // Without a time, the line says the same.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let message =
        format!("log lines before this one were lost, as they could not be written: {lost}");
    let mut line = match format {
        LogFormat::Text => format!("{time}  WARN harmonic: {message}"),
        LogFormat::Json => serde_json::json!({
            "timestamp": time,
            "level": "WARN",
            "fields": { "message": message, "lost": lost },
            "target": "harmonic",
        })
        .to_string(),
    };
    let _ = writeln!(line);
    line
}

impl<'a, W: Write + 'a> MakeWriter<'a> for LogLines<W> {
    type Writer = LineWriter<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self)
    }
}

/// Writer of whole lines; it accepts all of them.
#[derive(Debug)]
pub struct LineWriter<'a, W>(&'a LogLines<W>);

impl<W: Write> Write for LineWriter<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &[u8] = b"{\"line\":1}\n";

    /// A disk that has space for so many bytes, while it is full.
    #[derive(Default)]
    struct Disk {
        written: Vec<u8>,
        space: Option<usize>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.space.unwrap_or(usize::MAX).min(bytes.len());
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if let Some(space) = &mut self.space {
                *space -= taken;
            }
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn every_line_is_written_or_counted_whenever_the_disk_is_full(
            steps in prop::collection::vec(prop::option::weighted(0.7, 0usize..300), 0..40),
        ) {
            let log = LogLines::new(LogFormat::Json, Disk::default());
            for space in &steps {
                log.log.lock().unwrap().to.space = *space;
                prop_assert!(log.make_writer().write_all(LINE).is_ok());
            }
            log.log.lock().unwrap().to.space = None;
            prop_assert!(log.make_writer().write_all(LINE).is_ok());
            let written = String::from_utf8(log.log.into_inner().unwrap().to.written).unwrap();
            let (mut whole, mut lost) = (0, 0);
            for line in written.lines() {
                // What was torn when the disk became full is no line.
                let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
                whole += line["line"].as_u64().unwrap_or(0);
                lost += line["fields"]["lost"].as_u64().unwrap_or(0);
            }
            prop_assert_eq!(whole + lost, steps.len() as u64 + 1, "{}", written);
            prop_assert!(written.as_bytes().ends_with(LINE));
        }
    }
}
