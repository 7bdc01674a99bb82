//! The user's lines, edited on the terminal.
//!
//! Owns: the thread that reads, because reading blocks; and the terminal's settings, which are as
//! they were when this is dropped, even in the middle of a line.

use std::io;
use std::sync::mpsc;
use std::thread;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc as unbounded;

/// What came of a prompt.
#[derive(Debug)]
pub enum Line {
    /// A line.
    Text(String),
    /// Ctrl-C: the line is not meant.
    Discarded,
    /// Ctrl-D.
    End,
    /// The terminal cannot be read.
    Failed(io::Error),
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines {
    prompts: mpsc::Sender<String>,
    answers: unbounded::UnboundedReceiver<Line>,
    #[cfg(unix)]
    terminal: Option<rustix::termios::Termios>,
}

impl Lines {
    /// Starts to read when the first prompt is given.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub fn start() -> anyhow::Result<Self> {
        let mut editor = DefaultEditor::new()?;
        let (prompts, asked) = mpsc::channel::<String>();
        let (answer, answers) = unbounded::unbounded_channel();
        thread::Builder::new().name("lines".to_owned()).spawn(move || {
            for prompt in asked {
                let line = match editor.readline(&prompt) {
                    Ok(line) => {
                        // A line that is not remembered is typed again.
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

    /// Shows `prompt`; the line comes from [`Lines::next`].
    pub fn prompt(&self, prompt: &str) {
        // Without its thread, `next` says that this is the end.
        let _ = self.prompts.send(prompt.to_owned());
    }

    /// What the user answered to the prompt. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Line {
        self.answers.recv().await.unwrap_or(Line::End)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(terminal) = &self.terminal {
            use rustix::termios::{OptionalActions, tcsetattr};
            // A terminal that is gone needs no settings.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, terminal);
        }
    }
}
