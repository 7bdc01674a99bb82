//! The parts that a goal lists by itself.

/// Parts, at most; a longer list is material, not a division.
const MOST: usize = 32;

/// Parts that a goal lists by itself: the items of a list, or several questions. Empty where it has
/// fewer than two, or more than can be tasks.
pub fn goal_parts(goal: &str) -> Vec<String> {
    let listed: Vec<String> = goal.lines().filter_map(item).collect();
    if listed.len() >= 2 {
        return bounded(listed);
    }
    let questions = goal.split_inclusive('?').filter(|part| part.ends_with('?'));
    let last_sentence = |part: &str| {
        let ends = part.trim_end_matches('?').rfind(['.', '!', '\n', ':']).map_or(0, |at| at + 1);
        part[ends..].trim().to_owned()
    };
    let questions: Vec<String> =
        questions.map(last_sentence).filter(|question| question.len() > 1).collect();
    if questions.len() >= 2 { bounded(questions) } else { Vec::new() }
}

fn bounded(parts: Vec<String>) -> Vec<String> {
    if parts.len() <= MOST { parts } else { Vec::new() }
}

/// Text of a line that is an item of a list: behind `-`, `*`, `•`, or a number with `.` or `)`.
fn item(line: &str) -> Option<String> {
    let line = line.trim();
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '•'])?,
        1..=3 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let text = rest.strip_prefix([' ', '\t'])?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_several_questions_are_parts_and_a_single_goal_has_none() {
        assert_eq!(goal_parts("Do:\n- a b\n * c\n• d\n-e\nend"), ["a b", "c", "d"]);
        assert_eq!(goal_parts("1. one\n2) two\n1999. year"), ["one", "two"]);
        assert_eq!(
            goal_parts("Tea is old. Who drank it first? And why? Thanks."),
            ["Who drank it first?", "And why?"]
        );
        for single in ["", "Write a poem", "Why?", "- one item", "-1 or -2?", "What?? ?"] {
            assert_eq!(goal_parts(single), [""; 0], "{single}");
        }
        let long = "- item\n".repeat(40);
        assert_eq!(goal_parts(&long), [""; 0]);
    }
}
