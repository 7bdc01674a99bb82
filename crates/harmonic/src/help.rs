//! Help texts and messages of wrong usage, within the width of the terminal.
//!
//! Does not do: parse (clap does), or decide the width (the printer does).

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use harmonic_render::{Printer, Width};

use crate::exit::Exit;
use harmonic_cli::{Cli, aliases};

/// Columns below which the help of a flag stands below the flag.
const STACKED_BELOW: usize = 90;

/// Parses the arguments of this process. Help and messages of wrong usage are printed.
///
/// # Errors
/// The exit status, where there is nothing to run.
pub fn parse(printer: &Printer) -> Result<Cli, Exit> {
    let arguments = aliases::expanded(std::env::args_os());
    let matches = command(printer.width()).try_get_matches_from(arguments);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        let error = aliases::with_tip(error);
        let text = separable(&error.render().ansi().to_string());
        if error.use_stderr() {
            printer.usage(&text);
            return Exit::Usage;
        }
        // A closed pipe is a success, as of any command.
        let _ = printer.text(text.trim_end());
        Exit::Ok
    })
}

/// The command with help texts for `width`.
fn command(width: Width) -> Command {
    // Zero is no limit.
    let columns = width.columns().unwrap_or(0);
    let stacked = columns > 0 && columns < STACKED_BELOW;
    prepared(Cli::command(), columns, stacked)
}

fn prepared(mut command: Command, columns: usize, stacked: bool) -> Command {
    if let Some(about) = command.get_about().map(inseparable) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(inseparable) {
        command = command.long_about(about);
    }
    let argument = |argument: Arg| {
        let (short, long) = (argument.get_help(), argument.get_long_help());
        let (short, long) = (short.map(inseparable), long.map(inseparable));
        let argument = short.into_iter().fold(argument, Arg::help);
        long.into_iter().fold(argument, Arg::long_help)
    };
    command
        .term_width(columns)
        .next_line_help(stacked)
        .mut_args(argument)
        .mut_subcommands(|inner| prepared(inner, columns, stacked))
}

/// `text` in which numbers and their units are one word: clap breaks lines at any ordinary space.
fn inseparable(text: &StyledStr) -> String {
    harmonic_render::lines::joined_figures(&text.to_string())
}

/// `text` with ordinary spaces again.
fn separable(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Help texts of all commands.
    fn helps(width: Width) -> Vec<String> {
        fn all(command: &mut Command, texts: &mut Vec<String>) {
            texts.push(separable(&command.render_long_help().to_string()));
            command.get_subcommands_mut().for_each(|inner| all(inner, texts));
        }
        // As the printer does: clap does not wrap the line of the usage.
        let printed = |text: &String| harmonic_render::lines::wrap_lines(text, width);
        let (mut command, mut texts) = (command(width), Vec::new());
        command.build();
        all(&mut command, &mut texts);
        texts.iter().map(printed).collect()
    }

    #[test]
    fn help_fits_any_terminal_without_a_broken_word() {
        let whole: Vec<String> = helps(Width::UNLIMITED);
        assert!(whole.len() > 15);
        for columns in 60..=200 {
            let texts = helps(Width::of_terminal(columns));
            for (text, whole) in texts.iter().zip(&whole) {
                let words = |text: &str| -> Vec<String> {
                    text.split_whitespace().map(str::to_owned).collect()
                };
                assert_eq!(words(text), words(whole));
                for line in text.lines() {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
        }
    }
}
