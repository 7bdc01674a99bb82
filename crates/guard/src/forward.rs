//! The program's output on its way to the owner.
//!
//! Invariant: the program is always read from, so that it never waits for an owner that does not
//! read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::line_splitter::LineSplitter;
use crate::report::Report;
use crate::report_queue::ReportQueue;

/// Time for the rest of the output once all processes of the program have ended. Another process
/// may have been given the other end of the pipe, and hold it.
const REST: Duration = Duration::from_secs(1);

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Way to the owner: standard output.
#[derive(Debug)]
pub(crate) struct Forward {
    queue: Arc<ReportQueue>,
    writer: JoinHandle<()>,
    /// Says something only by its end: that no reader is left.
    readers: Option<Receiver<()>>,
}

impl Forward {
    pub(crate) fn start() -> io::Result<Self> {
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let queue = Arc::new(ReportQueue::default());
        let reports = Arc::clone(&queue);
        let writer = thread::Builder::new().name("reports".into()).spawn(move || {
            let mut write = |report: &Report| output.write_all(&report.line()?);
            // After a failure the owner is gone: the rest is forgotten.
            let mut gone = false;
            while let Some(report) = reports.next() {
                gone = gone || write(&report).is_err();
            }
        })?;
        Ok(Self { queue, writer, readers: None })
    }

    /// Reads `streams` to their ends.
    pub(crate) fn read(&mut self, streams: Vec<Box<dyn Read + Send>>) -> io::Result<()> {
        let (reader, readers) = channel();
        for stream in streams {
            let (queue, reader) = (Arc::clone(&self.queue), reader.clone());
            thread::Builder::new().name("output".into()).spawn(move || {
                read(stream, &queue);
                drop(reader);
            })?;
        }
        self.readers = Some(readers);
        Ok(())
    }

    /// Sends a report, in order after the lines before it.
    pub(crate) fn send(&self, report: Report) {
        self.queue.push(report);
    }

    /// Waits a short time for the rest of the output.
    pub(crate) fn finish_reading(&self) {
        let Some(readers) = &self.readers else { return };
        if readers.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
            self.send(Report::Line { text: "[another process holds its output]".to_owned() });
        }
    }

    /// Waits until the owner has been given everything, or is gone.
    pub(crate) fn finish(self) {
        self.queue.close();
        // A writer that panicked has said so on standard error.
        let _panicked = self.writer.join();
    }
}

fn read(mut stream: impl Read, queue: &ReportQueue) {
    let mut splitter = LineSplitter::default();
    let mut emit = |text: String| queue.push(Report::Line { text });
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
