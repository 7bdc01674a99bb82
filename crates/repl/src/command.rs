//! Interpretation of a line of user input.

use harmonic_types::did_you_mean;

/// Help text of the commands.
pub const HELP: &str = "\
/agents         list the agents
/agent NAME     switch to another agent, with the conversation so far
/system TEXT    set an additional system prompt; without TEXT, remove it
/clear          clear the conversation
/help           show this help
Ctrl-C stops an answer, Ctrl-D exits. To send a question that begins with /, put a space before it.";

/// Names of the commands.
const NAMES: [&str; 5] = ["agents", "agent", "system", "clear", "help"];

/// Interpretation of a line of user input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Empty.
    Empty,
    /// Question to the agent.
    Ask(String),
    /// `/agents`.
    Agents,
    /// `/agent NAME`.
    Agent(String),
    /// `/system TEXT`.
    System(Option<String>),
    /// `/clear`.
    Clear,
    /// `/help`.
    Help,
    /// Invalid command, with its error message.
    Invalid(String),
}

impl Command {
    /// Parses `line`.
    pub fn of(line: &str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return match line.trim() {
                "" => Self::Empty,
                question => Self::Ask(question.to_owned()),
            };
        };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, rest.trim()) {
            ("agents", "") => Self::Agents,
            ("agent", "") => {
                Self::Invalid("/agent requires a name; /agents lists the agents".to_owned())
            }
            ("agent", agent) => Self::Agent(agent.to_owned()),
            ("system", "") => Self::System(None),
            ("system", text) => Self::System(Some(text.to_owned())),
            ("clear", "") => Self::Clear,
            ("help", "") => Self::Help,
            ("agents" | "clear" | "help", _) => Self::Invalid(format!("/{name} takes no argument")),
            _ => {
                let meant = did_you_mean(name, NAMES);
                Self::Invalid(format!("unknown command /{name}{meant}; /help lists the commands"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_begin_with_a_slash() {
        let invalid = |text: &str| Command::Invalid(text.to_owned());
        for (line, meaning) in [
            ("", Command::Empty),
            ("  ", Command::Empty),
            (" what is 1/2? ", Command::Ask("what is 1/2?".to_owned())),
            (" /etc/passwd is what?", Command::Ask("/etc/passwd is what?".to_owned())),
            ("/agents", Command::Agents),
            ("/agent  analyst ", Command::Agent("analyst".to_owned())),
            ("/agent", invalid("/agent requires a name; /agents lists the agents")),
            ("/system be brief", Command::System(Some("be brief".to_owned()))),
            ("/system", Command::System(None)),
            ("/clear", Command::Clear),
            ("/clear all", invalid("/clear takes no argument")),
            ("/fly", invalid("unknown command /fly; /help lists the commands")),
        ] {
            assert_eq!(Command::of(line), meaning, "{line}");
        }
    }

    proptest! {
        #[test]
        fn lines_without_a_slash_are_sent_unchanged(text in "[^/\\s](.*[^\\s])?") {
            prop_assert_eq!(Command::of(&text), Command::Ask(text.clone()));
        }
    }
}
