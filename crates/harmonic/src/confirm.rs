//! A yes or no from the user.

use std::io::{self, BufRead, Write};

use tokio::sync::oneshot;

/// Asks on stderr. Anything but y or yes is no, an end of input too.
pub async fn confirm(question: &str) -> bool {
    let mut err = anstream::stderr();
    // Whoever cannot read the question will not say yes.
    let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let (answer, answered) = oneshot::channel();
    // A thread of its own: the runtime would wait for a blocking task, and a user who presses
    // Ctrl-C would wait for a line that never comes.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let line = line.trim().to_lowercase();
        let _ = answer.send(read.is_ok() && matches!(line.as_str(), "y" | "yes"));
    });
    answered.await.unwrap_or(false)
}
