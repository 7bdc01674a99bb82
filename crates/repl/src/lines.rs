//! Line editor on the terminal.
//!
//! Owns: the reading thread, because reading blocks; and the terminal's settings, which are
//! restored on drop, even in the middle of a line.

use std::io;
use std::sync::mpsc;
use std::thread;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc as unbounded;

/// Result of a prompt.
#[derive(Debug)]
pub enum Line {
    /// Entered text.
    Text(String),
    /// Ctrl-C: line discarded.
    Discarded,
    /// Ctrl-D.
    End,
    /// Read error.
    Failed(io::Error),
}

/// Line reader.
#[derive(Debug)]
pub struct Lines {
    prompts: mpsc::Sender<String>,
    answers: unbounded::UnboundedReceiver<Line>,
    #[cfg(unix)]
    terminal: Option<rustix::termios::Termios>,
}

impl Lines {
    /// Starts the thread, which reads once the first prompt is given.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub fn start() -> io::Result<Self> {
        let mut editor = DefaultEditor::new().map_err(io::Error::other)?;
        let (prompts, requests) = mpsc::channel::<String>();
        let (answer, answers) = unbounded::unbounded_channel();
        thread::Builder::new().name("lines".to_owned()).spawn(move || {
            for prompt in requests {
                let line = match editor.readline(&prompt) {
                    Ok(line) => {
                        // History is optional.
                        let _ = editor.add_history_entry(&line);
                        Line::Text(line)
                    }
                    Err(ReadlineError::Interrupted) => Line::Discarded,
                    Err(ReadlineError::Eof) => Line::End,
                    Err(error) => Line::Failed(io::Error::other(error)),
                };
                if answer.send(line).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            prompts,
            answers,
            #[cfg(unix)]
            terminal: rustix::termios::tcgetattr(io::stdin()).ok(),
        })
    }

    /// Shows `prompt`; [`Lines::next`] returns the line.
    pub fn prompt(&self, prompt: &str) {
        // If the thread has ended, `next` returns the end.
        let _ = self.prompts.send(prompt.to_owned());
    }

    /// Result of the prompt. Cancel-safe.
    pub async fn next(&mut self) -> Line {
        self.answers.recv().await.unwrap_or(Line::End)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(terminal) = &self.terminal {
            use rustix::termios::{OptionalActions, tcsetattr};
            // Fails only if the terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, terminal);
        }
    }
}
