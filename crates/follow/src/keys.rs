//! Keys of the terminal, one by one, while lines are drawn over.
//!
//! Invariants: the terminal's mode is restored when this is dropped; signals keep their keys.

use std::io::{self, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Reader of keys.
#[derive(Debug)]
pub(crate) struct Keys {
    before: Termios,
    keys: mpsc::Receiver<u8>,
}

impl Keys {
    /// Reader of stdin's terminal.
    ///
    /// # Errors
    /// When stdin is no terminal.
    pub(crate) fn read() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut mode = before.clone();
        // Without echo, which would be drawn over, and without waiting for the end of a line.
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &mode)?;
        let (sender, keys) = mpsc::channel(16);
        // A separate thread, because the runtime waits for blocking tasks, and at the end of the run
        // it would wait for a key that never comes.
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            let mut key = [0];
            while io::stdin().lock().read(&mut key).is_ok_and(|count| count > 0) {
                if sender.blocking_send(key[0]).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { before, keys })
    }

    /// Forgets the keys that were pressed before: none of them answers what is asked now.
    pub(crate) fn forget(&mut self) {
        while self.keys.try_recv().is_ok() {}
    }

    /// The next key; never, when there are no more.
    pub(crate) async fn next(&mut self) -> u8 {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
