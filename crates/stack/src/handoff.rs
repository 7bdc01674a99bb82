//! Handoff lines in the built-in prompts: `Hand to coder: each step that needs code.`
//!
//! Owns that syntax, one line per target. A built-in prompt names all possible targets; lines to
//! agents absent from a stack are removed, because models hand work to any agent that the prompt
//! names, present or not. Prompts written by users are not changed.

const PREFIX: &str = "Hand to ";

/// Target agent of `line`, if it is a handoff line.
pub(crate) fn target(line: &str) -> Option<&str> {
    line.strip_prefix(PREFIX)?.split_once(':').map(|(name, _)| name)
}

/// `prompt` without the handoff lines whose target is not `present`.
pub(crate) fn retain_targets(present: impl Fn(&str) -> bool, prompt: &str) -> String {
    let kept: Vec<&str> = prompt.lines().filter(|line| target(line).is_none_or(&present)).collect();
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_absent_agents_are_left_out_and_nothing_else() {
        let prompt = "You plan.\n\nHand to coder: code.\nHand to analyst: numbers.\n\nForm: short.";
        assert_eq!(
            retain_targets(|name| name == "coder", prompt),
            "You plan.\n\nHand to coder: code.\n\nForm: short."
        );
    }

    #[test]
    fn only_a_line_of_that_syntax_is_a_handoff() {
        assert_eq!(target("Hand to coder: code."), Some("coder"));
        assert_eq!(target("To hand over, write one line: `@agent: the task`."), None);
        assert_eq!(target("Hand to nobody"), None);
    }
}
