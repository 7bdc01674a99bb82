//! A question to the user, with a letter for each answer.

use std::io::{self, BufRead, Write};

use tokio::sync::oneshot;

/// An answer: the word for it, whose first letter is enough.
pub type Answer = &'static str;

/// Asks `question` on stderr until one of `answers` is given. An empty line is the last of them, and
/// so is end of input.
pub async fn ask(question: &str, answers: &'static [Answer]) -> Answer {
    let otherwise = answers.last().copied().unwrap_or_default();
    let letters = answers.iter().filter_map(|answer| answer.get(..1));
    let letters = letters.collect::<Vec<_>>().join("/");
    let mut err = anstream::stderr();
    loop {
        // If the question cannot be written, nobody can answer.
        if write!(err, "{question} [{letters}] ").and_then(|()| err.flush()).is_err() {
            return otherwise;
        }
        let Some(line) = read_line().await else { return otherwise };
        let given = line.trim().to_lowercase();
        let is_it = |answer: &&Answer| given == **answer || answer.get(..1) == Some(given.as_str());
        if let Some(answer) = answers.iter().find(is_it) {
            return answer;
        }
        if given.is_empty() {
            return otherwise;
        }
        let _ =
            writeln!(err, "invalid answer `{}`: expected one of {letters}", given.escape_debug());
    }
}

/// A line of input; `None` at its end.
async fn read_line() -> Option<String> {
    let (answer, answered) = oneshot::channel();
    // A separate thread, because the runtime waits for blocking tasks, and after Ctrl-C it would
    // wait for a line that never comes.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let _ = answer.send(read.ok().filter(|count| *count > 0).map(|_| line));
    });
    answered.await.ok().flatten()
}
