//! What a line of the user means.

/// The commands, for who asks.
pub const HELP: &str = "\
/agents         who can be asked
/agent NAME     ask another agent; what was said goes along
/system TEXT    tell the agent something besides its own prompt; without TEXT, no more
/clear          forget what was said
/help           these lines
Ctrl-C stops an answer, Ctrl-D leaves. A question that begins with / is asked with a space before it.";

/// What a line of the user means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    Nothing,
    /// A question.
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
    /// None of them; what to say.
    Wrong(String),
}

impl Command {
    /// The meaning of `line`.
    pub fn of(line: &str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return match line.trim() {
                "" => Self::Nothing,
                question => Self::Ask(question.to_owned()),
            };
        };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, rest.trim()) {
            ("agents", "") => Self::Agents,
            ("agent", "") => Self::Wrong("/agent needs a name; /agents lists them".to_owned()),
            ("agent", agent) => Self::Agent(agent.to_owned()),
            ("system", "") => Self::System(None),
            ("system", text) => Self::System(Some(text.to_owned())),
            ("clear", "") => Self::Clear,
            ("help", "") => Self::Help,
            ("agents" | "clear" | "help", _) => Self::Wrong(format!("/{name} stands alone")),
            _ => Self::Wrong(format!("there is no command /{name}; /help lists them")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_begin_with_a_slash() {
        let wrong = |text: &str| Command::Wrong(text.to_owned());
        for (line, meaning) in [
            ("", Command::Nothing),
            ("  ", Command::Nothing),
            (" what is 1/2? ", Command::Ask("what is 1/2?".to_owned())),
            (" /etc/passwd is what?", Command::Ask("/etc/passwd is what?".to_owned())),
            ("/agents", Command::Agents),
            ("/agent  analyst ", Command::Agent("analyst".to_owned())),
            ("/agent", wrong("/agent needs a name; /agents lists them")),
            ("/system be brief", Command::System(Some("be brief".to_owned()))),
            ("/system", Command::System(None)),
            ("/clear", Command::Clear),
            ("/clear all", wrong("/clear stands alone")),
            ("/fly", wrong("there is no command /fly; /help lists them")),
        ] {
            assert_eq!(Command::of(line), meaning, "{line}");
        }
    }

    proptest! {
        #[test]
        fn whatever_has_no_slash_is_asked_as_it_is(text in "[^/\\s](.*[^\\s])?") {
            prop_assert_eq!(Command::of(&text), Command::Ask(text.clone()));
        }
    }
}
