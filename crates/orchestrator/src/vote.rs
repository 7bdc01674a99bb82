//! Counting the answers of a vote.

use std::collections::BTreeMap;

use crate::graph::normalised;

/// What a vote asks each agent to end its answer with, so that answers can be compared.
pub(crate) const ANSWER_LINE: &str =
    "End with a line that begins with `Answer:` and holds nothing but the answer.";

/// Outcome of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Position of the first of the most frequent answers, and how many said the same.
    Majority(usize, usize),
    /// No two answers are equal.
    AllDiffer,
}

/// Counts `answers`, one at least.
pub(crate) fn count(answers: &[String]) -> Count {
    let mut by_answer: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (position, answer) in answers.iter().enumerate() {
        by_answer.entry(compared(answer)).or_insert((position, 0)).1 += 1;
    }
    // The most frequent one; of equals the one that came first.
    let best = by_answer.into_values().max_by_key(|(first, votes)| (*votes, usize::MAX - first));
    match best {
        Some((first, votes)) if votes > 1 || answers.len() == 1 => Count::Majority(first, votes),
        _ => Count::AllDiffer,
    }
}

/// What of an answer is compared: behind the last `Answer:` that begins a line, else the last line,
/// without marks and case, and numbers without separators of thousands.
fn compared(answer: &str) -> String {
    let lines = || answer.lines().map(str::trim).filter(|line| !line.is_empty());
    let marked = lines().rev().find_map(|line| {
        let line = line.trim_start_matches(['*', '#', '`', ' ']);
        let (label, rest) = line.split_at_checked("answer".len())?;
        let rest = rest.trim_start_matches(['*', '`', ' ']);
        (label.eq_ignore_ascii_case("answer")).then(|| rest.strip_prefix(':')).flatten()
    });
    let text = marked.or_else(|| lines().next_back()).unwrap_or_default();
    let characters: Vec<char> = text.chars().collect();
    let is_digit =
        |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
    // A point between digits and a sign before one change the number.
    let mut plain = String::new();
    for (at, character) in characters.iter().copied().enumerate() {
        let (before, after) = (is_digit(at.checked_sub(1)), is_digit(Some(at + 1)));
        match character {
            ',' if before && after => {}
            '.' if before && after => plain.push_str("point"),
            '-' | '−' if after && !before => plain.push_str("minus"),
            _ => plain.push(character),
        }
    }
    normalised(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(answers: &[&str]) -> Count {
        count(&answers.iter().map(|answer| (*answer).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn answers_are_equal_whatever_their_way_case_marks_and_separators() {
        let same =
            ["So.\nAnswer: 1,234 apples.", "It is\n**Answer:** 1234 Apples\n", "1234 apples"];
        assert_eq!(counted(&same), Count::Majority(0, 3));
    }

    #[test]
    fn numbers_that_differ_by_a_point_or_a_sign_are_different_answers() {
        assert_eq!(counted(&["Answer: 1.5", "Answer: 15", "Answer: -15"]), Count::AllDiffer);
    }

    #[test]
    fn the_first_of_the_most_frequent_counts_and_one_answer_is_its_own_majority() {
        assert_eq!(counted(&["c", "b", "a", "a", "b"]), Count::Majority(1, 2));
        assert_eq!(counted(&["x"]), Count::Majority(0, 1));
        assert_eq!(counted(&["", ""]), Count::Majority(0, 2));
    }
}
