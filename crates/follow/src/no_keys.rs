//! Keys of the terminal: not read on this system.

use std::io;

/// Reader of keys, of which there is none.
#[derive(Debug)]
pub(crate) struct Keys(std::convert::Infallible);

impl Keys {
    /// # Errors
    /// Always.
    pub(crate) fn read() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn forget(&mut self) {}

    pub(crate) async fn next(&mut self) -> u8 {
        match self.0 {}
    }
}
