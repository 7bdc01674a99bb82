//! Numbers in answers.

/// The number that an answer states: behind its last `Answer:` or `####`, else the last one in it.
pub(super) fn stated(answer: &str) -> Option<String> {
    let marked = answer.lines().rev().find_map(|line| {
        let line = line.trim().trim_start_matches(['*', '_', '`', '#', '>', ' ']);
        let rest = after_label(line, "answer").or_else(|| after_label(line, "final answer"));
        rest.and_then(first)
    });
    marked.or_else(|| behind_hashes(answer)).or_else(|| numbers(answer).pop())
}

/// What follows `label` and a colon at the beginning of `line`.
pub(super) fn after_label<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let (start, rest) = line.split_at_checked(label.len())?;
    let rest = rest.trim_start_matches(['*', '_', '`', ' ']);
    start.eq_ignore_ascii_case(label).then(|| rest.strip_prefix(':')).flatten()
}

/// The first number of `text`.
pub(super) fn first(text: &str) -> Option<String> {
    numbers(text).into_iter().next()
}

fn behind_hashes(answer: &str) -> Option<String> {
    answer.rfind("####").and_then(|at| first(&answer[at..]))
}

/// The numbers of `text`, in their order and normal form.
fn numbers(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let is_digit = |index: usize| at(index).is_some_and(|c| c.is_ascii_digit());
    let mut found = Vec::new();
    let mut index = 0;
    while index < characters.len() {
        let before = index.checked_sub(1).and_then(at);
        // A sign is one where nothing is subtracted.
        let is_negative = matches!(at(index), Some('-' | '−'))
            && !before.is_some_and(|c| c.is_alphanumeric() || c == ')');
        let mut next = index + usize::from(is_negative);
        if is_negative && at(next) == Some('$') {
            next += 1;
        }
        // Digits within a word are part of it.
        let is_in_word = before.is_some_and(char::is_alphabetic);
        let is_point = at(next) == Some('.') && is_digit(next + 1);
        if is_in_word && !is_negative && is_digit(index) {
            while at(index).is_some_and(char::is_alphanumeric) {
                index += 1;
            }
            continue;
        }
        if !(is_digit(next) || is_point) {
            index += 1;
            continue;
        }
        let mut digits = String::new();
        let mut has_point = false;
        while let Some(character) = at(next) {
            match character {
                '0'..='9' => digits.push(character),
                '.' if !has_point && is_digit(next + 1) => {
                    has_point = true;
                    digits.push('.');
                }
                // A separator of thousands stands before exactly three digits.
                ',' if !has_point
                    && (1..=3).all(|ahead| is_digit(next + ahead))
                    && !is_digit(next + 4) => {}
                _ => break,
            }
            next += 1;
        }
        let sign = if is_negative { "-" } else { "" };
        found.push(normal(&format!("{sign}{digits}")));
        index = next;
    }
    found
}

/// The normal form of a number that is written with digits, one point and a sign at most: without
/// separators, leading zeros, and zeros that end a fraction.
pub(crate) fn normal(number: &str) -> String {
    let plain: String = number.chars().filter(|c| !matches!(c, ',' | '$' | ' ' | '+')).collect();
    let (is_negative, plain) = match plain.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, plain.as_str()),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if is_negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}
