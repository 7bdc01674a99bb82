//! Python functions in answers.

use crate::item::Program;

/// The function that an answer states: the first block of code that defines it, behind the prompt,
/// whose imports and other functions models leave out; else the answer as the rest of the prompt.
/// `None` where it says nothing.
pub(super) fn code(answer: &str, program: &Program) -> Option<String> {
    let definition = format!("def {}(", program.function);
    let blocks = blocks(answer);
    if let Some(block) = blocks.iter().find(|block| block.contains(&definition)) {
        return Some(format!("{}\n\n{block}", program.prompt));
    }
    if answer.contains(&definition) {
        return Some(format!("{}\n\n{answer}", program.prompt));
    }
    let rest = blocks.into_iter().next().unwrap_or_else(|| answer.to_owned());
    (!rest.trim().is_empty()).then(|| format!("{}{rest}", program.prompt))
}

/// `code`, and behind it the tests.
pub(super) fn with_tests(code: &str, Program { test, function, .. }: &Program) -> String {
    format!("{code}\n\n{test}\n\ncheck({function})\n")
}

/// What stands between fences.
fn blocks(answer: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in answer.lines() {
        if line.trim_start().starts_with("```") {
            match open.take() {
                Some(block) => blocks.push(block),
                None => open = Some(String::new()),
            }
        } else if let Some(block) = &mut open {
            block.push_str(line);
            block.push('\n');
        }
    }
    // An answer that was cut off.
    blocks.extend(open);
    blocks
}
