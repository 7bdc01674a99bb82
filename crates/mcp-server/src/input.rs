//! Standard input, read on a thread of its own: the runtime waits for its blocking tasks when it
//! ends, and would wait for a line that never comes.

use std::io::{self, Read};

use bytes::Bytes;
use futures::stream;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

/// Bytes that are read at once.
const PART: usize = 64 << 10;

/// Parts that may wait for the reader.
const WAITING: usize = 4;

/// Standard input.
///
/// # Errors
/// If the thread cannot be started.
pub(crate) fn standard_input() -> io::Result<impl AsyncRead + Send + Unpin> {
    let (sender, received) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut part = vec![0; PART];
        loop {
            let read = match io::stdin().lock().read(&mut part) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(&part[..count])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    })?;
    let parts = stream::unfold(received, |mut received| async {
        let part = received.recv().await?;
        Some((part, received))
    });
    Ok(StreamReader::new(Box::pin(parts)))
}
