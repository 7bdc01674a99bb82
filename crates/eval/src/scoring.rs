//! What of an answer counts, and whether it is right.
//!
//! Invariants: the same answer always gets the same reading; an answer that says nothing is wrong,
//! and never an error.

mod calls;
mod label;
mod number;
mod program;

use crate::item::{Expected, Item};

pub(crate) use number::normal;

/// Longest answer that is read, in bytes; of a longer one the end is.
const MOST: usize = 256 << 10;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What is compared with other answers to the same item; `None` where it says nothing.
    pub key: Option<String>,
    /// Whether it is right.
    pub grade: Grade,
}

/// Whether an answer is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grade {
    /// It is.
    Right,
    /// It is not.
    Wrong,
    /// It is right if this Python program ends without an error.
    Runs(String),
}

/// Reads the answer to `item`.
pub fn read(item: &Item, answer: &str) -> Reading {
    let from = answer.ceil_char_boundary(answer.len().saturating_sub(MOST));
    let answer = &answer[from..];
    match &item.expected {
        Expected::Number(right) => {
            let key = number::stated(answer);
            let grade = graded(key.as_ref() == Some(right));
            Reading { key, grade }
        }
        Expected::Values(right) => {
            let found = label::values(answer, right);
            let grade = graded(found == *right);
            let shown = found.iter().map(|(label, value)| format!("{label}={value}"));
            let key = shown.collect::<Vec<_>>().join(" ");
            Reading { key: (!key.is_empty()).then_some(key), grade }
        }
        Expected::Calls(right) => {
            let found = calls::stated(answer);
            let grade = graded(found.as_ref().is_some_and(|found| calls::are_right(found, right)));
            Reading { key: found.map(|found| calls::key(&found)), grade }
        }
        Expected::Program(program) => match program::code(answer, program) {
            Some(code) => {
                Reading { grade: Grade::Runs(program::with_tests(&code, program)), key: Some(code) }
            }
            None => Reading { key: None, grade: Grade::Wrong },
        },
    }
}

fn graded(is_right: bool) -> Grade {
    if is_right { Grade::Right } else { Grade::Wrong }
}

#[cfg(test)]
mod tests;
