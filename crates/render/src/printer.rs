//! Output to the terminal, in one place.
//!
//! Invariants: stdout carries data and nothing else; everything else goes to stderr; meaning never
//! depends on colour, which anstream removes without a terminal or with `NO_COLOR`.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use console::Term;
use harmonic_layout::{Width, wrap_lines};
use harmonic_types::Finding;
use serde::Serialize;

/// Size of a terminal that does not state its own, in lines and columns.
const DEFAULT_SIZE: (u16, u16) = (24, 80);

const HEADING: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ASIDE: Style = Style::new().dimmed();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Terminal writer. Properties of the terminal are queried once.
#[derive(Debug)]
pub struct Printer {
    quiet: bool,
    out_colour: ColorChoice,
    err_colour: ColorChoice,
    out_is_terminal: bool,
    err_is_terminal: bool,
    /// Width given by the user, for either stream.
    columns: Option<usize>,
}

impl Printer {
    /// Printer; a `quiet` one prints only data and errors. `columns` are used instead of the
    /// terminal's.
    pub fn new(quiet: bool, columns: Option<usize>) -> Self {
        Self {
            quiet,
            out_colour: AutoStream::choice(&io::stdout()),
            err_colour: AutoStream::choice(&io::stderr()),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            columns,
        }
    }

    /// Prints data for people with a newline, with lines that are too long wrapped, and flushes.
    ///
    /// # Errors
    /// When stdout is closed or full.
    pub fn text(&self, text: &str) -> io::Result<()> {
        self.data(&wrap_lines(text, self.width()))
    }

    /// Prints data with a newline as it is, and flushes.
    ///
    /// # Errors
    /// When stdout is closed or full.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.out_colour);
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(mark_closed)
    }

    /// Prints a chunk of data without a newline. On a terminal, control characters are replaced.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn chunk(&self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.out_colour);
        let written = if self.out_is_terminal {
            out.write_all(without_control_characters(text).as_bytes())
        } else {
            out.write_all(text.as_bytes())
        };
        written.and_then(|()| out.flush()).map_err(mark_closed)
    }

    /// Prints a chunk of accompanying text on stderr; write errors are ignored.
    pub fn aside(&self, text: &str) {
        if !self.quiet {
            let text = without_control_characters(text);
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
        let (height, width) = size(&Term::stdout());
        let height = height.saturating_sub(1);
        let lines = text.lines().take(height.max(1));
        let lines: Vec<String> =
            lines.map(|line| cut(&without_control_characters(line), width)).collect();
        if above > 0 {
            // Up to the first of the lines before, and everything from there on away.
            write!(out, "\u{1b}[{above}A\u{1b}[J").map_err(mark_closed)?;
        }
        writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()).map_err(mark_closed)?;
        Ok(lines.len())
    }

    /// Prints a heading after a blank line.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn heading(&self, title: &str) -> io::Result<()> {
        self.text(&format!("\n{HEADING}{title}{HEADING:#}"))
    }

    /// Prints a document as JSON.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn json(&self, document: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| io::Error::other(format!("cannot write JSON: {error}")))?;
        self.data(&text)
    }

    /// Prints text on stderr, with lines that are too long wrapped; write errors are ignored.
    pub fn message(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.stderr(), "{}", wrap_lines(text, self.message_width()));
        }
    }

    /// Prints a warning and its remedy.
    pub fn finding(&self, finding: &Finding) {
        self.message(&format!("{WARNING}warning{WARNING:#}: {}", finding.message));
        self.message(&format!("{HINT}hint{HINT:#}: {}", finding.hint));
    }

    /// Prints an error with its causes and its remedy.
    pub fn error(&self, error: &(dyn Error + 'static), hint: Option<&str>) {
        let mut text = format!("{ERROR}error{ERROR:#}: {error}");
        let mut previous = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            next = cause.source();
            let cause = cause.to_string();
            // Some library errors repeat their cause.
            if !previous.contains(&cause) {
                let _ = write!(text, "\n  because: {cause}");
            }
            previous = cause;
        }
        if let Some(hint) = hint {
            let _ = write!(text, "\n{HINT}hint{HINT:#}: {hint}");
        }
        let _ = writeln!(self.stderr(), "{}", wrap_lines(&text, self.message_width()));
    }

    /// Prints the message of wrong usage, which ends with a newline.
    pub fn usage(&self, text: &str) {
        let _ = write!(self.stderr(), "{}", wrap_lines(text, self.message_width()));
    }

    fn stderr(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), self.err_colour)
    }

    /// Whether lines on stderr can be redrawn.
    pub fn is_live(&self) -> bool {
        !self.quiet && self.err_is_terminal
    }

    /// Whether stdout is a terminal.
    pub fn data_is_live(&self) -> bool {
        self.out_is_terminal
    }

    /// Width of stdout: as given, else the terminal's; pipes and files get full lines.
    pub fn width(&self) -> Width {
        self.width_of(self.out_is_terminal, &Term::stdout())
    }

    /// Width of stderr, likewise.
    pub fn message_width(&self) -> Width {
        self.width_of(self.err_is_terminal, &Term::stderr())
    }

    fn width_of(&self, is_terminal: bool, term: &Term) -> Width {
        let columns = self.columns.or_else(|| is_terminal.then(|| size(term).1));
        columns.map_or(Width::UNLIMITED, Width::of_terminal)
    }

    /// Columns of a line on stderr's terminal that is drawn over: not more than it has, whatever
    /// was given.
    pub fn line_columns(&self) -> usize {
        let (_, columns) = size(&Term::stderr());
        self.message_width().columns().map_or(columns, |width| width.min(columns))
    }

    /// Height of stderr's terminal in lines.
    pub fn height(&self) -> usize {
        size(&Term::stderr()).0
    }

    /// Whether the user can answer questions.
    pub fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && self.err_is_terminal
    }
}

/// Marker error: the reader of stdout is gone. Other broken pipes and connections do not carry it.
#[derive(Debug)]
pub struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout is closed")
    }
}

impl std::error::Error for StdoutClosed {}

/// Marks a broken pipe of stdout with [`StdoutClosed`].
fn mark_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return io::Error::new(io::ErrorKind::BrokenPipe, StdoutClosed);
    }
    error
}

/// Lines and columns of a terminal.
fn size(term: &Term) -> (usize, usize) {
    let (lines, columns) = term.size_checked().unwrap_or(DEFAULT_SIZE);
    (usize::from(lines), usize::from(columns))
}

/// The first `width` columns of a line.
fn cut(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

/// `text` with control characters replaced, except newlines and tabs.
fn without_control_characters(text: &str) -> String {
    let is_control = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    text.chars().map(|char| if is_control(char) { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::without_control_characters;

    #[test]
    fn an_answer_cannot_control_the_terminal() {
        assert_eq!(without_control_characters("a\tb\n\u{1b}[2Jé"), "a\tb\n\u{fffd}[2Jé");
    }
}
