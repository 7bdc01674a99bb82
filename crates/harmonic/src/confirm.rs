//! Yes/no confirmation by the user.

use std::io::{self, BufRead, Write};

use tokio::sync::oneshot;

/// Asks `question` on stderr. Any answer but y or yes is no, and so is end of input.
pub async fn confirm(question: &str) -> bool {
    let mut err = anstream::stderr();
    // If the question cannot be written, the answer is no.
    let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let (answer, answered) = oneshot::channel();
    // A separate thread, because the runtime waits for blocking tasks, and after Ctrl-C it would
    // wait for a line that never comes.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let line = line.trim().to_lowercase();
        let _ = answer.send(read.is_ok() && matches!(line.as_str(), "y" | "yes"));
    });
    answered.await.unwrap_or(false)
}
