//! The only place that writes to the terminal.
//!
//! Invariants: stdout carries data and nothing else; what accompanies it goes to stderr; meaning
//! never rests on colour, which goes where no terminal is or `NO_COLOR` is set (anstream sees to
//! that).

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use console::Term;
use harmonic_types::Finding;
use serde::Serialize;

/// Most columns that anything is printed in: longer lines are hard to read.
const WIDEST: usize = 100;

const HEADING: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ASIDE: Style = Style::new().dimmed();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Writes to the terminal. What the terminal can do is asked once.
#[derive(Debug)]
pub struct Printer {
    quiet: bool,
    out_colour: ColorChoice,
    err_colour: ColorChoice,
    out_is_terminal: bool,
    err_is_terminal: bool,
    term: Term,
}

impl Printer {
    /// A printer; a `quiet` one leaves out what is neither data nor an error.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            out_colour: AutoStream::choice(&io::stdout()),
            err_colour: AutoStream::choice(&io::stderr()),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            term: Term::stderr(),
        }
    }

    /// Data, with a newline at its end. Gone to the reader when this returns.
    ///
    /// # Errors
    /// When stdout is closed or full.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.out_colour);
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(of_reader)
    }

    /// Data as it comes, without a newline. What would steer a terminal does not reach one.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn piece(&self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.out_colour);
        let written = if self.out_is_terminal {
            out.write_all(harmless(text).as_bytes())
        } else {
            out.write_all(text.as_bytes())
        };
        written.and_then(|()| out.flush()).map_err(of_reader)
    }

    /// What is beside the data and comes in pieces, too. Lost where stderr is closed.
    pub fn aside(&self, text: &str) {
        if !self.quiet {
            let text = harmless(text);
            let mut err = self.stderr();
            let _ = write!(err, "{ASIDE}{text}{ASIDE:#}").and_then(|()| err.flush());
        }
    }

    /// Data that is drawn over the `above` lines that were drawn before it; gives the number of its
    /// own. Lines are cut at the edges of the terminal.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn redraw(&self, above: usize, text: &str) -> io::Result<usize> {
        let mut out = io::stdout().lock();
        let (height, width) = Term::stdout().size_checked().unwrap_or((24, 80));
        let (height, width) = (usize::from(height).saturating_sub(1), usize::from(width));
        let lines = text.lines().take(height.max(1));
        let lines: Vec<String> = lines.map(|line| cut(&harmless(line), width)).collect();
        if above > 0 {
            // Up to the first of the lines before, and everything from there on away.
            write!(out, "\u{1b}[{above}A\u{1b}[J").map_err(of_reader)?;
        }
        writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()).map_err(of_reader)?;
        Ok(lines.len())
    }

    /// The title of what follows, with a blank line before it.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn heading(&self, title: &str) -> io::Result<()> {
        self.data(&format!("\n{HEADING}{title}{HEADING:#}"))
    }

    /// A document as JSON.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn json(&self, document: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| io::Error::other(format!("cannot write JSON: {error}")))?;
        self.data(&text)
    }

    /// A line beside the data. Lost where stderr is closed.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(self.stderr(), "{line}");
        }
    }

    /// What the user should know, and the remedy.
    pub fn finding(&self, finding: &Finding) {
        self.say(&format!("{WARNING}warning{WARNING:#}: {}", finding.message));
        self.say(&format!("{HINT}hint{HINT:#}: {}", finding.hint));
    }

    /// Why nothing more happens, with its causes and its remedy.
    pub fn error(&self, error: &(dyn Error + 'static), hint: Option<&str>) {
        let mut text = format!("{ERROR}error{ERROR:#}: {error}");
        let mut said = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            next = cause.source();
            let cause = cause.to_string();
            // Some errors of libraries repeat their cause.
            if !said.contains(&cause) {
                let _ = write!(text, "\n  because: {cause}");
            }
            said = cause;
        }
        if let Some(hint) = hint {
            let _ = write!(text, "\n{HINT}hint{HINT:#}: {hint}");
        }
        let _ = writeln!(self.stderr(), "{text}");
    }

    fn stderr(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), self.err_colour)
    }

    /// Whether lines on stderr may be drawn over.
    pub fn is_live(&self) -> bool {
        !self.quiet && self.err_is_terminal
    }

    /// Whether a person reads the data as it comes.
    pub fn data_is_live(&self) -> bool {
        self.out_is_terminal
    }

    /// Columns to print in.
    pub fn width(&self) -> usize {
        self.term.size_checked().map_or(WIDEST, |(_, columns)| usize::from(columns).min(WIDEST))
    }

    /// Lines of the terminal; 24, the oldest of heights, where there is none.
    pub fn height(&self) -> usize {
        self.term.size_checked().map_or(24, |(rows, _)| usize::from(rows))
    }

    /// Whether somebody can be asked.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && self.err_is_terminal
    }
}

/// Nobody reads stdout any more. A pipe or a connection elsewhere that breaks is not this.
#[derive(Debug)]
pub struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads what is printed")
    }
}

impl std::error::Error for ReaderGone {}

/// What an error of stdout means: of a broken pipe, that the reader is gone.
fn of_reader(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return io::Error::new(io::ErrorKind::BrokenPipe, ReaderGone);
    }
    error
}

/// The first `width` columns of a line.
fn cut(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

/// `text` without what would steer a terminal.
fn harmless(text: &str) -> String {
    let steers = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    text.chars().map(|char| if steers(char) { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn an_answer_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\tb\n\u{1b}[2Jé"), "a\tb\n\u{fffd}[2Jé");
    }
}
