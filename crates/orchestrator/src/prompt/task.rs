//! What stands at the end of a prompt: the task, by its kind.

use crate::prompt::fence;
use crate::vote::ANSWER_LINE;

/// A text that was sent back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    /// The text.
    pub(crate) text: String,
    /// Its tokens.
    pub(crate) tokens: u32,
    /// What is wrong with it.
    pub(crate) reasons: String,
}

/// Task of an answer; `last` is what was sent back before, `missing` what could not be done.
pub(crate) fn ask(instruction: &str, last: Option<&Objection>, missing: &[String]) -> String {
    let mut task = instruction.trim().to_owned();
    if !missing.is_empty() {
        task.push_str("\n\nThese inputs are missing, and your answer must say so: ");
        task.push_str(&missing.join("; "));
        task.push('.');
    }
    if let Some(Objection { text, reasons, .. }) = last {
        task.push_str("\n\nYou have done this before, and it was sent back:\n");
        task.push_str(&fence("artifact", "sent back", text));
        task.push_str("Reasons:\n");
        task.push_str(&fence("artifact", "reasons", reasons));
        task.push_str("Do the task again, whole, so that the reasons no longer hold.");
    }
    task
}

/// Task of one answer of a vote.
pub(crate) fn sample(instruction: &str) -> String {
    format!("{}\n\n{ANSWER_LINE}", instruction.trim())
}

/// Task of a judge among `answers`.
pub(crate) fn judge(instruction: &str, answers: &[String]) -> String {
    let mut task = format!(
        "Several answers were given to this task:\n{}\n\nThe answers:\n",
        fence("artifact", "task", instruction)
    );
    for (position, answer) in answers.iter().enumerate() {
        task.push_str(&fence("artifact", &format!("answer {}", position + 1), answer));
    }
    task.push_str("Give the number of the best answer, as JSON: {\"choice\": NUMBER}.");
    task
}

/// Task of a check of the artifact `label`.
pub(crate) fn check(instruction: &str, label: &str) -> String {
    format!(
        "Check artifact {label}. It is accepted if this holds:\n{}\n\nAnswer as JSON: {{\"reasons\": \
         what is wrong and how to mend it, or why nothing is, \"accept\": true or false}}.",
        instruction.trim()
    )
}

/// Task of a condensation to `tokens`, which `part` of `parts` is shown of.
pub(crate) fn condense(tokens: u32, part: usize, parts: usize) -> String {
    // A token is about three quarters of a word (docs/sources.md#words-per-token).
    let words = (u64::from(tokens) * 3 / 4).max(1);
    let of = if parts > 1 { format!(" (part {} of {parts})", part + 1) } else { String::new() };
    format!(
        "Shorten the artifact{of} to at most {words} words. Keep facts, figures, names, code and \
         conclusions; leave out repetition. Add nothing. Write the shortened text alone."
    )
}

/// `text` in `parts` of about equal length, cut between characters.
pub(crate) fn parts(text: &str, parts: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let length = characters.len().div_ceil(parts.max(1)).max(1);
    characters.chunks(length).map(|part| part.iter().collect()).collect()
}

/// Message to a model that has no more turns for tools.
pub(crate) const fn last_turn() -> &'static str {
    "No more tools may be called. Answer now, with what you have."
}

/// Result of a call that was made before with the same arguments.
pub(crate) fn refused_repeat(result: &str) -> String {
    format!(
        "This tool was called before with the same arguments, and was not called again. A third call \
         ends the task. Its result was:\n{result}"
    )
}
