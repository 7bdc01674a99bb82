//! Hand-over lines in the built-in prompts: `Hand to coder: each step that needs code.`
//!
//! Owns that form, one line for each target. A prompt names all agents that could ever be meant;
//! in a stack without one of them its line is left out, because a model hands work to whomever its
//! prompt names, there or not. Prompts that a user wrote are never touched.

const OPENING: &str = "Hand to ";

/// The agent that `line` hands work to, if it is a hand-over line.
pub(crate) fn target(line: &str) -> Option<&str> {
    line.strip_prefix(OPENING)?.split_once(':').map(|(name, _)| name)
}

/// `prompt` without the lines that hand work to an agent for which `present` does not hold.
pub(crate) fn only_to(present: impl Fn(&str) -> bool, prompt: &str) -> String {
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
            only_to(|name| name == "coder", prompt),
            "You plan.\n\nHand to coder: code.\n\nForm: short."
        );
    }

    #[test]
    fn only_a_line_of_that_form_is_a_hand_over() {
        assert_eq!(target("Hand to coder: code."), Some("coder"));
        assert_eq!(target("To hand over, write one line: `@agent: the task`."), None);
        assert_eq!(target("Hand to nobody"), None);
    }
}
