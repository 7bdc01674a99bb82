//! The program's output on its way to the owner.
//!
//! Invariant: the program is always read from, so that it never waits for an owner that does not
//! read; lines that find no room on the way are counted instead.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::line_splitter::LineSplitter;
use crate::report::Report;

/// Reports on the way; with the longest lines a few megabytes.
const ROOM: usize = 256;

/// Time for the rest of the output once all processes of the program have ended. Another process
/// may have been given the other end of the pipe, and hold it.
const REST: Duration = Duration::from_secs(1);

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Way to the owner: standard output.
#[derive(Debug)]
pub(crate) struct Forward {
    /// `None` is the last that the writer takes, though readers may still hold the channel.
    sender: SyncSender<Option<Report>>,
    dropped: Arc<AtomicU64>,
    writer: JoinHandle<()>,
    /// Says something only by its end: that no reader is left.
    readers: Option<Receiver<()>>,
}

impl Forward {
    pub(crate) fn start() -> io::Result<Self> {
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (sender, receiver) = sync_channel::<Option<Report>>(ROOM);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let writer = thread::Builder::new().name("reports".into()).spawn(move || {
            let mut write = |report: &Report| output.write_all(&report.line()?);
            // After a failure the owner is gone: the rest is read and forgotten.
            let mut gone = false;
            while let Ok(Some(report)) = receiver.recv() {
                let lines = lost.swap(0, Ordering::Relaxed);
                gone |= lines > 0 && write(&Report::Dropped { lines }).is_err();
                gone = gone || write(&report).is_err();
            }
        })?;
        Ok(Self { sender, dropped, writer, readers: None })
    }

    /// Reads `streams` to their ends.
    pub(crate) fn read(&mut self, streams: Vec<Box<dyn Read + Send>>) -> io::Result<()> {
        let (guard, readers) = channel();
        for stream in streams {
            let (sender, dropped) = (self.sender.clone(), Arc::clone(&self.dropped));
            let guard = guard.clone();
            thread::Builder::new().name("output".into()).spawn(move || {
                read(stream, &sender, &dropped);
                drop(guard);
            })?;
        }
        self.readers = Some(readers);
        Ok(())
    }

    /// Sends a report, in order after the lines before it.
    pub(crate) fn send(&self, report: Report) {
        // The writer lives as long as this sender.
        let _sent = self.sender.send(Some(report));
    }

    /// Waits a short time for the rest of the output.
    pub(crate) fn finish_reading(&self) {
        if let Some(readers) = &self.readers {
            let ended = readers.recv_timeout(REST);
            debug_assert!(ended != Ok(()), "readers say nothing");
            if ended == Err(RecvTimeoutError::Timeout) {
                self.send(Report::Line { text: "[its output goes on elsewhere]".to_owned() });
            }
        }
    }

    /// Waits until the owner has been given everything, or is gone.
    pub(crate) fn finish(self) {
        let _sent = self.sender.send(None);
        // A writer that panicked has said so on standard error.
        let _panicked = self.writer.join();
    }
}

fn read(mut stream: impl Read, sender: &SyncSender<Option<Report>>, dropped: &AtomicU64) {
    let mut splitter = LineSplitter::default();
    let mut emit = |text: String| {
        if sender.try_send(Some(Report::Line { text })).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => splitter.push(&buffer[..read], &mut emit),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    splitter.finish(&mut emit);
}
