//! Names of commands that users of other programs type, and what they are called here.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Name, and the command that runs in its place.
const ALIASES: [(&str, &[&str]); 8] = [
    ("list", &["models", "list"]),
    ("ls", &["models", "list"]),
    ("pull", &["models", "pull"]),
    ("rm", &["models", "rm"]),
    ("serve", &["up"]),
    ("show", &["models", "show"]),
    ("status", &["ps"]),
    ("stop", &["down"]),
];

/// Names whose arguments differ too much, and what to use instead.
const TIPS: [(&str, &str); 4] = [
    ("start", "`harmonic up` starts a team, in the background with --detach"),
    ("create", "agents come from a stack file: `harmonic up --stack FILE`"),
    ("cp", "`harmonic models pull SOURCE --name NAME` stores a model under another name"),
    ("push", "models are only fetched: `harmonic models pull SOURCE`"),
];

/// Help text of the aliases.
pub fn help() -> String {
    let shown = ALIASES.map(|(alias, command)| format!("{alias} ({})", command.join(" ")));
    format!("Aliases: {}", shown.join(", "))
}

/// `arguments`, the first of which is the program, with an alias replaced by its command.
pub fn expanded(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // Options before a command have no values.
    let is_option = |argument: &OsString| argument.to_string_lossy().starts_with('-');
    let Some(at) = arguments.iter().skip(1).position(|one| !is_option(one)).map(|at| at + 1) else {
        return arguments;
    };
    if let Some((_, command)) = ALIASES.iter().find(|(alias, _)| arguments[at] == **alias) {
        arguments.splice(at..=at, command.iter().map(OsString::from));
    }
    arguments
}

/// `error`, with a tip for a command that has another name here.
pub fn with_tip(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, tip)) = TIPS.iter().find(|(known, _)| known == name)
    {
        // Similar names of clap would mislead.
        error.remove(ContextKind::SuggestedSubcommand);
        let tip = ContextValue::StyledStrs(vec![(*tip).into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::Cli;

    fn expand(line: &str) -> String {
        let words = expanded(line.split(' ').map(OsString::from));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_word_alone_is_an_alias() {
        for (line, expected) in [
            ("harmonic ls --json", "harmonic models list --json"),
            ("harmonic -q -vv list", "harmonic -q -vv models list"),
            ("harmonic rm m", "harmonic models rm m"),
            ("harmonic stop --all", "harmonic down --all"),
            ("harmonic keys list", "harmonic keys list"),
            ("harmonic chat stop", "harmonic chat stop"),
            ("harmonic -q", "harmonic -q"),
            ("harmonic", "harmonic"),
        ] {
            assert_eq!(expand(line), expected);
        }
    }

    #[test]
    fn no_alias_or_tip_hides_a_command() {
        let names: Vec<_> =
            Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
        let ours = ALIASES.iter().map(|(name, _)| *name).chain(TIPS.iter().map(|(name, _)| *name));
        for name in ours {
            assert!(!names.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn a_name_of_another_program_has_a_tip() {
        let error =
            |name| with_tip(Cli::try_parse_from(["harmonic", name]).unwrap_err()).to_string();
        for (name, tip) in TIPS {
            assert!(error(name).contains(tip), "{}", error(name));
        }
    }
}
