//! The binary on a pseudo-terminal of a given width.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Longer than any silence of a command that still works.
const STALLED: Duration = Duration::from_mins(2);

/// A command on a pseudo-terminal. Killed on drop.
pub struct Dialogue {
    pub child: Child,
    terminal: File,
    output: Receiver<Vec<u8>>,
    /// Output not yet consumed.
    shown: String,
}

impl Dialogue {
    /// Starts `command` on a terminal of `columns`.
    pub fn start(mut command: Command, columns: u16) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let ours = open();
        tcsetwinsize(&ours, size).unwrap();
        command.env("TERM", "xterm").stdin(open()).stdout(open()).stderr(ours);
        let (child, terminal) = (command.spawn().unwrap(), File::from(terminal));
        let (chunks, output) = channel();
        let mut reader = terminal.try_clone().unwrap();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end of a pseudo-terminal is an error.
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if chunks.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, terminal, output, shown: String::new() }
    }

    pub fn enter(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Consumes output up to the first of `words`, and returns that word.
    pub fn until<'w>(&mut self, words: &[&'w str]) -> &'w str {
        loop {
            let found = words.iter().filter_map(|word| Some((self.shown.find(word)?, *word)));
            if let Some((at, word)) = found.min() {
                self.shown.drain(..at + word.len());
                return word;
            }
            assert!(self.read(), "it ended before {words:?}: {}", self.shown);
        }
    }

    /// Waits for the end of the command; its exit code, and the output that was not consumed, with
    /// plain line breaks.
    pub fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().unwrap().code(), self.shown.replace("\r\n", "\n"))
    }

    /// Output up to `words`, with plain line breaks; consumed.
    pub fn before(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(words) {
                let before = self.shown[..at].replace("\r\n", "\n");
                self.shown.drain(..at + words.len());
                return before;
            }
            assert!(self.read(), "it ended before {words:?}: {}", self.shown);
        }
    }

    /// Reads more output; false at its end.
    fn read(&mut self) -> bool {
        match self.output.recv_timeout(STALLED) {
            Ok(chunk) => {
                self.shown.push_str(&String::from_utf8_lossy(&chunk));
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("it stalled after: {}", self.shown),
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
